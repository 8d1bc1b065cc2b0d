# The two commands of a newcomer are `make demo` and `make test`; both make the virtual environment first.
VENV ?= .venv
# Candidates in order of preference: the version that the tests run on, then what the machine calls Python 3.
PYTHON ?= python3.11 python3 python3.12 python3.13 python3.14 python3.15 python
BIN := $(VENV)/bin
READY := $(VENV)/.installed
# Two test files at a time: tests of one file share what they set up. More would starve those that start Ray. In the
# order of tests/conftest.py: xdist's own begins with the files that have most tests, and ends with the longest ones.
PARALLEL := -n 2 --dist loadfile --no-loadscope-reorder
# A core each: threads of numpy and of torch would wait for each other, also in the commands that tests start. These need
# not compile what others did.
PYTEST := OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE= $(BIN)/pytest $(PARALLEL)

.PHONY: help demo test check bench train-tiny card clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20

# Candidates are run, not only looked up: pyenv leaves names on PATH that start nothing, and Debian's Python may lack
# what venv needs. Recursive (=, not :=), so that only setting up needs a Python at all.
FOUND = $(or $(shell for python in $(PYTHON); do \
    if "$$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; \
    then echo "$$python"; break; fi; done),$(error No usable Python among: $(PYTHON). Python 3.11 or newer with its venv \
    module is needed. Install it (Debian or Ubuntu: apt install python3 python3-venv) or name it: make PYTHON=/path/to/python))

# The constraints name torch without a local version, so that pip takes the build at hand: the CPU's where an index
# has one, and no second build beside it. The pip that a Python brings takes half as long again as the constraints'
# one. Nothing is compiled ahead: of 25,000 files a seventh is ever imported, and Python compiles those then.
$(READY): pyproject.toml constraints.txt
	@python=$(FOUND) && echo "Setting up $(VENV) with $$python (a minute or two the first time) ..." && "$$python" -m venv $(VENV)
	@$(BIN)/pip install --quiet --no-compile --disable-pip-version-check -c constraints.txt pip
	@PYTHONWARNINGS='ignore:Editable installation' $(BIN)/pip install --quiet --no-compile --disable-pip-version-check \
	    -c constraints.txt -e '.[dev]'
	@touch $(READY)

demo: $(READY) ## sweep AXON's anchor budget on the bundled model and draw the quality-NFE fronts
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python launch.py +experiment=demo

check: $(READY) ## format, lint, types, fast tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy --num-workers=2
	$(PYTEST) -m "not slow"

test: $(READY) ## format, lint, types, all tests (Ray, end to end)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy --num-workers=2
	$(PYTEST)

bench: $(READY) ## time it: caches, passes and batches against the releases' loops, the sweep's own time (ten minutes)
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python benchmarks/tables.py

train-tiny: $(READY) ## train the bundled model from scratch (an hour and a half on two cores)
	$(BIN)/python assets/tiny/train.py

card: $(READY) ## measure the bundled model and rewrite its card's figures
	$(BIN)/python assets/tiny/card.py

clean: ## remove the environment and the caches; outputs/ stays
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
