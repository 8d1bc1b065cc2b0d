"""The sandbox's tests at the level of plain processes, where root's own Python lies out of the reach of nobody.

Programs of root run as nobody there. A Python of the system is within its reach.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from pipeline.errors import ConfigError
from pipeline.sandbox import Sandbox
from tests.pipeline.conftest import ROOT

NAMES = [f"python3.{minor}" for minor in range(11, 20)]


def runs_here() -> bool:
    try:
        Sandbox(workers=1, level="process").close()
    except ConfigError:
        return False
    return True


@pytest.mark.slow
def test_plain_processes_hold_what_they_can() -> None:
    if runs_here():
        pytest.skip("test_sandbox.py and test_sandbox_ends.py run at level 'process' itself")
    python = next(filter(None, (shutil.which(name, path=os.defpath) for name in NAMES)), None)
    if python is None:
        pytest.skip(f"no Python of the system: none of {', '.join(NAMES)} in {os.defpath}")
    places = [ROOT, Path(pytest.__file__).parents[1]]
    environment = {"PATH": os.defpath, "PYTHONPATH": os.pathsep.join(map(str, places))}
    chosen = "[process and not closing"  # which takes a folder of pytest's, closed to nobody
    files = ["tests/pipeline/sandbox/test_sandbox.py", "tests/pipeline/sandbox/test_sandbox_ends.py"]
    tests = ["--noconftest", "-p", "no:cacheprovider", *files, "-k", chosen]
    done = subprocess.run(
        [python, "-m", "pytest", "-rA", *tests], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    passed = re.findall(r"^PASSED .*\[process\b", done.stdout, flags=re.MULTILINE)
    reasons = set(re.findall(r"^SKIPPED .*?: (.*)$", done.stdout, flags=re.MULTILINE))
    assert len(passed) >= 150, done.stdout
    assert reasons == {"needs isolation, which level 'process' lacks", "not bounded without isolation"}
