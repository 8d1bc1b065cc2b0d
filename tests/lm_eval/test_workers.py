"""Several processes answer as one does, and one that dies is told in a line."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from tests.lm_eval.harness import MISSING, TINY

pytest.importorskip("lm_eval", reason=MISSING)

from lm_eval.api.instance import Instance

from axon import CheckpointError, MaskedDiffusionModel, load_model
from lm_eval_axon.model import AxonLM
from lm_eval_axon.workers import Workers, device_of
from pipeline.tasks import get_task

PROMPTS = [example.prompt for example in get_task("arith").examples("test", 1, 7)]


def lm(**arguments: Any) -> AxonLM:
    canvas = {"gen_length": 20, "block_length": 20, "axon": "coverage_gap", "temperature": 0.7}
    return AxonLM(str(TINY), device="cpu", **{"batch_size": "2"} | canvas | arguments)


def requests(count: int = len(PROMPTS)) -> list[Instance]:
    """Of two settings."""
    return [
        Instance("generate_until", {}, (prompt, {"max_gen_toks": 20 + 20 * (row % 2)}), 0, ("arith", row, 1))
        for row, prompt in enumerate(PROMPTS[:count])
    ]


@pytest.fixture(scope="module")
def two() -> Iterator[AxonLM]:
    model = lm(workers="2")
    yield model
    for other in model._workers._others:
        other._process.kill()


@pytest.mark.slow
def test_two_workers_answer_and_count_as_one(two: AxonLM) -> None:
    alone = lm()
    assert two.generate_until(requests()) == alone.generate_until(requests())
    assert two.get_model_info() == alone.get_model_info()
    assert two.generate_until(requests(1)) == alone.generate_until(requests(1)), "fewer than workers"


@pytest.mark.slow
def test_an_error_of_another_process_is_told(two: AxonLM) -> None:
    [other] = two._workers._others
    os.kill(other._process.pid or 0, signal.SIGKILL)
    told = "the worker on cpu: its process has ended with code -9; lm-eval's --use_cache keeps"
    with pytest.raises(RuntimeError, match=told):
        two.generate_until(requests())


def on_one_alone(device: str) -> MaskedDiffusionModel:
    return load_model(TINY, device=device)


@pytest.mark.slow
def test_a_worker_whose_model_does_not_load_is_told_before_anything_is_decoded() -> None:
    with pytest.raises(CheckpointError, match=r"model.device='quantum': cannot be used here"):
        Workers(on_one_alone, ["cpu", "quantum"], None)


def test_each_worker_has_gpus_of_its_own() -> None:
    assert [device_of("cuda", number, 2) for number in range(3)] == ["cuda", "cuda:2", "cuda:4"]
    assert [device_of("cuda:1", number, 1) for number in range(3)] == ["cuda:1", "cuda:2", "cuda:3"]
    assert {device_of("cpu", number, 2) for number in range(3)} == {"cpu"}


@pytest.mark.parametrize("key", ["workers", "gpus"])
def test_wrong_numbers_are_told_before_anything_is_loaded(key: str) -> None:
    with pytest.raises(ValueError, match=f"{key}='none': must be a whole number, 1 or more"):
        lm(**{key: "none"})
