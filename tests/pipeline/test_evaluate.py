"""A slice's records: what was decoded and scored, whatever the slicing; and what one bad example does: nothing."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from conftest import Judge, sliced

import axon.room
import pipeline.evaluate as evaluate
from axon import decode
from pipeline.config import Config
from pipeline.evaluate import Evaluator
from pipeline.plan import make_setting
from pipeline.record import Record
from pipeline.record_differences import IGNORED
from pipeline.setting import Setting
from pipeline.stopwatch import Stopwatch
from pipeline.tasks import Example
from tests.axon.traces import trace_of

Make = Callable[..., Config]


def timeless(record: Record) -> Record:
    """Without what it took and on what: the rest is the same in every batch."""
    blank = Record("", "", "", 0)
    return replace(record, **{name: getattr(blank, name) for name in IGNORED})


@pytest.fixture
def setting(make_config: Make, judge: Judge) -> Setting:
    return make_setting(make_config("task.name=judge"))


def test_records_hold_what_the_decoder_did(setting: Setting, judge: Judge) -> None:
    evaluator = Evaluator(batch_size=3)
    records = sliced(evaluator, setting, 0, 5)
    loaded = evaluator._load(setting.model)
    examples = judge.examples("test", 0, 5)
    traces = decode(loaded.model, [loaded.encode(ex, setting.task) for ex in examples], setting.decode)
    for n, (record, trace, example) in enumerate(zip(records, traces, examples, strict=True)):
        assert (record.position, record.example_id, record.task) == (n, example.id, "judge")
        assert (record.tokens, record.revealed_at) == (trace.tokens, trace.revealed_at)
        assert (record.nfe, record.axon_steps, record.gate_checks) == (
            trace.nfe,
            trace.axon_steps,
            trace.gate_checks,
        )
        assert record.nfe_to_eos is not None and record.nfe is not None and record.nfe_to_eos <= record.nfe
        assert record.prompt_tokens == len(example.prompt)
        assert record.tokens_generated == 8
        assert record.score == judge.score(record.answer or "", example).value
        assert record.error is None
        assert record.seconds_model > 0
        assert record.batch_size == 3 and record.torch == torch.__version__
        assert record.device and record.attention_kernel == setting.model.attention_kernel
        assert record.seconds_in_batch is not None and record.seconds_to_first_block is not None
        assert 0 < record.seconds_to_first_block < record.seconds_in_batch


@pytest.mark.usefixtures("judge")
def test_absolute_blocks_are_filled_to_their_end(make_config: Callable[..., Config]) -> None:
    setting = make_setting(make_config("task.name=judge", "block_alignment=absolute"))
    records = sliced(Evaluator(batch_size=3), setting, 0, 4)
    for record in records:
        assert record.error is None and record.prompt_tokens is not None
        rounded = -(record.prompt_tokens + 8) % 4
        assert len(record.tokens) == len(record.revealed_at) == record.tokens_generated == 8 + rounded


def test_the_answer_ends_before_the_first_end_of_text(setting: Setting) -> None:
    evaluator = Evaluator(batch_size=3)
    loaded = evaluator._load(setting.model)
    [end] = loaded.model.end_token_ids
    trace = trace_of((33, 34, end, 35), (0, 0, 0, 0))
    assert loaded.answer(trace) == "AB"


@pytest.mark.parametrize("temperature", ["0.0", "0.8"])
@pytest.mark.parametrize("cuts", [[0, 10], [0, 4, 8, 10], [0, 1, 9, 10]])
def test_slices_and_batches_change_no_record(
    cuts: list[int], temperature: str, make_config: Make, judge: Judge
) -> None:
    setting = make_setting(make_config("task.name=judge", f"temperature={temperature}"))
    whole = sliced(Evaluator(batch_size=10), setting, 0, 10)
    parts = [
        record
        for start, stop in itertools.pairwise(cuts)
        for record in sliced(Evaluator(batch_size=2), setting, start, stop)
    ]
    assert [timeless(r) for r in parts] == [timeless(r) for r in whole]


def test_a_scorer_that_breaks_leaves_one_example_unscored(setting: Setting, judge: Judge) -> None:
    sound = sliced(Evaluator(4), setting, 0, 4)
    judge.bad_scores = {"test-0-2"}
    records = sliced(Evaluator(4), setting, 0, 4)
    assert records[2].score is None and records[2].error == "scoring: RuntimeError: the scorer broke"
    assert records[2].answer == sound[2].answer and records[2].nfe == sound[2].nfe
    assert [timeless(r) for r in records if r.position != 2] == [
        timeless(r) for r in sound if r.position != 2
    ]


def test_a_prompt_too_long_leaves_one_example_unscored(setting: Setting, judge: Judge) -> None:
    sound = sliced(Evaluator(4), setting, 0, 4)
    judge.long_prompts = {"test-0-1"}
    records = sliced(Evaluator(4), setting, 0, 4)
    assert (
        records[1].score is None
        and records[1].nfe is None
        and "exceeds the model's 256" in (records[1].error or "")
    )
    assert [timeless(r) for r in records if r.position != 1] == [
        timeless(r) for r in sound if r.position != 1
    ]


def failing_decode(bad: Callable[[list[Any]], Exception | None]) -> Callable[..., Any]:
    def run(model: Any, prompts: list[Any], *rest: Any, **options: Any) -> Any:
        if error := next((e for e in map(bad, prompts) if e), None):
            raise error
        return decode(model, prompts, *rest, **options)

    return run


def test_a_row_that_cannot_be_decoded_leaves_one_example_unscored(
    setting: Setting, judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = sliced(Evaluator(4), setting, 0, 4)
    judge.long_prompts = {"test-0-3"}
    monkeypatch.setattr(evaluate, "fitting", lambda loaded, prompt, length: prompt)
    too_long = failing_decode(lambda prompt: IndexError("position 300") if len(prompt) > 100 else None)
    monkeypatch.setattr(axon.room, "decode", too_long)
    records = sliced(Evaluator(4), setting, 0, 4)
    assert records[3].error == "IndexError: position 300" and records[3].score is None
    assert [timeless(r) for r in records[:3]] == [timeless(r) for r in sound[:3]]


def test_what_fails_every_example_fails_the_setting(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = RuntimeError("no such kernel")
    monkeypatch.setattr(axon.room, "decode", failing_decode(lambda prompt: error))
    with pytest.raises(RuntimeError, match=str(error)):
        sliced(Evaluator(4), setting, 0, 4)


def test_more_examples_than_the_task_has_fail_the_setting(setting: Setting) -> None:
    with pytest.raises(ValueError, match="limit=44: judge has 40 examples"):
        sliced(Evaluator(4), setting, 40, 44)


def test_a_model_is_loaded_once(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    loads: list[Any] = []
    load = evaluate.load_model
    monkeypatch.setattr(
        evaluate, "load_model", lambda *args, **more: loads.append(args) or load(*args, **more)
    )
    evaluator = Evaluator(4)
    sliced(evaluator, setting, 0, 2)
    sliced(evaluator, replace(setting, id="other"), 0, 2)
    assert len(loads) == 1


def test_seconds_are_equal_shares_that_add_up_to_what_the_slice_took(
    make_config: Make, judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    setting = make_setting(make_config("task.name=judge", "decoder.threshold=0.2"))
    timers: list[Stopwatch] = []
    monkeypatch.setattr(evaluate, "Stopwatch", lambda device: timers.append(Stopwatch(device)) or timers[-1])
    judge.long_prompts = {"test-0-2"}
    records = sliced(Evaluator(2), setting, 0, 5)
    [timer] = timers
    for part in ("model", "capture", "select"):
        spent = [getattr(record, f"seconds_{part}") for record in records]
        assert spent[2] == 0.0, "it was not decoded"
        assert len({seconds for place, seconds in enumerate(spent) if place != 2}) == 1
        assert sum(spent) == pytest.approx(timer.seconds[part], rel=1e-12) and sum(spent) > 0
    assert len({record.nfe for record in records}) > 2, "shares by steps would differ"


def test_a_task_that_repeats_an_id_fails_before_it_is_decoded(
    setting: Setting, judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    repeated = [Example("same", f"Q {n}:", "", None) for n in range(4)]
    monkeypatch.setattr(judge, "examples", lambda split, seed, count: repeated[:count])
    monkeypatch.setattr(axon.room, "decode", None)
    with pytest.raises(ValueError, match="2 examples have the id 'same'"):
        sliced(Evaluator(4), setting, 1, 2)
