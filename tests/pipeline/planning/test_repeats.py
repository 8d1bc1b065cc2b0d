"""What would repeat a neighbour's decode is taken from there, and equals what would have been decoded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from shutil import rmtree
from threading import Barrier, Thread
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.evaluation.evaluate import Evaluator
from pipeline.inputs.config import Config
from pipeline.jobs.report_job import repeats
from pipeline.planning.backlog import Backlog, advance
from pipeline.planning.budget import spent
from pipeline.planning.grid_cost import grid_cost
from pipeline.planning.line import Lines, place_of
from pipeline.planning.pending import outcomes
from pipeline.planning.plan import Plan, make_setting
from pipeline.planning.repeats import repeated
from pipeline.planning.setting import Setting
from pipeline.report.data.stored import load_measured
from pipeline.search.between import prospects
from pipeline.search.box import Point
from pipeline.storage.record import Record, from_table, to_table
from pipeline.storage.record_differences import compare_records
from pipeline.storage.store import Store
from pipeline.workers.execute import execute_here
from tests.pipeline.conftest import Judge, planned
from tests.pipeline.toy_search import record
from tests.pipeline.workers.test_execute import display

Make = Callable[..., Config]
LIMIT, SLICE = 8, 4
VALUES = [0.02, 0.05, 0.1, 0.101, 0.102, 0.15, 0.2, 0.4, 0.401, 0.9]
ALONG = ("sweep.along_trade_off=true", f"trade_off.values={VALUES}", "gen_length=16", "block_length=8")


def decoded(config: Config, folder: Path, repeating: bool) -> tuple[Plan, Store]:
    plan, store = planned(config), Store(str(folder))
    _, pending = advance(plan, store, LIMIT, SLICE)
    further: dict[str, Any] = {"neighbours": plan.neighbours} if repeating else {}
    backlog = Backlog(plan, store, LIMIT, SLICE, pending, **further)
    execute_here(backlog, Evaluator(5), store, LIMIT, display(plan))
    assert backlog.over and not backlog.failures
    return plan, store


@pytest.mark.slow
@pytest.mark.parametrize("decoder", ["confidence", "dawn", "klass"])
def test_a_sweep_that_repeats_has_the_records_of_one_that_decodes_everything(
    decoder: str, make_config: Make, judge: Judge, tmp_path: Path
) -> None:
    own = {"confidence": "threshold", "dawn": "tau_low", "klass": "threshold"}[decoder]
    groups = 'sweep.groups={"base": {"set": {"axon.gate": "never"}}, "axon": {"set": {"axon.anchors": 2}}}'
    chosen = (f'decoder={{"name": "{decoder}"}}', f"trade_off.parameter=decoder.{own}")
    layers = 'axon.attention_layers="last 1"'
    config = make_config("task.name=judge", *chosen, layers, groups, *ALONG)
    plan, store = decoded(config, tmp_path / "repeating", True)
    _, whole = decoded(config, tmp_path / "whole", False)
    now, then = (one.load(plan.settings, LIMIT).records for one in (store, whole))
    found = compare_records(then, now)
    assert found.compared == len(then) == len(plan.settings) * LIMIT and not found.differences
    assert then["decoded_under"].isna().all()
    for end in ("leeway_above", "leeway_below"):  # or a search would ask by who decoded what, and when
        np.testing.assert_allclose(now[end], then[end], atol=1e-5)
    elsewhere = now["decoded_under"].notna()
    assert elsewhere.sum() > len(now) / 5
    made = now[~elsewhere]
    calls = sum(one.calls for one in spent(store.outcomes(plan.settings, LIMIT).records).values())
    assert calls == made["nfe"].sum() < then["nfe"].sum()
    firsthand = set(zip(made["setting_id"], made["position"], strict=True))
    under = zip(now.loc[elsewhere, "decoded_under"], now.loc[elsewhere, "position"], strict=True)
    assert set(under) <= firsthand, "a repeat names the setting that it was decoded under"
    [note] = repeats(load_measured(store, plan.settings, LIMIT).records)
    assert note.startswith(f"{len(now) - len(made):,} of the {len(now):,} decodes repeat")
    assert repeats(load_measured(whole, plan.settings, LIMIT).records) == repeats(then) == []
    sentence = grid_cost(plan, store.outcomes(plan.settings, LIMIT).records, LIMIT)
    assert sentence is not None and f"{calls:,} model calls" in sentence
    assert f"{int(elsewhere.sum()):,} of the {len(now):,} decodes" in sentence


def _setting(make_config: Make, *words: str) -> Setting:
    return make_setting(make_config("task.name=judge", *words))


def test_a_line_is_of_settings_that_differ_in_the_trade_off_parameter_alone(
    make_config: Make, judge: Judge
) -> None:
    values = [0.1, 0.2, 0.25, 0.5, 0.55, 0.6, 0.8, 0.9, 0.95, 0.97, 0.99]
    own = {value: _setting(make_config, f"decoder.threshold={value}") for value in values}
    others = ("gen_length=16", "task.seed=3", "axon.anchors=2", "model.dtype=bfloat16")
    apart = [_setting(make_config, "decoder.threshold=0.52", word) for word in others]
    lines = Lines({setting.id: setting for setting in [*own.values(), *apart]})
    assert lines.neighbours(own[0.5].id) == tuple(
        own[value].id for value in (0.55, 0.6, 0.25, 0.2, 0.8, 0.1, 0.9)
    ), "four on either side, the nearest first"
    assert all(lines.neighbours(setting.id) == () for setting in apart)


def test_lines_follow_a_plan_that_grows(make_config: Make, judge: Judge) -> None:
    one, two = (_setting(make_config, f"decoder.threshold={value}") for value in (0.3, 0.4))
    settings = {one.id: one}
    lines = Lines(settings)
    assert lines.neighbours(one.id) == ()
    settings[two.id] = two
    assert lines.neighbours(one.id) == (two.id,) and lines.neighbours(two.id) == (one.id,)


def test_nothing_repeats_along_a_parameter_whose_leeway_is_not_told(make_config: Make, judge: Judge) -> None:
    klass = 'decoder={"name": "klass"}'
    assert place_of(_setting(make_config, klass, "trade_off.parameter=decoder.threshold"))
    assert place_of(_setting(make_config, klass, "trade_off.parameter=decoder.kl_threshold")) is None
    factor = ('decoder={"name": "factor"}', "trade_off.parameter=decoder.factor")
    assert place_of(_setting(make_config, *factor)) is None


def test_only_scored_records_within_their_leeway_repeat(
    make_config: Make, judge: Judge, tmp_path: Path
) -> None:
    one, two = (_setting(make_config, f"decoder.threshold={value}") for value in (0.3, 0.4))
    store = Store(str(tmp_path))
    leeways = [(0.2, 0.5), (0.2, 0.4), (0.4, 0.5), (0.35, 0.45), (None, None), (0.2, 0.5)]
    records = [
        replace(record(one, place), leeway_above=above, leeway_below=below)
        for place, (above, below) in enumerate(leeways)
    ]
    records[5] = replace(records[5], score=None, error="no such kernel")
    store.write_slice(one.id, 0, 6, records)
    found = repeated(store, two, [one.id], [(0, 3), (3, 6)])
    assert found == {
        place: replace(records[place], setting_id=two.id, decoded_under=one.id) for place in (0, 3)
    }
    assert list(repeated(store, two, [one.id], [(3, 6)])) == [3]
    three = _setting(make_config, "decoder.threshold=0.5")
    wide = [replace(record(three, place), leeway_above=0.3, leeway_below=0.6) for place in range(6)]
    store.write_slice(three.id, 0, 6, wide)
    both = repeated(store, two, [one.id, three.id], [(3, 6)])
    assert [both[n].decoded_under for n in (3, 4, 5)] == [one.id, three.id, three.id], "5 has no score there"
    [file] = tmp_path.glob(f"slices/{one.id}/0-6.parquet")
    file.write_bytes(file.read_bytes()[:-9])
    assert repeated(store, two, [one.id], [(0, 6)]) == {}


@pytest.mark.parametrize("away", [False, True])
def test_of_neighbours_only_the_slices_that_hold_a_repeat_are_read_whole_and_far_away_side_by_side(
    away: bool, make_config: Make, judge: Judge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    near, own, far = (_setting(make_config, f"decoder.threshold={value}") for value in (0.3, 0.4, 0.6))
    store = Store(f"memory:/{tmp_path}" if away else str(tmp_path))
    for neighbour, held in ((near, range(4, 8)), (far, range(12))):
        for start in (0, 4, 8):
            records = [
                replace(record(neighbour, n), leeway_above=0.1, leeway_below=0.9 if n in held else 0.2)
                for n in range(start, start + 4)
            ]
            store.write_slice(neighbour.id, start, start + 4, records)
    read, begun, together = store.read, list[tuple[str, tuple[int, int]]](), Barrier(2, timeout=20)

    def noted(setting_id: str, span: tuple[int, int]) -> object:
        begun.append((setting_id, span))
        if away:
            together.wait()
        return read(setting_id, span)

    monkeypatch.setattr(store, "read", noted)
    if not away:
        monkeypatch.setattr(Thread, "start", lambda self: pytest.fail("a thread for a few local files"))
    found = repeated(store, own, [near.id, far.id], [(0, 4), (4, 8)])
    assert {place: one.decoded_under for place, one in found.items()} == {
        n: near.id if n >= 4 else far.id for n in range(8)
    }
    assert sorted(begun) == sorted([(near.id, (4, 8)), (far.id, (0, 4))])


@pytest.mark.slow
def test_what_a_search_takes_for_known_is_not_decoded(
    make_config: Make, judge: Judge, tmp_path: Path
) -> None:
    """And what it takes for new is."""
    words = ("task.name=judge", "sweep.along_trade_off=true", "gen_length=16", "block_length=8")
    ends = make_config(*words, "trade_off.values=[0.05, 0.4]")
    plan, store = decoded(ends, tmp_path, True)
    records = store.outcomes(plan.settings, LIMIT).records
    low, high = (Point(0.0, o.nfe or 0, o.quality or 0, o.decodes) for o in outcomes(plan, records))
    values = [0.06, 0.1, 0.2, 0.35]
    found = {own.value: own for own in prospects(low, high, values, 1.0)}
    assert set(found) == set(values) and any(own.new < 1 for own in found.values())
    for value, own in found.items():
        more, there = decoded(make_config(*words, f"trade_off.values=[0.05, {value}, 0.4]"), tmp_path, True)
        [new] = set(more.settings) - set(plan.settings)
        mine = there.load([new], LIMIT).records
        assert mine["decoded_under"].isna().mean() == own.new
        if own.new == 0:
            assert mine["score"].mean() == pytest.approx(own.box.top)
        rmtree(tmp_path / "slices" / new)  # the next value is to find the ends alone


def test_no_two_workers_are_at_neighbours_while_others_wait(
    make_config: Make, judge: Judge, tmp_path: Path
) -> None:
    groups = 'sweep.groups={"base": {"set": {"axon.gate": "never"}}, "axon": {"set": {"axon.anchors": 2}}}'
    plan, store = planned(make_config("task.name=judge", groups, *ALONG)), Store(str(tmp_path))
    _, pending = advance(plan, store, LIMIT, SLICE)
    backlog = Backlog(plan, store, LIMIT, SLICE, pending, neighbours=plan.neighbours)
    one, two, three = (backlog.take() for _ in range(3))
    assert one and two and three
    first, second, third = (own.setting.decode for own in (one, two, three))
    values = [own.decoder.threshold for own in (first, second, third)]  # type: ignore[attr-defined]
    assert first.axon == second.axon != third.axon
    assert values == [VALUES[0], VALUES[5], VALUES[0]], "the fifth value is a neighbour no more"
    for done in (one, two, three):
        backlog.finished(done)
    following = backlog.take()
    assert following and following.setting.id in plan.neighbours(one.setting.id)


@given(
    st.lists(
        st.builds(
            Record,
            *(st.sampled_from(["a", "b"]) for _ in range(3)),
            st.integers(0, 9),
            tokens=st.lists(st.integers(0, 9)).map(tuple),
            confidence_percent=st.none() | st.lists(st.none() | st.integers(0, 100)).map(tuple),
            leeway_below=st.none() | st.floats(allow_nan=False),
            decoded_under=st.none() | st.just("c"),
            score=st.none() | st.floats(0, 1),
            metrics=st.dictionaries(st.sampled_from(["x", "y"]), st.floats(0, 1)),
        )
    )
)
def test_a_table_gives_back_its_records(records: list[Record]) -> None:
    assert from_table(to_table(records)) == records
