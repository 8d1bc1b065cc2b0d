"""deploy/slurm.sh with Ray itself: a job is preempted, comes back, and its results are those of one that was not."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from commands import descendants, free_job_id, records, slices, still_running, uninterrupted
from ray_nodes import folder_of_a_node
from slurm_stubs import SCONTROL, SQUEUE, SRUN, logged, start_job, write_commands

pytestmark = pytest.mark.slow
LIMIT = 8
SMALL = "--node-ip-address=127.0.0.1 --min-worker-port=0 --max-worker-port=0 --object-store-memory=100000000"


def test_a_preempted_job_comes_back_and_ends_as_if_it_had_not_been(checkpoint: Path, tmp_path: Path) -> None:
    commands = write_commands(tmp_path / "bin", srun=SRUN, scontrol=SCONTROL, squeue=SQUEUE)
    group = "+sweep.groups.g={grid: {seed: [1, 2, 3]}, set: {temperature: 0.7}}"
    small = [f"limit={LIMIT}", "slice_size=2", "gen_length=8", "block_length=4", "wandb=off"]
    asked = ["~sweep.groups.setting", group, *small, f"model.path={checkpoint}", f"out={tmp_path}"]
    number = free_job_id()

    def started(others: str, restarts: int, nodes: int = 2) -> subprocess.Popen[str]:
        slurm = {
            "PYTHON": sys.executable,
            "FLAGS": SMALL,
            "OTHERS": others,
            "SLURM_JOB_ID": number,
            "SLURM_JOB_NUM_NODES": str(nodes),
        }
        words = [*asked, "cluster.gpus_per_worker=0"]
        return start_job(tmp_path, commands, words, SLURM_RESTART_COUNT=str(restarts), **slurm)

    try:
        with folder_of_a_node() as others:
            job = started(others, 0)
            while slices(tmp_path) < 2 and job.poll() is None:
                time.sleep(0.05)
            below = descendants(job.pid)
            job.send_signal(signal.SIGTERM)
            shown, _ = job.communicate(timeout=120)
            assert job.returncode == 143, shown
            assert logged(tmp_path, "scontrol") == [f"scontrol requeue {number}"]
            # Where a node is ended before its log says so, Ray's agents look for its dead head for a minute.
            assert still_running(below, 120) == []
            shutil.rmtree(f"/tmp/ray-{number}", ignore_errors=True)
        assert 2 <= slices(tmp_path) < 12, "it was cut short"
        with folder_of_a_node() as others:
            job = started(others, 1, nodes=1)
            shown, _ = job.communicate(timeout=400)
        assert job.returncode == 0 and "stored already" in shown, shown
    finally:
        shutil.rmtree(f"/tmp/ray-{number}", ignore_errors=True)
        if job.poll() is None:
            os.killpg(job.pid, signal.SIGKILL)
    expected = uninterrupted(asked, tmp_path / "whole", LIMIT)
    assert len(expected) == 3 * LIMIT
    pd.testing.assert_frame_equal(records(asked, tmp_path, LIMIT), expected)
