"""What fits on a machine, and the message if nothing does."""

from __future__ import annotations

import io
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

import pipeline.evaluation.evaluate as evaluate
from pipeline.errors import ConfigError
from pipeline.inputs.config import ClusterSettings, Config
from pipeline.jobs import run_job
from pipeline.workers.capacity import Machine, Need, check_room
from pipeline.workers.sweep import worker_settings
from pipeline.workers.trial import SliceTrial, ray
from tests.pipeline.conftest import composing


def cluster(cpus: float, gpus: float | None, address: str | None = None) -> ClusterSettings:
    return ClusterSettings(address, None, cpus, gpus)


def refusal(settings: ClusterSettings, *machines: Machine) -> str:
    with pytest.raises(ConfigError) as caught:
        check_room(settings, machines)
    return str(caught.value)


@given(
    cpus=st.sampled_from([0.1, 0.5, 1, 2, 3.5, 64]),
    gpus=st.sampled_from([0, 0.1, 0.25, 0.4, 0.5, 0.9, 1, 2, 8]),
    machine=st.builds(Machine, st.integers(0, 128), st.integers(0, 8)),
)
def test_the_workers_that_fit_take_no_more_than_there_is_and_one_more_would(
    cpus: float, gpus: float, machine: Machine
) -> None:
    need = Need(cpus, gpus)
    room = need.room(machine)
    each = int(1 / gpus + 1e-9) if 0 < gpus < 1 else 0  # workers that share a GPU
    cards = -(-room // each) if each else room * gpus
    assert room * cpus <= machine.cpus + 1e-6 and cards <= machine.gpus + 1e-6
    more = room + 1
    cards = -(-more // each) if each else more * gpus
    assert more * cpus > machine.cpus - 1e-6 or cards > machine.gpus - 1e-6


def test_room_is_counted_machine_by_machine() -> None:
    assert check_room(cluster(3, 0, "auto"), [Machine(4, 0), Machine(4, 0)]) == 2
    assert check_room(cluster(1, 0.5, "auto"), [Machine(8, 2), Machine(3, 0), Machine(1, 4)]) == 5
    assert check_room(cluster(0.1, 0.1, "auto"), [Machine(1, 1)]) == 10


@pytest.mark.parametrize(
    ("gpus", "sharing"), [(0, 1), (0.1, 10), (1 / 3, 3), (0.4, 2), (0.5, 2), (0.9, 1), (1, 1), (4, 1)]
)
def test_workers_that_share_a_gpu_are_told_how_many_they_are(
    gpus: float, sharing: int, make_config: Callable[..., Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They plan their batches by it."""
    worker = worker_settings(make_config(f"cluster.gpus_per_worker={gpus}"), "/store")
    assert worker.sharing == sharing
    told: list[int] = []
    monkeypatch.setattr(evaluate, "Room", lambda batch_size, say, shared: told.append(shared))
    monkeypatch.setattr(ray, "get_runtime_context", lambda: SimpleNamespace(get_node_id=lambda: "here"))
    monkeypatch.setattr(SliceTrial, "reset_config", lambda *_: True)
    SliceTrial.__new__(SliceTrial).setup({}, worker)
    assert told == [sharing]


def test_a_request_that_nothing_meets_names_key_rule_what_there_is_and_remedy() -> None:
    assert refusal(cluster(1, 1.0), Machine(2, 0)) == (
        "cluster.gpus_per_worker=1: no machine has that many GPUs; this machine has 2 cores and no GPUs; "
        "set cluster.gpus_per_worker=0 to run on cores"
    )
    assert refusal(cluster(64, 0), Machine(1, 0)) == (
        "cluster.cpus_per_worker=64: no machine has that many cores; this machine has 1 core and no GPUs; lower it"
    )
    assert refusal(cluster(1, 1.5), Machine(8, 8)).endswith(
        "more than one GPU must be a whole number; round it"
    )


def test_cores_and_gpus_must_be_on_one_machine() -> None:
    assert refusal(cluster(8, 1, "auto"), Machine(16, 0), Machine(4, 2), Machine(4, 2)) == (
        "cluster.cpus_per_worker=8: no machine has 8 cores and 1 GPU together; the cluster's machines have "
        "16 cores and no GPUs, 4 cores and 2 GPUs; lower it, or add machines first "
        "(a sweep doesn't wait for a cluster to grow)"
    )
    assert "the cluster's machines have nothing" in refusal(cluster(1, 0, "auto"))


@pytest.mark.parametrize("word", ["cluster.cpus_per_worker=9999", "cluster.gpus_per_worker=999"])
def test_a_job_is_refused_before_anything_is_decoded(make_config: Callable[..., Config], word: str) -> None:
    config = make_config(word)
    with pytest.raises(ConfigError, match=f"{word}: no machine has that many"):
        run_job.run_job(config, composing(config), [], Console(file=io.StringIO()))
