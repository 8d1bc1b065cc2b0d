"""Rows of a slice on a device that fails: less memory than asked for, or CUDA itself."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch

import axon.room
from axon import AxonSettings, CheckpointError, DecodeSettings, JointThreshold, decode
from axon.decoding import stream
from pipeline.checkpoints.devices import device_of
from pipeline.errors import ConfigError
from pipeline.evaluation.decoded import steps_to_first_block
from pipeline.evaluation.evaluate import Evaluator
from pipeline.inputs.config import Config
from pipeline.planning.plan import make_setting
from pipeline.planning.setting import Setting
from pipeline.storage.record import Record
from pipeline.storage.record_differences import IGNORED
from pipeline.workers.aside import Place
from pipeline.workers.sweep import Watch, why_lost
from pipeline.workers.trial import SETTING, SliceTrial, WorkerSettings
from tests.axon.toy_model import toy_model
from tests.axon.traces import trace_of
from tests.pipeline.conftest import Judge, sliced

Make = Callable[..., Config]
HERE = Place("node", 1, "here")
DEAD = "CUDA error: device-side assert triggered\nCUDA kernel errors might be reported later"


@pytest.fixture
def setting(make_config: Make, judge: Judge) -> Setting:
    return make_setting(make_config("task.name=judge"))


def results(records: list[Record]) -> list[Record]:
    blank = Record("", "", "", 0)
    return [replace(record, **{name: getattr(blank, name) for name in IGNORED}) for record in records]


@pytest.mark.slow
def test_a_slice_without_room_is_decoded_in_smaller_batches_and_its_records_say_so(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = sliced(Evaluator(4), setting, 0, 8)
    tried: list[int] = []

    def small(
        model: Any, prompts: Any, settings: Any, rows: Any, timer: Any, on_batch: Any, leeway: bool
    ) -> Any:
        def begin(at_once: int, columns: int) -> None:
            on_batch(at_once, columns)
            tried.append(at_once)
            if at_once > 2:
                raise torch.OutOfMemoryError("CUDA out of memory")

        return stream(model, prompts, settings, rows, timer, begin, leeway=leeway)

    monkeypatch.setattr(axon.room, "stream", small)
    said: list[str] = []
    evaluator = Evaluator(4, say=said.append)
    records = sliced(evaluator, setting, 0, 4) + sliced(evaluator, setting, 4, 8)
    assert results(records) == results(sound)
    assert {record.batch_size for record in records} == {2} and {r.batch_size for r in sound} == {4}
    assert tried[0] == 4 and set(tried[1:]) <= {1, 2} and len(said) == 1


def test_a_single_row_without_room_fails_the_setting_with_a_remedy(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(axon.room, "stream", dying(torch.OutOfMemoryError("CUDA out of memory"), []))
    with pytest.raises(MemoryError, match=r"no memory for a single row of .* give it fewer tokens"):
        sliced(Evaluator(4), setting, 0, 4)


def test_a_dead_context_is_no_rows_fault_and_nothing_more_is_tried_in_it(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[int] = []
    monkeypatch.setattr(axon.room, "stream", dying(RuntimeError(DEAD), tried))
    with pytest.raises(RuntimeError, match="device-side assert"):
        sliced(Evaluator(4), setting, 0, 4)
    assert tried == [4]


def test_a_rule_that_leaves_the_process_fails_as_any_other_and_a_signal_ends_it(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without it a command ended as if all were done."""
    monkeypatch.setattr(axon.room, "stream", dying(SystemExit(0), []))
    with pytest.raises(RuntimeError, match=r"^exit\(0\) was called"):
        sliced(Evaluator(4), setting, 0, 2)
    monkeypatch.setattr("pipeline.accident.of_ours", lambda file: file != __file__)  # as if this were Ray's
    with pytest.raises(SystemExit):
        sliced(Evaluator(4), setting, 0, 2)


def dying(error: BaseException, tried: list[int]) -> Callable[..., Any]:
    """A stream whose every batch raises the error."""

    def run(
        model: Any, prompts: Any, settings: Any, rows: Any, timer: Any, on_batch: Any, leeway: bool
    ) -> Any:
        def begin(at_once: int, columns: int) -> None:
            on_batch(at_once, columns)
            tried.append(at_once)
            raise error

        return stream(model, prompts, settings, rows, timer, begin, leeway=leeway)

    return run


def trial(error: Exception, launched_on: str = platform.node()) -> SliceTrial:
    """A trial whose next slice raises; made without Ray."""

    def slices() -> Iterator[Any]:
        raise error
        yield

    made = SliceTrial.__new__(SliceTrial)
    made._slices, made._left, made._notes = slices(), 1, ["said"]
    made._answered, made._waits, made._place = None, None, HERE
    made._shared, made._worker = (
        True,
        WorkerSettings("/store", 1, None, 1, "process", launched_on=launched_on),
    )
    return made


def test_a_worker_whose_context_is_dead_ends_and_others_are_spared() -> None:
    failed = trial(ValueError("no such layer")).step()
    assert failed == {
        "totals": None,
        "error": "ValueError: no such layer",
        "notes": ["said"],
        "place": HERE,
        "done": True,
    }
    with pytest.raises(RuntimeError, match="device-side assert"):
        trial(RuntimeError(DEAD)).step()


def test_a_fault_on_another_machine_than_the_sweeps_own_names_it() -> None:
    failed = trial(CheckpointError("model.path='/m': no such folder"), "head").step()
    where = f"(on {platform.node()}; every machine must reach the model and the store)"
    assert failed["error"] == f"CheckpointError: model.path='/m': no such folder {where}"


def test_what_cuda_said_is_told_of_a_worker_that_ended_by_it() -> None:
    error = f"ray.exceptions.RayTaskError(RuntimeError): ray::SliceTrial.train()\n  File ...\nRuntimeError: {DEAD}"
    assert why_lost(error) == "RuntimeError: CUDA error: device-side assert triggered"


def test_a_note_of_several_workers_is_shown_once() -> None:
    shown: list[str] = []
    display = SimpleNamespace(note=shown.append, evaluated=None)
    aside = SimpleNamespace(given_up=list)
    watch = Watch(None, display, None, aside)  # type: ignore[arg-type]
    own = SimpleNamespace(config={SETTING: "s"})
    watch.on_trial_result(0, [], own, {"notes": ["fewer rows"]})
    assert shown == ["fewer rows"]


@pytest.mark.parametrize(
    ("asked", "cores_only", "given"),
    [("auto", False, "cuda"), ("auto", True, "cpu"), ("cpu", False, "cpu"), ("cuda", False, "cuda")],
)
def test_a_worker_without_a_gpu_of_its_own_leaves_those_in_sight_alone(
    asked: Any, cores_only: bool, given: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    model: Any = SimpleNamespace(device=asked)
    assert device_of(model, cores_only) == given


def test_a_gpu_that_no_worker_is_given_is_refused(make_config: Make) -> None:
    with pytest.raises(ConfigError, match="gpus_per_worker=0: workers without a GPU run on cores"):
        make_config("model.device=cuda", "cluster.gpus_per_worker=0")


@pytest.mark.parametrize(
    ("alignment", "prompt", "steps"),
    [("prompt", 5, 4), ("absolute", 4, 4), ("absolute", 5, 3), ("absolute", 7, 1)],
)
def test_the_first_block_is_full_with_the_last_change_in_it(alignment: Any, prompt: int, steps: int) -> None:
    """Under `absolute` the prompt's remainder takes its place in the first block."""
    trace = replace(trace_of((1, 2, 3, 4, 5, 6, 7, 8), (0, 2, 1, 3, 4, 5, 6, 7)), prompt=(9,) * prompt)
    settings = DecodeSettings(gen_length=8, block_length=4, block_alignment=alignment)
    assert steps_to_first_block(trace, settings) == steps


def test_the_first_block_of_a_decoder_that_edits_ends_after_its_post_steps() -> None:
    """A full block that is still edited can't be shown to anybody."""
    edits = JointThreshold(threshold=0.5, editing_threshold=0.0, max_post_steps=2)
    settings = DecodeSettings(8, 4, decoder=edits, axon=AxonSettings(gate="never"))
    [trace] = decode(toy_model(), [[1, 2, 3]], settings)
    second = min(event.step for event in trace.events if event.position >= 4)
    full = 1 + max(event.step for event in trace.events if event.position < 4 and event.kind == "reveal")
    assert steps_to_first_block(trace, settings) == second == full + 2
