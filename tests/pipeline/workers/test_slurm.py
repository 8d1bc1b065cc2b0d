"""deploy/slurm.sh on stand-ins for Slurm's commands: Ray on all nodes, one token, and when a job comes back."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pipeline.commands import descendants, free_job_id, still_running
from tests.pipeline.slurm_stubs import (
    PYTHON,
    RAY,
    SCONTROL,
    SCRIPT,
    SQUEUE,
    SRUN,
    logged,
    start_job,
    write_commands,
)


@pytest.fixture
def commands(tmp_path: Path) -> Path:
    return write_commands(
        tmp_path / "bin", srun=SRUN, scontrol=SCONTROL, squeue=SQUEUE, ray=RAY, python=PYTHON
    )


def started(folder: Path, commands: Path, sweep: str, **environment: str) -> subprocess.Popen[str]:
    words = {"PYTHON": str(commands / "python"), "PYTHON_HERE": sys.executable, "SWEEP": sweep}
    job = {"SLURM_JOB_ID": free_job_id()}
    return start_job(folder, commands, ["sweep=x", "limit=5"], **{**words, **job, **environment})


def test_ray_runs_on_all_nodes_with_one_token_and_the_sweep_joins_it(tmp_path: Path, commands: Path) -> None:
    """A sweep that is over before the second node has begun would end that unseen."""
    job = started(tmp_path, commands, 'until (($(grep -c ^srun "$LOG") == 2)); do sleep 0.05; done')
    shown, _ = job.communicate(timeout=30)
    assert job.returncode == 0, shown
    head, others = logged(tmp_path, "srun")
    address = logged(tmp_path, "python")[0].split("cluster.address=")[1].split()[0]
    host, port = address.split(":")
    assert (
        "--nodes=1 --ntasks=1" in head and f"--nodelist={host}" in head and f"--head --port={port} " in head
    )
    assert (
        "--nodes=1 --ntasks=1" in others
        and f"--exclude={host}" in others
        and f"--address={address}" in others
    )
    tokens = {line.split("mode=token token=")[1] for line in (head, others)}
    assert len(tokens) == 1 and len(tokens.pop()) == 64
    assert logged(tmp_path, "python") == [
        f"python launch.py cluster=ray_address cluster.address={address} sweep=x limit=5"
    ]
    assert logged(tmp_path, "scontrol", 0) == []


ENDS = {
    "all done": ("exit 0", {}, None, 0, False),
    "a setting failed": ("exit 1", {}, None, 1, False),
    "wrong input": ("exit 2", {}, None, 2, False),
    "preempted": ("sleep 60 & wait", {}, signal.SIGTERM, 143, True),
    "cancelled": (
        "sleep 60 & wait", {"STATE": "COMPLETING"}, signal.SIGTERM, 143, False,
    ),
    "preempted while Ray starts": ("sleep 60 & wait", {"RAY_SLEEPS": "0.5"}, signal.SIGTERM, 143, True),
    "Ray was ended": ("sleep 1.5; exit 1", {"HEAD_SECONDS": "1"}, None, 1, True),
    "Ray was ended, after the last slice": ("sleep 1.5; exit 0", {"HEAD_SECONDS": "1"}, None, 0, False),
    "again and again": (
        "sleep 60 & wait", {"SLURM_RESTART_COUNT": "100"}, signal.SIGTERM, 143, False,
    ),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("end", ENDS)
def test_a_job_comes_back_where_going_on_may_help(tmp_path: Path, commands: Path, end: str) -> None:
    sweep, environment, blow, code, again = ENDS[end]
    job = started(tmp_path, commands, sweep, **environment)
    assert logged(tmp_path, "ray" if "RAY_SLEEPS" in environment else "python")
    below = descendants(job.pid)
    if blow:
        job.send_signal(blow)
    shown, _ = job.communicate(timeout=30)
    assert job.returncode == code, shown
    requeued = logged(tmp_path, "scontrol", 0)
    assert (len(requeued) == 1 and requeued[0].startswith("scontrol requeue 2")) if again else requeued == []
    assert still_running(below) == []


def test_a_head_that_does_not_start_ends_the_job(tmp_path: Path, commands: Path) -> None:
    (commands / "ray").write_text("#!/bin/bash\nexit 1\n")
    job = started(tmp_path, commands, "exit 0")
    shown, _ = job.communicate(timeout=30)
    assert job.returncode == 1 and "Ray did not start on 127.0.0.1" in shown
    assert logged(tmp_path, "python", 0) == []


def test_the_script_has_no_fault_that_shellcheck_knows() -> None:
    found = subprocess.run(
        [str(Path(sys.executable).with_name("shellcheck")), str(SCRIPT)], capture_output=True, text=True
    )
    assert found.returncode == 0, found.stdout
