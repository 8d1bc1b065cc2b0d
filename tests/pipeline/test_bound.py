"""A private Ray ends with its command, even one that is killed: workers, which may hold a GPU, and Ray's own agents."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from commands import descendants, start, still_running
from conftest import ROOT

pytestmark = pytest.mark.slow

COMMAND = """
from types import SimpleNamespace
from pipeline.inputs.config import ClusterSettings
from pipeline.workers.cluster import ray, ray_for

class Worker:
    def ready(self):
        print("ready", flush=True)

with ray_for(ClusterSettings(None, 1, 1, 0), SimpleNamespace(status=print)):
    worker = ray.remote(Worker).remote()
    ray.get(worker.ready.remote())
    print("ready", flush=True)
    input()
"""


def test_nothing_of_it_outlives_a_command_that_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "command.py"
    script.write_text(COMMAND)
    command = start([], script, PYTHONPATH=str(ROOT))
    assert command.stdout
    try:
        assert "ready\n" in iter(command.stdout.readline, "")
        below = descendants(command.pid)
    finally:
        os.kill(command.pid, signal.SIGKILL)
        _, errors = command.communicate()
    assert len(below) >= 5, "head, node process, two agents and a worker"
    assert still_running(below) == [], errors
