"""A slice's records: what was decoded and scored, whatever the slicing; and what one bad example does: nothing."""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import axon.room
import pipeline.evaluation.evaluate as evaluate
import pipeline.evaluation.example_record as example_record
import pipeline.evaluation.stopwatch as stopwatch
from axon import decode
from axon.decoding import stream
from axon.padding import MOST_PADDING
from axon.waiting import Prompt
from pipeline.evaluation.evaluate import GROUP_BATCHES, Evaluator, enough, fitting
from pipeline.evaluation.stopwatch import Stopwatch
from pipeline.inputs.config import Config
from pipeline.planning.plan import make_setting
from pipeline.planning.setting import Setting
from pipeline.storage.record import Record
from pipeline.storage.record_differences import IGNORED
from pipeline.tasks import Example
from tests.axon.traces import trace_of
from tests.pipeline.conftest import Judge, sliced

Make = Callable[..., Config]


def timeless(record: Record) -> Record:
    """Without what it took and on what: the rest is the same in every batch."""
    blank = Record("", "", "", 0)
    return replace(record, **{name: getattr(blank, name) for name in IGNORED})


@pytest.fixture
def setting(make_config: Make, judge: Judge) -> Setting:
    return make_setting(make_config("task.name=judge"))


def test_a_confidence_is_rounded_and_what_is_no_probability_is_none() -> None:
    """A softmax in bfloat16 may add up to a little more than one."""
    known = {0.0: 0, 0.994: 99, 0.996: 100, 1.0: 100, 1.0009: 100}
    unknown = {1.01: None, -0.01: None, float("nan"): None, float("inf"): None, None: None}
    assert {own: example_record._percent(own) for own in known} == known
    assert [example_record._percent(own) for own in unknown] == [None] * len(unknown)


def test_records_hold_what_the_decoder_did(setting: Setting, judge: Judge) -> None:
    evaluator = Evaluator(batch_size=3)
    records = sliced(evaluator, setting, 0, 5)
    loaded = evaluator._load(setting.model)
    examples = judge.examples("test", 0, 5)
    traces = decode(loaded.model, [loaded.encode(ex, setting.task) for ex in examples], setting.decode)
    for n, (record, trace, example) in enumerate(zip(records, traces, examples, strict=True)):
        assert (record.position, record.example_id, record.task) == (n, example.id, "judge")
        assert (record.tokens, record.revealed_at) == (trace.tokens, trace.revealed_at)
        assert record.confidence_percent is not None
        percent = [100 * confidence for confidence in trace.revealed_with if confidence is not None]
        assert list(record.confidence_percent) == pytest.approx(percent, abs=0.51)  # rounded
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


def test_an_answer_cut_at_a_stop_loses_special_tokens_and_no_others() -> None:
    """A tokenizer's added tokens need not be special: `<think>` often is not."""
    added = {
        0: SimpleNamespace(content="<s>", special=True),
        1: SimpleNamespace(content="<a>", special=False),
    }
    tokenizer = SimpleNamespace(
        added_tokens_decoder=added,
        decode=lambda tokens, skip_special_tokens: "<a>A" if skip_special_tokens else "<s><a>A\nQ: B",
    )
    loaded = evaluate.Loaded(SimpleNamespace(end_token_ids=(9,)), tokenizer, SimpleNamespace())  # type: ignore[arg-type]
    trace = trace_of((33, 34), (0, 0))
    assert loaded.answer(trace, ("\nQ:",)) == loaded.answer(trace) == "<a>A"


@pytest.mark.slow
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
    loaded = Evaluator(4)._load(setting.model)
    longest = [33] * setting.decode.longest_prompt(256)
    assert fitting(loaded, longest, setting.decode) is longest
    with pytest.raises(ValueError, match="exceeds the model's 256"):
        fitting(loaded, [*longest, 33], setting.decode)


def failing_stream(bad: Callable[[Sequence[int]], Exception | None]) -> Callable[..., Any]:
    """Fails as soon as it is given a bad prompt."""

    def run(model: Any, prompts: Iterator[Prompt], *rest: Any, **further: Any) -> Any:
        def checked() -> Iterator[Prompt]:
            for prompt in prompts:
                if error := bad(prompt.tokens):
                    raise error
                yield prompt

        return stream(model, checked(), *rest, **further)

    return run


def test_a_row_that_cannot_be_decoded_leaves_one_example_unscored(
    setting: Setting, judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = sliced(Evaluator(4), setting, 0, 4)
    judge.long_prompts = {"test-0-3"}
    monkeypatch.setattr(evaluate, "fitting", lambda loaded, prompt, length: prompt)
    too_long = failing_stream(lambda prompt: IndexError("position 300") if len(prompt) > 100 else None)
    monkeypatch.setattr(axon.room, "stream", too_long)
    records = sliced(Evaluator(4), setting, 0, 4)
    assert records[3].error == "IndexError: position 300" and records[3].score is None
    assert [timeless(r) for r in records[:3]] == [timeless(r) for r in sound[:3]]


def test_what_fails_every_example_fails_the_setting(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = RuntimeError("no such kernel")
    monkeypatch.setattr(axon.room, "stream", failing_stream(lambda prompt: error))
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


@pytest.mark.slow
def test_a_model_is_gone_before_the_next_is_read(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that was compiled holds itself, and only Python's search for such cycles frees it."""
    alive: list[int] = []
    models: weakref.WeakSet[Any] = weakref.WeakSet()
    load = evaluate.load_model

    def loaded(*args: Any, **more: Any) -> Any:
        alive.append(len(models))
        model = load(*args, **more)
        model.body.itself = model.body.compile
        models.add(model.network)
        return model

    monkeypatch.setattr(evaluate, "load_model", loaded)
    evaluator = Evaluator(4)
    for kernel in ("sdpa", "eager"):
        model = replace(setting.model, attention_kernel=kernel)
        sliced(evaluator, replace(setting, id=kernel, model=model), 0, 2)
    assert alive == [0, 0]


def test_seconds_are_shares_of_steps_that_add_up_to_what_the_stream_took(
    make_config: Make, judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    setting = make_setting(make_config("task.name=judge", "decoder.threshold=0.2"))
    timers: list[Stopwatch] = []
    monkeypatch.setattr(evaluate, "Stopwatch", lambda device: timers.append(Stopwatch(device)) or timers[-1])
    judge.long_prompts = {"test-0-2"}
    found = Evaluator(2).slices(setting, [(0, 2), (2, 5), (5, 8)])
    records = [record for _, own in sorted(found) for record in own]
    [timer] = timers
    for part in ("model", "capture", "select"):
        spent = [getattr(record, f"seconds_{part}") for record in records]
        assert spent[2] == 0.0 and min(spent[:2] + spent[3:]) > 0.0, "it was not decoded"
        assert sum(spent) == pytest.approx(timer.seconds[part], rel=1e-9) and sum(spent) > 0
    assert len({record.nfe for record in records}) > 2


def test_what_is_done_with_a_finished_slice_takes_no_row_any_time(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr(stopwatch, "perf_counter", lambda: clock[0])
    for _, records in Evaluator(2).slices(setting, [(0, 1), (1, 2), (2, 6)]):
        clock[0] += 1000.0
        assert [record.seconds_in_batch for record in records] == [0.0] * len(records)


@pytest.mark.slow
def test_a_batch_is_full_across_slices_and_a_slice_is_there_with_its_last_row(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches: list[int] = []
    begin = Stopwatch.begin
    monkeypatch.setattr(
        Stopwatch, "begin", lambda self, rows, columns: batches.append(rows) or begin(self, rows, columns)
    )
    finished: list[int] = []
    evaluator = Evaluator(4, on_example=lambda: finished.append(len(finished)))
    spans = [(start, start + 2) for start in range(0, 40, 2)]
    first = next(found := evaluator.slices(setting, spans))
    assert len(finished) <= 2 * 4 + 2, "lengths are about equal: a group is one batch"
    assert sorted([first, *found])[3][0] == (6, 8) and len(finished) == 40
    assert set(batches[: batches.index(4, -8)]) == {4}, "it empties once, at the end"


@given(st.lists(st.integers(1, 400), max_size=150), st.integers(1, 8), st.integers(1, 256))
def test_a_group_is_as_long_as_little_padding_takes(lengths: list[int], rows: int, answer: int) -> None:
    count = len(lengths)
    assert not enough(lengths[: rows - 1], rows, answer), "a batch at least"
    assert enough([answer] * rows, rows, answer), "one, where lengths are equal"
    assert enough(lengths, rows, answer) or count < GROUP_BATCHES * rows, "and no more than so many"
    if rows <= count < GROUP_BATCHES * rows:
        ordered = sorted(lengths, reverse=True)
        full = [ordered[start] + answer for start in range(0, count, rows) for _ in ordered[start:][:rows]]
        padded = 1 - (sum(lengths) + count * answer) / sum(full)
        assert enough(lengths, rows, answer) == (padded <= MOST_PADDING / 2)


def test_a_setting_is_given_up_where_nothing_decodes(
    setting: Setting, judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[int] = []
    monkeypatch.setattr(evaluate, "HOPELESS", 5)
    fails = failing_stream(lambda prompt: tried.append(1) or RuntimeError("no kernel"))
    monkeypatch.setattr(axon.room, "stream", fails)
    with pytest.raises(RuntimeError, match="no kernel"):
        next(Evaluator(1).slices(setting, [(0, 20), (20, 40)]))
    assert 5 <= len(tried) <= 10, "once in the stream, and once alone"


def test_a_task_that_repeats_an_id_fails_before_it_is_decoded(
    setting: Setting, judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    repeated = [Example("same", f"Q {n}:", "", None) for n in range(4)]
    monkeypatch.setattr(judge, "examples", lambda split, seed, count: repeated[:count])
    monkeypatch.setattr(axon.room, "stream", None)
    with pytest.raises(ValueError, match="2 examples have the id 'same'"):
        sliced(Evaluator(4), setting, 1, 2)
