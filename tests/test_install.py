"""What installing relies on: the Python that make finds, the ranges of versions, the packages that are exposed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from setuptools import find_packages

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
TOP = ("axon", "pipeline", "lm_eval_axon")
MAKE = shutil.which("make")
needs_make = pytest.mark.skipif(MAKE is None, reason="make is not installed")


def found_packages() -> list[str]:
    """The packages that setuptools takes, by the project's own patterns."""
    return find_packages(str(ROOT), include=PROJECT["tool"]["setuptools"]["packages"]["find"]["include"])


def test_every_package_is_found_and_nothing_else() -> None:
    files = [file for top in TOP for file in (ROOT / top).rglob("__init__.py")]
    assert set(found_packages()) == {".".join(file.parent.relative_to(ROOT).parts) for file in files}


def test_types_and_the_reports_page_are_part_of_the_packages() -> None:
    patterns = PROJECT["tool"]["setuptools"]["package-data"]["*"]
    data = {
        file.name for top in TOP for file in (ROOT / top).rglob("*") if file.suffix in (".typed", ".html")
    }
    assert {"py.typed", "page.html"} <= data
    assert all((ROOT / top / "py.typed").is_file() for top in TOP)
    assert all(any(Path(name).match(pattern) for pattern in patterns) for name in data)


@pytest.mark.slow
def test_every_package_imports_from_another_folder(tmp_path: Path) -> None:
    pytest.importorskip("lm_eval", reason="lm-eval is not installed")
    program = "import importlib, sys; [importlib.import_module(name) for name in sys.argv[1:]]"
    subprocess.run(
        [sys.executable, "-c", program, *found_packages()],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
    )


def test_the_tested_versions_lie_in_the_ranges_asked_for() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = {canonicalize_name(line.split("==")[0]): line.split("==")[1] for line in lines if "==" in line}
    asked = [PROJECT["project"]["dependencies"], *PROJECT["project"]["optional-dependencies"].values()]
    for requirement in (Requirement(text) for texts in asked for text in texts):
        if requirement.name != PROJECT["project"]["name"]:
            assert pins[canonicalize_name(requirement.name)] in requirement.specifier, requirement


# Stand-ins for interpreters. They run make's check, which they get after -c, in this test's own Python.
SCRIPT = "#!/bin/sh\nexec {python} -c 'import sys, venv, ensurepip; {change}; exec(sys.argv[1])' \"$2\"\n"
NO_VENV = 'sys.modules["ensurepip"] = None'
BROKEN = "#!/bin/sh\necho 'command not found' >&2\nexit 127\n"  # what pyenv leaves for versions not chosen


def stand_in(what: str) -> str:
    """A script that passes for a Python of that version, for one without venv, or for a command that starts nothing."""
    if what == "broken":
        return BROKEN
    version = f"sys.version_info = ({what.replace('.', ', ')})"
    return SCRIPT.format(python=sys.executable, change=NO_VENV if what == "no venv" else version)


def set_up(tmp_path: Path, pythons: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    """What `make` would run to set up an environment where PATH holds these commands alone."""
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    for name, what in pythons.items():
        (bin_folder / name).write_text(stand_in(what))
        (bin_folder / name).chmod(0o755)
    ready = tmp_path / "venv" / ".installed"
    command = [str(MAKE), "-n", f"VENV={ready.parent}", *words, str(ready)]
    # A fresh environment: `make test` hands its own variables down, a PYTHON=... among them.
    return subprocess.run(command, cwd=ROOT, env={"PATH": str(bin_folder)}, capture_output=True, text=True)


@needs_make
@pytest.mark.parametrize(
    ("pythons", "words", "chosen"),
    [
        ({"python3": "3.13.0", "python3.11": "3.11.0", "python3.12": "3.12.1"}, [], "python3.11"),
        ({"python3": "3.12.1", "python3.13": "3.13.0"}, [], "python3"),
        ({"python3": "3.10.13", "python3.12": "3.12.1", "python3.14": "3.14.0"}, [], "python3.12"),
        ({"python3": "no venv", "python3.14": "3.14.0"}, [], "python3.14"),
        ({"python3.11": "broken", "python3.12": "broken", "python3.13": "3.13.0"}, [], "python3.13"),
        ({"python": "3.12.1"}, [], "python"),
        ({"python3.11": "3.11.0", "mine": "3.12.1"}, ["PYTHON=mine"], "mine"),
    ],
)
def test_make_takes_a_python_that_will_do(
    tmp_path: Path, pythons: dict[str, str], words: list[str], chosen: str
) -> None:
    done = set_up(tmp_path, pythons, *words)
    assert done.returncode == 0, done.stderr
    assert re.search(r"\bpython=(\S+)", done.stdout)[1] == chosen


@needs_make
@pytest.mark.parametrize(
    ("pythons", "words", "named"),
    [
        ({}, [], "python3.11"),
        ({"python3": "3.10.13", "python": "3.9.1"}, [], "python3.11"),
        ({"python3.11": "3.11.0", "old": "3.10.13"}, ["PYTHON=old"], "old"),
        ({"python3.11": "3.11.0"}, ["PYTHON=absent"], "absent"),
    ],
)
def test_make_says_in_one_line_what_python_it_needs(
    tmp_path: Path, pythons: dict[str, str], words: list[str], named: str
) -> None:
    done = set_up(tmp_path, pythons, *words)
    assert done.returncode == 2 and not done.stdout
    [line] = done.stderr.splitlines()
    assert named in line and "Python 3.11 or newer" in line and "make PYTHON=" in line


@needs_make
def test_make_needs_no_python_where_nothing_is_set_up(tmp_path: Path) -> None:
    done = subprocess.run(
        [str(MAKE), "-n", "clean"], cwd=ROOT, env={"PATH": str(tmp_path)}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
