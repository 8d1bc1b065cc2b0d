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

from tests.axon.published import write_published
from tests.pipeline.conftest import ROOT

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
    write_published(tmp_path / "checkpoint", "a2d_qwen2_5_coder_0_5b")  # which doesn't say its attention
    (tmp_path / "assets").symlink_to(ROOT / "assets")
    names: dict[str, object] = {}
    for number, (kind, code) in enumerate(blocks):
        if kind != "python":
            assert kind == "text" and blocks[number - 1][0] == "python"
            continue
        following, expected = [*blocks, ("", "")][number + 1]
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(re.sub(r'open_run\("[^"]+"\)', f"open_run({folder!r})", code), names)
        shown = expected if following == "text" else ""
        assert without_fractions(printed.getvalue()) == without_fractions(shown), code
    assert names["theirs"].block_size == 8  # type: ignore[attr-defined]
