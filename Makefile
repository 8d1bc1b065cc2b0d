# The two commands of a newcomer are `make demo` and `make test`; both make the virtual environment first.
VENV ?= .venv
PYTHON ?= python3.11
BIN := $(VENV)/bin
READY := $(VENV)/.installed

.PHONY: help demo test check train-tiny card clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20

# torch first and alone: asked for by another package, pip would take a build of several gigabytes.
$(READY): pyproject.toml constraints.txt
	@echo "Setting up $(VENV) (a few minutes the first time) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check torch==2.13.0
	@$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $(READY)

# The programs to be scored are our own small model's: where a machine isolates nothing, plain processes will do.
demo: $(READY) ## sweep AXON's anchor budget on the bundled model and draw the quality-NFE fronts
	@$(BIN)/python launch.py sweep=anchor_budget task=pycode decoder=dawn limit=150 \
	  'trade_off.values=[0.25,0.4,0.5,0.56,0.58,0.6,0.65,0.7,0.8]' sandbox.require=process

check: $(READY) ## format, lint, types, fast tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pytest -m "not slow"

test: $(READY) ## format, lint, types, all tests (Ray, end to end)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pytest

train-tiny: $(READY) ## train the bundled model from scratch (an hour and a half on two cores)
	$(BIN)/python assets/tiny/train.py

card: $(READY) ## measure the bundled model and rewrite its card's figures
	$(BIN)/python assets/tiny/card.py

clean: ## remove the environment and the caches; outputs/ stays
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
