"""A loaded model's large tensors lie on huge pages where the system has them, and the user may say no."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from axon import load_model
from axon.huge_pages import VARIABLE

TINY = Path(__file__).resolve().parents[2] / "assets" / "tiny"
ENABLED = Path("/sys/kernel/mm/transparent_hugepage/enabled")
# What is loaded is small; what the first pass of a large model takes is not.
SCRIPT = f"""
from pipeline.importing import importing_models
with importing_models():
    import torch
    from axon import load_model
load_model({str(TINY)!r})
large = torch.ones(1 << 24)
[line] = [line for line in open("/proc/self/smaps_rollup") if line.startswith("AnonHugePages")]
print(line.split()[1])
"""


@pytest.mark.parametrize("said", ["0", "1"])
def test_what_the_environment_says_stays(said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, said)
    load_model(TINY)
    assert os.environ[VARIABLE] == said


@pytest.mark.slow
@pytest.mark.skipif(
    not ENABLED.exists() or "[madvise]" not in ENABLED.read_text(),
    reason="this system has no huge pages for those who ask",
)
@pytest.mark.parametrize(("said", "large"), [({}, True), ({VARIABLE: "0"}, False)])
def test_large_tensors_lie_on_huge_pages(said: dict[str, str], large: bool) -> None:
    environment = {name: value for name, value in os.environ.items() if name != VARIABLE} | said
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=True
    )
    assert (int(done.stdout) >= 32 * 1024) == large  # kB, half of the tensor
