"""Every command of the README and of docs/ is one that this version takes, and every file of ours they name exists."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import pytest

import launch
from pipeline.inputs.command_line import read_command_line, run_words
from pipeline.inputs.config import read_config
from pipeline.inputs.run_words import RUN_WORDS
from tests.pipeline.conftest import ROOT

PAGES = [ROOT / "README.md", ROOT / "deploy/README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^ *```\w*\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


def commands(page: Path) -> list[list[str]]:
    """The words behind `python launch.py`, of each such line in a block of code."""
    lines = "\n".join(BLOCK.findall(page.read_text())).replace("\\\n", " ").splitlines()
    found = [re.sub(r"\s+(#|\| less).*", "", line.strip()) for line in lines]
    return [shlex.split(line)[2:] for line in found if line.startswith("python launch.py")]


# Of packages that a reader of docs/extending.md makes: test_own_package.py makes them, and runs such commands.
THEIRS = re.compile(r"decoder=margin|axon\.gate=few")
ALL = {shlex.join(words): words for page in PAGES for words in commands(page)}
OF_OTHERS = [command for command in ALL if THEIRS.search(command)]
for command in OF_OTHERS:
    del ALL[command]

OURS = re.compile(r"`((?:axon|pipeline|conf|tests|benchmarks|deploy|assets|lm_eval_axon)/[a-z0-9_/.]+)`")
ADDED = {"axon/decoders/margin.py", "pipeline/search/rising.py"}  # by who follows docs/extending.md


def test_files_that_are_named_exist() -> None:
    pages = [*PAGES, ROOT / "CONTRIBUTING.md"]
    named = {(page.name, path) for page in pages for path in OURS.findall(page.read_text())}
    assert len(named) > 40
    gone = [(page, path) for page, path in named if path not in ADDED and not (ROOT / path).exists()]
    assert not gone


def test_there_are_commands() -> None:
    assert len(ALL) > 40 and len(OF_OTHERS) == 3


@pytest.mark.slow
@pytest.mark.parametrize("command", ALL)
def test_a_command_is_taken(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    line = read_command_line(ALL[command])
    if line.flags:
        return
    if (words := run_words(line)) is not None:
        job = words.get("job", "")
        assert job == "import" or words.keys() - {"job"} <= set(RUN_WORDS[job])
        return
    monkeypatch.setattr(sys, "argv", ["launch.py", *ALL[command]])
    read_config(launch.compose())
