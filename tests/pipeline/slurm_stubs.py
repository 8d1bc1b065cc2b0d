"""Stand-ins for Slurm's commands, which run everything on this machine, and for Ray and the sweep.

A job's folder holds `bin/` with srun, scontrol and squeue, and `log`: a line for every command that was run.
"""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

from tests.pipeline.conftest import ROOT

SCRIPT = ROOT / "deploy/slurm.sh"

# Slurm ends a step with its srun, and so does `exec`.
SRUN = """#!/bin/bash
while [[ $1 == --* ]]; do options+=("$1"); shift; done
echo "srun ${options[*]} $* mode=$RAY_AUTH_MODE token=$RAY_AUTH_TOKEN" >> "$LOG"
exec "$@"
"""
SCONTROL = """#!/bin/bash
[[ $1 == show ]] && printf '%s\\n' $NODES || echo "scontrol $*" >> "$LOG"
"""
SQUEUE = """#!/bin/bash
echo "$STATE"
"""
# Ray: the head listens until it is ended, or for HEAD_SECONDS.
RAY = """#!/bin/bash
echo "ray $*" >> "$LOG"
sleep ${RAY_SLEEPS:-0}
[[ $* == *--head* ]] || exec sleep 60
port=$(sed 's/.*--port=\\([0-9]*\\).*/\\1/' <<< "$*")
exec "$PYTHON_HERE" -c "
import socket, time
listening = socket.create_server(('127.0.0.1', $port))
time.sleep(${HEAD_SECONDS:-60})"
"""
# launch.py and the interpreter that runs it: SWEEP is a line of bash. It ends at SIGTERM as launch.py does.
PYTHON = """#!/bin/bash
trap 'kill %1 2>/dev/null; exit 143' TERM
echo "python $*" >> "$LOG"
eval "$SWEEP"
"""


def write_commands(folder: Path, **scripts: str) -> Path:
    folder.mkdir()
    for name, text in scripts.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    return folder


def start_job(folder: Path, bin_folder: Path, words: list[str], **environment: str) -> subprocess.Popen[str]:
    """deploy/slurm.sh as Slurm starts it on two nodes, of which both are this machine."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("RAY_")}
    slurm = {
        "SLURM_JOB_ID": "4711", "SLURM_JOB_NODELIST": "n[1-2]", "SLURM_JOB_NUM_NODES": "2", "SLURM_CPUS_PER_TASK": "1",
        "NODES": "127.0.0.1 n2", "STATE": "RUNNING", "LOG": str(folder / "log"),
    }  # fmt: skip
    path = {"PATH": f"{bin_folder}:{inherited['PATH']}"}
    return subprocess.Popen(
        [str(SCRIPT), *words], cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        start_new_session=True, env={**inherited, **slurm, **path, **environment},
    )  # fmt: skip


def logged(folder: Path, start: str, seconds: float = 20) -> list[str]:
    """The log's lines that begin so, as soon as there are any."""
    until = time.monotonic() + seconds
    while True:
        text = (folder / "log").read_text() if (folder / "log").exists() else ""
        if (
            found := [line for line in text.splitlines() if line.startswith(start)]
        ) or time.monotonic() > until:
            return found
        time.sleep(0.02)
