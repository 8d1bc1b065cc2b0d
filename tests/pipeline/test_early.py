"""Workers that start with a private Ray: how many, what they have imported before they are needed, who takes them."""

from __future__ import annotations

import os
import re
import sys
import time
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.inputs.config import ClusterSettings
from pipeline.workers.bound import needed
from pipeline.workers.capacity import check_room, this_machine
from pipeline.workers.early import early_workers, inherited

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


@pytest.mark.slow
def test_a_trial_gets_a_worker_that_has_imported_what_it_needs() -> None:
    import pipeline.workers.cluster as cluster_module  # isort: skip  # it says what Ray reads when it is imported
    import psutil  # type: ignore[import-untyped]  # comes with Ray
    import ray
    from ray.tune.execution import tune_controller

    from pipeline.workers.tune_search import early_workers_taken

    class Told:  # here, so that its module is not imported
        def found(self, needed: set[str]) -> tuple[int, set[str], str]:
            """What a trial would find in its worker."""
            return os.getpid(), needed & set(sys.modules), os.environ["OMP_NUM_THREADS"]

    with early_workers_taken():
        remote: Any = tune_controller._ActorClassCache()
    cluster, display = ClusterSettings(None, 2, 1, 0), SimpleNamespace(status=lambda _: None)
    with inherited(early_workers(cluster, 9, 1)), cluster_module.ray_for(cluster, display):  # type: ignore[arg-type]
        processes = psutil.Process().children(recursive=True)
        names, lines = [each.name() for each in processes], [" ".join(each.cmdline()) for each in processes]
        assert names.count("ray::IDLE") == 2 and not any(
            re.search("dashboard.py|log_monitor.py|monitor.py", line) for line in lines
        )
        started = time.time()
        actors = [remote.get(Told).remote() for _ in range(2)]
        told = ray.get([actor.found.remote(NEEDED) for actor in actors])
        assert len({pid for pid, *_ in told}) == 2
        for pid, modules, threads in told:
            assert (modules, threads) == (NEEDED, "1")
            assert psutil.Process(pid).create_time() < started
