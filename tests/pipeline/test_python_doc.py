"""docs/python.md is followed to the letter: its command, then its code, block after block."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

BLOCK = re.compile(r"^```(python|text|)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
pytestmark = pytest.mark.slow


def without_fractions(text: str) -> str:
    """Another CPU may flip a token: what is measured counts by its form only, what is counted to the digit."""
    return re.sub(r" +", " ", re.sub(r"\d+\.\d+", "#", text)).strip()


def test_its_code_runs_and_prints_what_it_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (_, command), *blocks = BLOCK.findall((ROOT / "docs/python.md").read_text())
    words = shlex.split(command)
    assert words[:2] == ["python", "launch.py"]
    done = subprocess.run(
        [sys.executable, str(ROOT / "launch.py"), *words[2:]], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    monkeypatch.chdir(tmp_path)
    folder = done.stdout.splitlines()[-1]
    names: dict[str, object] = {}
    codes = [text for kind, text in blocks if kind == "python"]
    shown = [text for kind, text in blocks if kind == "text"]
    for code, expected in zip(codes, shown, strict=True):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(re.sub(r'open_run\("[^"]+"\)', f"open_run({folder!r})", code), names)
        assert without_fractions(printed.getvalue()) == without_fractions(expected), code
