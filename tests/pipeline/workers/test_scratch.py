"""The folder of a run of Ray goes with the run; that of a killed run goes with the next one, and nobody else's."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from pipeline.errors import ConfigError
from pipeline.workers import scratch
from tests.pipeline.conftest import ROOT

HOLD = "from pipeline.workers.scratch import scratch_folder\nwith scratch_folder() as f: print(f, flush=True); input()"


def holding() -> tuple[subprocess.Popen[str], Path]:
    """Another process with a scratch folder of its own."""
    pipe = subprocess.PIPE
    process = subprocess.Popen([sys.executable, "-c", HOLD], cwd=ROOT, stdin=pipe, stdout=pipe, text=True)
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


@pytest.mark.slow
def test_what_a_killed_run_left_goes_and_what_a_living_one_holds_stays() -> None:
    killed, left = holding()
    living, held = holding()
    try:
        (left / "session/logs").mkdir(parents=True)
        for folder in (left, held):
            os.utime(folder, (time.time() - 2 * scratch.YOUNG,) * 2)
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        assert left.is_dir() and held.is_dir()
        with scratch.scratch_folder() as own:
            assert not left.exists() and held.is_dir() and Path(own).is_dir()
            os.utime(own, (time.time() - 2 * scratch.YOUNG,) * 2)
            scratch.remove_ownerless(Path(own).parent)
            assert Path(own).is_dir()
        assert not Path(own).exists()
    finally:
        living.communicate("\n")
    assert not held.exists()


def test_a_young_folder_and_one_that_was_never_locked_are_left_alone(tmp_path: Path) -> None:
    for name in ("axon-ray-young", "axon-ray-without", "of-somebody-else"):
        (tmp_path / name).mkdir()
    for name in ("axon-ray-young", "of-somebody-else"):
        (tmp_path / name / scratch.OWNER).touch()
    for name in ("axon-ray-without", "of-somebody-else"):
        os.utime(tmp_path / name, (time.time() - 7200,) * 2)
    scratch.remove_ownerless(tmp_path)
    assert len(list(tmp_path.iterdir())) == 3


def test_an_error_leaves_nothing() -> None:
    with pytest.raises(KeyboardInterrupt), scratch.scratch_folder() as folder:
        assert Path(folder).parent == Path("/tmp") or str(Path(folder).parent) == tempfile.gettempdir()
        raise KeyboardInterrupt
    assert not Path(folder).exists()


def test_a_place_that_takes_no_folder_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> str:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(tempfile, "mkdtemp", refuse)
    line = r"^cluster: Ray's files can't be written to /tmp \(Read-only file system\); make it writable"
    with pytest.raises(ConfigError, match=line), scratch.scratch_folder():
        pass
