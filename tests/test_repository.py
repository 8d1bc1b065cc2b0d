"""What the repository promises of itself: small rooms, and imports that go one way."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PARTS = ("axon", "lm_eval_axon", "pipeline", "assets", "tests")
SOURCES = [ROOT / "launch.py", *(file for part in PARTS for file in sorted((ROOT / part).rglob("*.py")))]


@cache
def imported(file: Path) -> set[str]:
    """The top-level packages that a file imports, anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    return names


def test_a_file_is_read_in_one_sitting() -> None:
    assert not [file for file in SOURCES if len(file.read_text().splitlines()) > 350]


def test_the_library_needs_torch_and_transformers_alone() -> None:
    allowed = {"axon", "torch", "transformers", "safetensors", *sys.stdlib_module_names}
    allowed |= {"huggingface_hub"}  # transformers' own way to the hub
    for file in (ROOT / "axon").rglob("*.py"):
        assert imported(file) <= allowed, file
        if file.name != "verify.py":  # a command, not the library
            assert not imported(file) & {"time", "logging", "random"}, file


@pytest.mark.slow
@pytest.mark.parametrize(
    ("package", "homes"),
    [
        # Ray itself; Tune, its trials, its search
        (
            "ray",
            [f"pipeline/workers/{name}.py" for name in ("cluster", "sweep", "trial", "tune_search")],
        ),
        (
            "wandb",
            [
                f"pipeline/report/tracker/{name}.py"
                for name in ("ahead", "client", "dashboard", "fronts", "sweep")
            ],
        ),
        ("optuna", ["pipeline/search/optuna_search.py"]),
        ("hydra", ["launch.py"]),
    ],
)
def test_each_framework_has_its_place(package: str, homes: list[str]) -> None:
    users = [str(f.relative_to(ROOT)) for f in SOURCES if package in imported(f) and "tests" not in f.parts]
    assert sorted(users) == homes


LAYERS = ("statistics", "data", "comparisons", "words", "figures", "html")  # of pipeline/report/


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_of_the_report_uses_those_below_it_alone(layer: str) -> None:
    above = LAYERS[LAYERS.index(layer) + 1 :]
    for file in (ROOT / "pipeline/report" / layer).glob("*.py"):
        assert not re.search(rf"pipeline\.report\.({'|'.join(above) or '$'})\b", file.read_text()), file


def test_files_with_slow_tests_come_first(request: pytest.FixtureRequest) -> None:
    items = request.session.items
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    assert [item.path in slow for item in items] == sorted(
        (item.path in slow for item in items), reverse=True
    )


def test_no_remote_code_and_no_pickle() -> None:
    for file in SOURCES:
        if file != Path(__file__):
            text = file.read_text()
            assert not re.search(
                r"trust_remote_code\s*=\s*True|weights_only\s*=\s*False|import pickle", text
            ), file


@pytest.mark.slow
def test_the_library_imports_without_the_pipelines_packages() -> None:
    program = (
        "import sys\n"
        "for name in ('ray', 'wandb', 'hydra', 'omegaconf', 'pandas', 'pydantic'): sys.modules[name] = None\n"
        "from axon import decode, load_model\n"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)
