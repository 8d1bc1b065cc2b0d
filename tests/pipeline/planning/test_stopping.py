"""Laws of stopping: how often it is wrong, and that nothing but plan and records decides."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from axon import Confidence, DecodeSettings, HierarchyRemasking, JointThreshold, Rcr
from pipeline.inputs.config import StopSettings
from pipeline.planning import stopping
from pipeline.planning.evidence import log_evidence
from pipeline.planning.stopping import Standing, stand

RULE = StopSettings(margin=0.02, alpha=0.05)
SLICE, SIZE, LENGTH = 16, 160, 32
World = dict[str, tuple[np.ndarray, np.ndarray]]  # setting -> its scores and passes, example by example


@pytest.mark.parametrize(
    ("values", "shares"),
    [
        ((-1.0, 1.0), (0.5, 0.5)),  # every pair differs
        ((-1.0, 0.0, 1.0), (0.05, 0.9, 0.05)),  # hardly one does
        ((0.0, -1.0), (0.95, 0.05)),  # rarely, and then much
        ((0.02, -0.02), (0.5, 0.5)),
        ((1.0, 28.0), (0.95, 0.05)),  # passes: a few examples need all there can be
    ],
)
@pytest.mark.parametrize("alpha", [0.2, 0.05])
def test_watched_all_the_time_it_is_wrong_no_more_often_than_alpha(
    values: tuple[float, ...], shares: tuple[float, ...], alpha: float
) -> None:
    """Lists whose mean is just below the level, in random orders: the hardest that must not be rejected."""
    draws, population = 2000, 100
    generator = np.random.default_rng(1)
    whole = np.repeat(values, [round(share * population) for share in shares])
    orders = np.array([generator.permutation(whole) for _ in range(draws)])
    low, high = (1.0, 28.0) if max(values) > 1 else (-1.0, 1.0)
    found = log_evidence(orders[:, :-1], whole.mean() + 1e-9, low, high, population)
    wrong = (found >= math.log(1 / alpha)).mean()
    assert wrong <= alpha + 3 * math.sqrt(alpha * (1 - alpha) / draws)


@pytest.mark.parametrize("seen", [0, 20])
def test_what_was_chosen_by_its_first_examples_is_judged_by_the_others(seen: int) -> None:
    """Of 50 lists that must not be rejected the one that begins best is watched: its beginning would be misleading."""
    draws, population, alpha = 1000, 100, 0.05
    generator = np.random.default_rng(3)
    whole = np.repeat([-1.0, 1.0], population // 2)
    lists = generator.permuted(np.tile(whole, (draws, 50, 1)), axis=2)
    best = lists[:, :, :20].sum(axis=2).argmax(axis=1)
    chosen = lists[np.arange(draws), best]
    found = log_evidence(chosen[:, :-1], whole.mean() + 1e-9, -1.0, 1.0, population, seen)
    wrong = (found >= math.log(1 / alpha)).mean()
    assert wrong <= alpha + 3 * math.sqrt(alpha * (1 - alpha) / draws) if seen else wrong > 5 * alpha


def test_a_clear_difference_is_found_long_before_the_end_and_none_where_the_rest_may_turn_it() -> None:
    generator = np.random.default_rng(2)
    lists = generator.choice([1.0, 0.0], size=(50, 100), p=[0.4, 0.6])
    assert (log_evidence(lists[:, :40], 0.0, -1.0, 1.0, 100) > math.log(1000)).mean() > 0.9
    assert (log_evidence(lists[:, :1], 0.0, -1.0, 1.0, 100) < math.log(3)).all()


@given(st.lists(st.sampled_from([-1.0, 0.0, 0.5, 1.0]), min_size=1, max_size=30), st.floats(-0.9, 0.9))
def test_certainty_is_claimed_only_where_there_is_no_doubt(values: list[float], least: float) -> None:
    assume(abs(sum(values) - len(values) * least) > 1e-6)
    whole = np.array([values])
    found = log_evidence(whole, least, -1.0, 1.0, len(values))[0]
    assert (found == math.inf) == (sum(values) >= len(values) * least)


def setting(sid: str, seed: int | None = None, **knobs: Any) -> Any:
    decode = DecodeSettings(gen_length=LENGTH, block_length=LENGTH)
    identity = {"name": sid, "seed": seed, **knobs}
    return SimpleNamespace(id=f"{sid}{seed or ''}", group="g", frame={}, identity=identity, decode=decode)


def test_an_example_can_take_what_its_decoder_may() -> None:
    """Evidence is weighed against the most that there can be: with more than that it would be wrong more often."""

    def most(**further: Any) -> float:
        own: Any = SimpleNamespace(decode=DecodeSettings(gen_length=32, block_length=8, **further))
        return stopping._most_passes(own)

    edits = JointThreshold(max_post_steps=3)
    assert (most(), most(block_alignment="absolute")) == (32, 40)
    assert (most(decoder=edits), most(decoder=edits, block_alignment="absolute")) == (44, 55)


def world_of(number: int, count: int = 6) -> World:
    """Settings of random quality and cost on the same examples, some of them alike."""
    generator = np.random.default_rng(number)
    ease = generator.normal(size=SIZE)
    found = {}
    for n in range(count):
        good, cost = generator.choice([-2.0, -0.5, 0.5, 0.6]), generator.choice([4, 8, 9, 20])
        scores = (ease + 0.4 * generator.normal(size=SIZE) < good).astype(float)
        found[f"s{n}"] = scores, np.clip(cost + generator.integers(-2, 3, SIZE), 1, LENGTH)
    return found


def frame(world: World, stored: dict[str, set[int]]) -> pd.DataFrame:
    own = {sid: np.array(sorted(at), dtype=int) for sid, at in stored.items()}
    columns = {
        "setting_id": np.repeat(list(own), [len(at) for at in own.values()]),
        "position": np.concatenate(list(own.values())),
        "score": np.concatenate([world[sid][0][at] for sid, at in own.items()]),
        "nfe": np.concatenate([world[sid][1][at] for sid, at in own.items()]),
    }
    return pd.DataFrame(columns)


def standing_of(
    world: World,
    asks: list[list[Any]],
    stored: dict[str, set[int]],
    gone: tuple[str, ...] = (),
    margin: float = 0.02,
) -> Standing:
    sizes = {one.id: SIZE for ask in asks for one in ask}
    rule = StopSettings(margin, RULE.alpha)
    return stand(asks, frame(world, stored), sizes, SLICE, rule, gone)


def slices_lacking(standing: Standing, stored: dict[str, set[int]]) -> list[tuple[str, int]]:
    return [
        (sid, start)
        for sid, due in standing.due.items()
        for start in range(0, due, SLICE)
        if start not in stored[sid]
    ]


def worked_off(world: World, asks: list[list[Any]], choose: random.Random | None = None) -> Standing:
    """The end of a sweep whose slices come in order, or in any order and some of them unasked."""
    stored: dict[str, set[int]] = {sid: set() for sid in world}
    for known in range(1, len(asks) + 1):
        while lacking := slices_lacking(standing := standing_of(world, asks[:known], stored), stored):
            done = choose.sample(lacking, choose.randint(1, len(lacking))) if choose else lacking
            if choose and choose.random() < 0.3:  # a worker that runs ahead, or another sweep's results
                done = [*done, (choose.choice(list(world)), choose.randrange(0, SIZE, SLICE))]
            for sid, start in done:
                stored[sid] |= set(range(start, start + SLICE))
    return standing


@given(st.integers(0, 10**6), st.integers(0, 10**6))
@settings(max_examples=8, deadline=None)
def test_neither_order_nor_haste_nor_older_results_change_what_stops(number: int, order: int) -> None:
    world = world_of(number)
    every = [setting(sid) for sid in world]
    asks = [every[:4], every[4:]]
    assert worked_off(world, asks, random.Random(order)) == worked_off(world, asks)


@pytest.mark.slow
def test_what_stops_has_a_whole_witness_that_covers_it() -> None:
    stops = wrong = 0
    for number in range(20):
        world = world_of(number)
        standing = worked_off(world, [[setting(sid) for sid in world]])
        for sid, stop in standing.stopped.items():
            (scores, passes), (best, least) = world[sid], world[stop.by]
            stops += 1
            wrong += (scores - best).mean() > RULE.margin or passes.mean() < least.mean()
            assert stop.by not in standing.stopped and standing.due[stop.by] == SIZE
            assert standing.due[sid] == stop.n < SIZE
            assert stop.quality == pytest.approx((scores - best)[: stop.n].mean(), abs=1e-6)
    assert stops > 15 and wrong <= 20 * RULE.alpha


def whole(world: World) -> dict[str, set[int]]:
    return {sid: set(range(SIZE)) for sid in world}


GOOD, BAD = np.ones(SIZE), np.zeros(SIZE)
FEW, MANY = np.full(SIZE, 4), np.full(SIZE, 20)


def test_worse_and_dearer_stops_but_neither_better_nor_cheaper() -> None:
    world = {"good": (GOOD, FEW), "dear": (GOOD, MANY), "bad": (BAD, MANY), "fast": (BAD, FEW - 1)}
    asks = [[setting(sid) for sid in world]]
    assert set(standing_of(world, asks, whole(world)).stopped) == {"bad", "dear"}
    wide = standing_of(world, asks, whole(world), margin=0.05)
    assert set(wide.stopped) == {"dear", "bad"} and wide.stopped["bad"].n < wide.stopped["dear"].n
    assert {stop.by for stop in wide.stopped.values()} == {"good"}


def test_one_that_is_better_by_less_than_the_margin_can_stop_and_by_more_not() -> None:
    for wrong, count in ((20, 0), (2, 1)):  # of 160, with a margin of 16
        scores = GOOD.copy()
        scores[np.linspace(SLICE, SIZE - 1, wrong).astype(int)] = (
            0.0  # none in the first slice: "best" does not lead
        )
        world = {"cheap": (scores, FEW), "best": (GOOD, MANY)}
        asks = [[setting(sid) for sid in world]]
        assert len(standing_of(world, asks, whole(world), margin=0.1).stopped) == count


def test_an_ask_may_be_wrong_by_its_share_of_alpha_and_comparisons_divide_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of the k-th ask 1 / (k (k + 1)), which add up to one; evenly among its settings' comparisons, and their pairs."""
    world = {
        sid: (scores, passes)
        for sid, scores, passes in zip("abcd", [GOOD, BAD] * 2, [FEW, MANY] * 2, strict=True)
    }
    asks = [[setting(sid)] for sid in "ab"], [[setting(sid) for sid in "abcd"]]
    for one in asks[1][0][2:]:
        one.group = "h"
    bars: list[float] = []

    def noted(*words: Any) -> dict[str, Any]:
        bars.append(math.exp(words[5]) * RULE.alpha)
        return {}

    monkeypatch.setattr(stopping, "_stops", noted)
    pair = {sid: world[sid] for sid in "ab"}
    standing_of(pair, asks[0], whole(pair))
    assert {round(bar, 6) for bar in bars} == {2.0, 6.0}  # two asks, each with all of its share
    bars.clear()
    standing_of(world, asks[1], whole(world))
    assert {round(bar, 6) for bar in bars} == {4.0}  # of the first, a comparison of two
    bars.clear()
    three = {sid: world[sid] for sid in "abd"}
    standing_of(three, [[setting(sid) for sid in three]], whole(three))
    assert {round(bar, 6) for bar in bars} == {4.0}  # of the first, two pairs with the one that leads
    bars.clear()
    three["a"], three["e"] = (GOOD, MANY - 1), (BAD, FEW)
    standing_of(three, [[setting(sid) for sid in three]], whole(three))
    assert {round(bar, 6) for bar in bars} == {8.0}  # of the first, two settings with each of two that lead


@pytest.mark.parametrize(
    ("alignment", "decoder", "longest"),
    [
        ("prompt", Confidence(), LENGTH),
        ("absolute", Confidence(), 2 * LENGTH),
        ("prompt", Rcr(), 2 * LENGTH),
        ("absolute", HierarchyRemasking(), 4 * LENGTH),
        ("prompt", JointThreshold(), LENGTH + 16),
    ],
)
def test_evidence_begins_after_the_first_slice_and_takes_the_worst_for_what_is_unscored(
    alignment: Any, decoder: Any, longest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Passes go up to the length, and to fill an absolute block up to one block more; further to take tokens back."""
    silent = SIZE // 2
    world = {"good": (GOOD, FEW), "bad": (np.where(np.arange(SIZE) == silent, np.nan, BAD), MANY)}
    ask = [setting(sid) for sid in world]
    for one in ask:
        one.decode = replace(one.decode, block_alignment=alignment, decoder=decoder)
    limits = set()

    def noted(values: Any, least: float, low: float, high: float, population: int, seen: int = 0) -> Any:
        limits.add((low, high, population, seen))
        assert values.shape[1] <= silent or values[0, silent] == low
        return np.zeros(len(values))

    monkeypatch.setattr(stopping, "log_evidence", noted)
    standing_of(world, [ask], whole(world))
    assert limits == {(-1.0, 1.0, SIZE, SLICE), (1.0, longest, SIZE, SLICE)}


def test_a_setting_is_not_stopped_by_its_own_replicate_or_another_group() -> None:
    world = {"a1": (GOOD, FEW), "a2": (BAD, MANY)}
    assert not standing_of(world, [[setting("a", 1), setting("a", 2)]], whole(world)).stopped
    other = setting("a", 2, varied=True)
    assert standing_of(world, [[setting("a", 1), other]], whole(world)).stopped
    other.group = "h"
    assert not standing_of(world, [[setting("a", 1), other]], whole(world)).stopped


def test_one_that_fails_holds_nobody_up() -> None:
    world = {"good": (GOOD, FEW), "bad": (BAD, MANY), "fails": (GOOD, FEW)}
    asks, stored = [[setting(sid) for sid in world]], {**whole(world), "fails": set()}
    assert not standing_of(world, asks, stored).stopped, "they wait for the one that lacks examples"
    assert "bad" in standing_of(world, asks, stored, ("fails",)).stopped


def test_examples_that_only_one_has_a_score_for_speak_against_stopping() -> None:
    unscored = BAD.copy()
    unscored[1::2] = np.nan
    world = {"good": (GOOD, FEW), "bad": (unscored, MANY)}
    assert not standing_of(world, [[setting(sid) for sid in world]], whole(world)).stopped
    world["good"] = (np.where(np.isnan(unscored), np.nan, GOOD), FEW)
    assert standing_of(world, [[setting(sid) for sid in world]], whole(world)).stopped
