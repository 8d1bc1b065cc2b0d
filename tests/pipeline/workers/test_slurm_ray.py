"""deploy/slurm.sh with Ray itself on two hosts: a job is preempted, comes back, and its results are those of one that
was not.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from tests.pipeline.commands import records, slices, uninterrupted
from tests.pipeline.conftest import ROOT
from tests.pipeline.hosts import Host, network
from tests.pipeline.ray_nodes import PLAIN, RAY
from tests.pipeline.slurm_stubs import SCONTROL, SCRIPT, SQUEUE, logged, write_commands

pytestmark = pytest.mark.slow
LIMIT = 8
# A host's own program, to which SIGTERM is passed on: what is entered has other numbers for its processes.
ON = """#!/bin/bash
trap 'kill -TERM $(cat /proc/$!/task/$!/children)' TERM
{enter} "$@" &
while wait $!; code=$?; kill -0 $! 2>/dev/null; do :; done
exit $code
"""
SRUN = """#!/bin/bash
while [[ $1 == --* ]]; do options+=("$1"); shift; done
echo "srun ${options[*]} $*" >> "$LOG"
[[ ${options[*]} == *--nodelist=first* ]] && on=first || on=second
small=(--object-store-memory=100000000 --no-monitor --include-log-monitor=false)
exec "$(dirname "$0")/$on" "$RAY_HERE" "${@:2}" "${small[@]}"
"""
PYTHON = """#!/bin/bash
exec "$(dirname "$0")/first" "$PYTHON_HERE" "$@"
"""
# The script runs on the first node, as far as its network and names go.
BATCH = """mount --bind {names} /etc/hosts
exec nsenter --target={pid} --net --uts "$@"
"""


def words(shared: str | Path) -> list[str]:
    group = "+sweep.groups.g={grid: {seed: [1, 2, 3]}, set: {temperature: 0.7}}"
    small = [f"limit={LIMIT}", "slice_size=2", "gen_length=8", "block_length=4", "wandb=off"]
    return ["~sweep.groups.setting", group, *small, f"model.path={shared}/model", f"out={shared}/out"]


def started(folder: Path, first: Host, nodes: int) -> subprocess.Popen[str]:
    slurm = {
        "SLURM_JOB_ID": "4711", "SLURM_JOB_NODELIST": "first,second", "SLURM_JOB_NUM_NODES": str(nodes),
        "SLURM_CPUS_PER_TASK": "1", "NODES": "first second", "STATE": "RUNNING", "LOG": str(folder / "log"),
        "PYTHON": str(folder / "bin/python"), "PYTHON_HERE": sys.executable, "RAY_HERE": RAY,
    }  # fmt: skip
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("RAY_")}
    batch = BATCH.format(names=first.network.shared / "hosts", pid=first.pid)
    asked = [*words("/mnt"), "cluster.gpus_per_worker=0"]
    return subprocess.Popen(
        ["unshare", "--mount", "bash", "-c", batch, "batch", str(SCRIPT), *asked], cwd=ROOT, text=True,
        env={**inherited, **slurm, **PLAIN, "PATH": f"{folder / 'bin'}:{inherited['PATH']}"},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip


def ended(job: subprocess.Popen[str], seconds: float) -> str:
    try:
        shown, _ = job.communicate(timeout=seconds)
    finally:
        if job.poll() is None:
            os.killpg(job.pid, signal.SIGKILL)
    return shown


def test_a_preempted_job_comes_back_and_ends_as_if_it_had_not_been(checkpoint: Path, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shutil.copytree(checkpoint, shared / "model")
    with network(shared) as net:
        first, second = net.host("first", hidden=False), net.host("second")
        on = {
            host.name: ON.format(enter=shlex.join(host.command([], str(ROOT) if host is first else "/tmp")))
            for host in (first, second)
        }
        write_commands(tmp_path / "bin", srun=SRUN, scontrol=SCONTROL, squeue=SQUEUE, python=PYTHON, **on)
        job = started(tmp_path, first, 2)
        while slices(shared / "out") < 2 and job.poll() is None:
            time.sleep(0.05)
        job.send_signal(signal.SIGTERM)
        shown = ended(job, 120)
        assert job.returncode == 143, shown
        assert logged(tmp_path, "scontrol") == ["scontrol requeue 4711"]
        assert len(logged(tmp_path, "srun")) == 2
        for host in (first, second):
            assert host.run(["pgrep", "--list-full", "ray|gcs"]) == (1, ""), "Ray has ended there"
        assert 2 <= slices(shared / "out") < 12, "it was cut short"
        shown = ended(job := started(tmp_path, first, 1), 400)
        assert job.returncode == 0 and "stored already" in shown, shown
    expected = uninterrupted(words(shared), tmp_path / "whole", LIMIT)
    assert len(expected) == 3 * LIMIT
    pd.testing.assert_frame_equal(records(words(shared), shared / "out", LIMIT), expected)
