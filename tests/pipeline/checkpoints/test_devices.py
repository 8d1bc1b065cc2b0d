"""How many GPUs a worker gets, and what is refused before weights are read onto them."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from axon import CheckpointError
from axon.models.description import describe
from axon.models.size import size_of
from pipeline.checkpoints import devices
from pipeline.checkpoints.devices import check_fits
from pipeline.errors import ConfigError
from pipeline.evaluation import evaluate
from pipeline.inputs import checks
from pipeline.inputs.config import ClusterSettings, Config, read_config
from pipeline.jobs.plan_job import plan_job
from pipeline.planning.plan import make_setting
from pipeline.workers import capacity
from pipeline.workers.capacity import unsplit, widened
from tests.pipeline.conftest import ROOT, Judge, compose_tree, composing

Make = Callable[..., Config]
TINY = (
    read_config(compose_tree("model=tiny", "model.dtype=float32")).model,
    describe(ROOT / "assets" / "tiny"),
)


@pytest.mark.parametrize(
    ("asked", "sees_gpu", "models", "given_to_each"),
    [
        (1.0, False, [1, 2], 2),
        (4.0, False, [1, 2], 4),
        (0.5, False, [1, 1], 0.5),
        (0.5, False, [2], 2),
        (0.0, True, [2], 0),  # on cores
        (None, True, [2], 2),
        (None, False, [2], None),  # a machine without a GPU
        (None, True, [1], None),
        (1.0, True, [], 1),
    ],
)
def test_a_worker_gets_as_many_gpus_as_its_largest_model_takes(
    asked: float | None,
    sees_gpu: bool,
    models: list[int],
    given_to_each: float | None,
    make_config: Make,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(capacity, "has_gpu", lambda: sees_gpu)
    model = make_config().model
    cluster = ClusterSettings(None, None, 1, asked)
    found = widened(cluster, [replace(model, gpus=gpus) for gpus in models])
    assert found == replace(cluster, gpus_per_worker=given_to_each)


@pytest.mark.parametrize(
    ("asked", "sees_gpu", "device", "counts", "told"),
    [
        (None, False, "auto", [1, 2, 3], [2, 3]),
        (0.0, True, "auto", [2], [2]),
        (None, True, "cpu", [2], [2]),
        (None, True, "auto", [2], []),
        (None, False, "auto", [1], []),
    ],
)
def test_gpus_that_are_not_used_are_told(
    asked: float | None,
    sees_gpu: bool,
    device: Any,
    counts: list[int],
    told: list[int],
    make_config: Make,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(capacity, "has_gpu", lambda: sees_gpu)
    model = replace(make_config().model, device=device)
    cluster = ClusterSettings(None, None, 1, asked)
    lines = unsplit(cluster, [replace(model, gpus=gpus) for gpus in counts])
    assert [line.split(": changes nothing, since no GPU is used here")[0] for line in lines] == [
        f"model.gpus={gpus}" for gpus in told
    ]
    assert not unsplit(replace(cluster, address="auto"), [replace(model, gpus=2, device="auto")])


def test_a_plan_tells_them_too(make_config: Make, judge: Judge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capacity, "has_gpu", lambda: False)
    for words, told in ((), True), (("cluster.address=auto",), False):
        config, console = make_config("task.name=judge", "model.gpus=2", *words), Console(file=io.StringIO())
        assert plan_job(config, composing(config), console) == 0
        assert ("model.gpus=2: changes nothing" in console.file.getvalue()) == told  # type: ignore[attr-defined]


@given(gpus=st.integers(1, 8), memory=st.integers(1, 10**6), there=st.integers(0, 8))
def test_what_is_refused_would_fit_the_number_that_is_named_and_no_smaller_one(
    gpus: int, memory: int, there: int
) -> None:
    model, described = TINY
    needed = 4 * size_of(described).parameters
    model, memories = replace(model, gpus=gpus), [memory] * there
    if there >= gpus and needed <= gpus * memory:
        check_fits(model, described, memories)
        return
    with pytest.raises(CheckpointError) as refused:
        check_fits(model, described, memories)
    line = str(refused.value)
    if there < gpus:
        assert line.startswith(
            f"model.gpus={gpus}: this process may use {there}; give cluster.gpus_per_worker"
        )
        return
    named = int(line.rpartition("give model.gpus=")[2].split()[0])
    assert (named - 1) * memory < needed <= named * memory


def test_a_model_that_no_gpu_here_holds_is_refused_with_its_size(
    make_config: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything starts, and by a worker before it reads weights."""
    monkeypatch.setattr(checks, "has_gpu", lambda: True)
    monkeypatch.setattr(devices, "has_gpu", lambda: True)
    for module in (checks, evaluate):
        monkeypatch.setattr(module, "gpu_memories", lambda: [2**10, 2**10])
    config = make_config("model.gpus=2")
    setting = make_setting(config)
    line = r"model.gpus=2: its weights take 0.0 GiB in float32, and 2 x 0.0 GiB are here; give model.gpus=\d+ or more"
    with pytest.raises(ConfigError, match=line):
        checks.check_settings({"": setting}, 4, here=True)
    with pytest.raises(CheckpointError, match=line):
        evaluate.load(config.model)
    checks.check_settings({"": replace(setting, model=replace(config.model, device="cpu"))}, 4, here=True)


def test_a_compiled_network_is_not_split(make_config: Make) -> None:
    with pytest.raises(ConfigError, match=r"model.gpus=2: not with model.compile=true; leave one out"):
        make_config("model.gpus=2", "model.compile=true")


def test_without_a_driver_torch_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "_worth_asking", lambda: False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    assert not devices.has_gpu() and devices.gpu_count() == 0
    monkeypatch.setattr(devices, "_worth_asking", lambda: True)
    assert devices.has_gpu() and devices.gpu_count() == 4
