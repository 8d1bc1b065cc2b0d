"""Workers that start with a private Ray: how many, what they have imported before they are needed, who takes them."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.inputs.config import ClusterSettings
from pipeline.workers.bound import needed
from pipeline.workers.capacity import check_room, this_machine
from pipeline.workers.early import early_workers, inherited
from tests.pipeline.commands import completed
from tests.pipeline.conftest import ROOT

COUNT = "RAY_worker_maximum_startup_concurrency"
NEEDED = {"torch", "transformers.modeling_utils", "pipeline.evaluation.evaluate", "ray.tune"}


@given(st.integers(1, 9), st.sampled_from([None, 1, 2, 9]), st.sampled_from([0.25, 0.5, 1]))
def test_no_more_start_than_there_is_room_or_work_for(slices: int, workers: int | None, cpus: float) -> None:
    cluster = ClusterSettings(None, workers, cpus, 0)
    room = check_room(cluster, [this_machine()])
    assert int(early_workers(cluster, slices, 1)[COUNT]) == min(slices, room if workers is None else workers)


def test_none_start_on_a_cluster_or_with_a_gpu() -> None:
    assert not early_workers(ClusterSettings("auto", None, 1, 0), 9, 1)
    assert not early_workers(ClusterSettings(None, None, 1, 0.5), 9, 1)


def test_the_environment_is_left_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THERE", "before")
    monkeypatch.delenv("AWAY", raising=False)
    with pytest.raises(KeyboardInterrupt), inherited({"THERE": "within", "AWAY": "within"}):
        assert (os.environ["THERE"], os.environ["AWAY"]) == ("within", "within")
        raise KeyboardInterrupt
    assert os.environ["THERE"] == "before" and "AWAY" not in os.environ


def test_a_worker_without_an_environment_of_its_own_starts_at_once() -> None:
    plain = ["python", "/ray/setup_worker.py", "/ray/default_worker.py", "--node-id=1", "--language=PYTHON"]
    assert needed(plain) == ["python", "/ray/default_worker.py", "--node-id=1"]
    own = [*plain, "--serialized-runtime-env-context={}"]
    assert needed(own) == own
    agent = ["python", "/ray/agent.py", "--language=PYTHON"]
    assert needed(agent) == agent and needed(["python"]) == ["python"]


# In a process of its own: Ray reads a token once, and a test before this one may have started it without.
COMMAND = """
import json, os, sys, time
from types import SimpleNamespace
from pipeline.inputs.config import ClusterSettings
from pipeline.workers.cluster import ray, ray_for
from pipeline.workers.early import early_workers, inherited
from pipeline.workers.tune_search import plain_workers
from ray.tune.execution import tune_controller
from ray.util.placement_group import placement_group
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy
import psutil

class Told:
    def found(self, needed):
        return os.getpid(), sorted(needed & set(sys.modules)), os.environ["OMP_NUM_THREADS"]

with plain_workers():
    remote = tune_controller._ActorClassCache()
cluster = ClusterSettings(None, 2, 1, 0)
with inherited(early_workers(cluster, 9, 1)), ray_for(cluster, SimpleNamespace(status=lambda _: None)):
    processes = psutil.Process().children(recursive=True)
    names, lines = [each.name() for each in processes], [" ".join(each.cmdline()) for each in processes]
    started, group = time.time(), placement_group([{"CPU": 1}] * 2)  # as Tune takes cores before it asks for workers
    assert group.wait(30)
    time.sleep(1.5)  # Ray ends workers that are too many after a second
    placed = PlacementGroupSchedulingStrategy(group)
    actors = [remote.get(Told).options(num_cpus=1, scheduling_strategy=placed).remote() for _ in range(2)]
    told = ray.get([actor.found.remote(set(sys.argv[1:])) for actor in actors])
    born = [psutil.Process(pid).create_time() < started for pid, *_ in told]
print(json.dumps({"names": names, "lines": lines, "told": told, "born": born}))
"""


@pytest.mark.slow
def test_a_trial_gets_a_worker_that_has_imported_what_it_needs(tmp_path: Path) -> None:
    script = tmp_path / "command.py"
    script.write_text(COMMAND)
    # None has a say in a private Ray: another cluster's address, a hook that asks for workers' environments, and how
    # long a worker may take to register: the command would wait for ever for one that Ray gave up.
    others = {"RAY_ADDRESS": "127.0.0.1:1", "RAY_RUNTIME_ENV_HOOK": "no.such_hook"}
    others["RAY_worker_register_timeout_seconds"] = "1"
    code, shown, errors = completed(sorted(NEEDED), script, PYTHONPATH=str(ROOT), **others)
    assert code == 0, errors
    found = json.loads(shown.splitlines()[-1])
    assert found["names"].count("ray::IDLE") == 2
    assert not any(re.search("dashboard.py|log_monitor.py|monitor.py|Agent", line) for line in found["lines"])
    assert len({pid for pid, *_ in found["told"]}) == 2 and all(found["born"])
    assert all(modules == sorted(NEEDED) and threads == "1" for _, modules, threads in found["told"])
