"""Laws of what a search knows between two values, on lines whose every decode is known: see `line`."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.search import Candidate, Decodes, Outcome, Region, refine
from pipeline.search.between import beyond, detour, prospects
from pipeline.search.box import Point, undominated
from pipeline.search.refine import FINEST, FREE, ask_refine

KEY = "decoder.threshold"
LOW, HIGH, EXAMPLES = 0.3, 0.99, 24
Line = Callable[[float], Outcome]


def line(seed: int, cuts: int, monotone: bool = True) -> Line:
    """Of examples whose decodes change at up to `cuts` values each; where they do, NFE rises, and so does quality if
    the line is monotone.
    """
    rng = np.random.default_rng(seed)
    edges = [np.sort(rng.uniform(LOW, HIGH, rng.integers(cuts + 1))) for _ in range(EXAMPLES)]
    scores = [rng.integers(0, 2, len(own) + 1) for own in edges]
    if monotone:
        scores = [np.sort(own) for own in scores]
    nfe = [np.sort(rng.integers(1, 20, len(own) + 1)) for own in edges]

    def at(value: float) -> Outcome:
        cells = [int(np.searchsorted(own, value)) for own in edges]
        score, calls = (
            np.array([own[cell] for own, cell in zip(parts, cells, strict=True)], float)
            for parts in (scores, nfe)
        )
        ends = [np.concatenate([[-np.inf], own, [np.inf]]) for own in edges]
        above, below = (
            np.array([own[cell + more] for own, cell in zip(ends, cells, strict=True)]) for more in (0, 1)
        )
        candidate = Candidate("g", {KEY: value})
        decodes = Decodes(score, calls, above, below)
        quality, mean = float(score.mean()), float(calls.mean())
        return Outcome(candidate, repr(candidate), EXAMPLES, EXAMPLES, quality, mean, decodes)

    return at


def point(outcome: Outcome) -> Point:
    assert outcome.nfe is not None and outcome.quality is not None
    return Point(outcome.candidate.knobs[KEY], outcome.nfe, outcome.quality, outcome.decodes)


def region(tolerance: float = 0.018) -> Region:
    return Region("g", {}, {KEY: (LOW, 0.6, HIGH)}, {}, KEY, tolerance)


def searched(
    at: Line, outcomes: Sequence[Outcome] = (), change: Callable[[Outcome], Outcome] = lambda o: o
) -> list[Outcome]:
    """All outcomes of a search that goes on from these until it is done."""
    found = list(outcomes)
    while asked := ask_refine((region(),), found):
        found += [change(at(candidate.knobs[KEY])) for candidate in asked]
        assert len(found) < 500
    return found


seeds, cuts, values = st.integers(0, 10**6), st.integers(0, 6), st.floats(LOW, HIGH)
law = settings(max_examples=60, deadline=None)


def test_a_decode_does_not_hold_at_the_ends_of_its_range() -> None:
    """Of four examples one holds up to the value asked and one down to it, so that both are new there."""
    scores, nfe, never = np.array([0.0, 0, 0, 1]), np.array([4.0, 4, 4, 4]), np.full(4, np.inf)
    low = Decodes(scores, nfe, -never, np.array([0.5, 0.4, 0.4, 0.6]))
    high = Decodes(1 - scores, nfe + 4, np.array([0.6, 0.5, 0.6, 0.6]), never)
    [found] = prospects(Point(0.3, 4.0, 0.25, low), Point(0.9, 8.0, 0.75, high), [0.5], 0.75)
    assert found.new == 0.75


@law
@given(seeds, cuts, st.lists(values, min_size=3, max_size=3, unique=True), st.booleans())
def test_what_no_example_is_new_at_is_told_exactly(
    seed: int, most: int, three: list[float], monotone: bool
) -> None:
    """And a value's share of new examples is of those whose decode neither neighbour tells."""
    at = line(seed, most, monotone)
    low, value, high = sorted(three)
    below, truth, above = point(at(low)), point(at(value)), point(at(high))
    [own] = prospects(below, above, [value], 0.5)
    assert truth.decodes is not None
    known = (truth.decodes.above < low) | (high < truth.decodes.below)
    assert own.new == pytest.approx(1 - known.mean())
    if own.new == 0:
        assert (own.box.start, own.box.top) == pytest.approx((truth.nfe, truth.quality))
        assert own.box.stop == max(below.nfe, above.nfe) or own.box.stop == pytest.approx(truth.nfe)


@law
@given(seeds, cuts, st.lists(values, min_size=3, max_size=3, unique=True))
def test_on_a_monotone_line_the_point_is_in_its_box_and_the_box_in_the_neighbours(
    seed: int, most: int, three: list[float]
) -> None:
    at = line(seed, most)
    low, value, high = sorted(three)
    below, truth, above = point(at(low)), point(at(value)), point(at(high))
    [own] = prospects(below, above, [value], 1.0)
    box, exact = own.box, 1e-9
    assert below.nfe - exact <= box.start <= truth.nfe + exact and truth.nfe <= box.stop + exact
    assert box.floor <= truth.quality + exact and truth.quality <= box.top + exact
    assert box.stop <= above.nfe + exact and box.top <= above.quality + exact
    assert below.quality - exact <= box.floor


@pytest.mark.parametrize(("rises", "falls"), [(0, 0), (3, 0), (0, 2), (1, 1), (2, 2), (4, 2), (1, 5), (3, 4)])
def test_a_detour_is_the_mean_over_all_orders(rises: int, falls: int) -> None:
    count, highest = rises + falls, []
    for places in itertools.combinations(range(count), rises):
        steps = [0.5 if place in places else -0.5 for place in range(count)]
        sums = [0.0, *itertools.accumulate(steps)]
        highest.append(max(sums) - max(0.0, sums[-1]))
    gains = np.array([0.5] * rises + [-0.5] * falls + [0.0] * 3)
    assert detour(gains) == pytest.approx(sum(highest) / len(highest))


@law
@given(st.lists(st.floats(-1, 1), max_size=20))
def test_no_value_is_expected_to_be_better_than_if_all_that_get_better_had(gains: list[float]) -> None:
    """Nor worse than the better neighbour. Scores may be any numbers from 0 to 1."""
    gain = np.array([*gains, 0.0])
    first = np.maximum(-gain, 0)
    size = len(gain)
    low, high = (
        Point(value, nfe, float(score.mean()), Decodes(score, np.full(size, nfe), low_N, high_N))
        for value, nfe, score, low_N, high_N in (
            (0.0, 1.0, first, np.full(size, -np.inf), np.array([0.1] * (size - 1) + [np.inf])),
            (1.0, 2.0, first + gain, np.array([0.9] * (size - 1) + [-np.inf]), np.full(size, np.inf)),
        )
    )
    [own] = prospects(low, high, [0.5], 1.0)
    most = low.quality + np.maximum(gain, 0).sum() / size
    assert max(low.quality, high.quality) - 1e-9 <= own.box.top <= most + 1e-9


def test_a_better_value_between_two_of_the_same_quality_is_found() -> None:
    """One example becomes right on the way, and another one wrong after that, which both change otherwise, too; all
    others take more and more passes.
    """
    edges = [[0.72, 0.93], [0.65, 0.9], *([0.3 + 0.69 * place / EXAMPLES] for place in range(2, EXAMPLES))]

    def at(value: float) -> Outcome:
        score = np.ones(EXAMPLES)
        score[0], score[1] = value > 0.72, value < 0.9
        ends = np.array([[-np.inf, *own, np.inf, np.inf][:4] for own in edges])
        past = (ends < value).sum(axis=1)
        above, below = (np.take_along_axis(ends, past[:, None] - more, axis=1)[:, 0] for more in (1, 0))
        candidate = Candidate("g", {KEY: value})
        decodes = Decodes(score, 2.0 + past, above, below)
        quality, nfe = float(score.mean()), float(2 + past.mean())
        return Outcome(candidate, repr(candidate), EXAMPLES, EXAMPLES, quality, nfe, decodes)

    assert at(LOW).quality == at(0.6).quality == at(HIGH).quality
    assert any(0.72 < own.candidate.knobs[KEY] < 0.9 for own in searched(at))


@law
@given(seeds, cuts, st.floats(LOW, 0.9), st.floats(1.0, 3.0))
def test_beyond_its_last_known_value_only_new_answers_may_become_right(
    seed: int, most: int, value: float, growth: float
) -> None:
    at = line(seed, most)
    last, end = point(at(value)), point(at(HIGH))
    own = beyond(last, HIGH, growth)
    assert end.quality <= own.box.top + 1e-9 and own.box.stop == last.nfe * growth
    assert last.decodes is not None
    assert own.new == pytest.approx(1 - (last.decodes.below > HIGH).mean())
    unknown = beyond(replace(last, decodes=None), HIGH, growth)
    assert (unknown.new, unknown.box.top) == (1.0, 1.0)


def with_unscored(own: Point, count: int) -> Point:
    """The same with as many examples more that can't be scored, as of prompts that are too long."""
    assert own.decodes is not None
    nothing = np.full(count, np.nan)
    return replace(own, decodes=Decodes(*(np.concatenate([nothing, column]) for column in own.decodes)))


@law
@given(seeds, cuts, st.lists(values, min_size=3, max_size=3, unique=True), st.integers(1, 40))
def test_examples_that_cannot_be_scored_change_nothing(
    seed: int, most: int, three: list[float], count: int
) -> None:
    """Means are of the scored ones."""
    at = line(seed, most, monotone=False)
    low, value, high = sorted(three)
    below, above = point(at(low)), point(at(high))
    padded = with_unscored(below, count), with_unscored(above, count)
    assert prospects(*padded, [value], 0.5) == prospects(below, above, [value], 0.5)
    assert beyond(padded[0], HIGH, 1.5) == beyond(below, HIGH, 1.5)


def blind(outcome: Outcome) -> Outcome:
    return replace(outcome, decodes=None)


def alone(outcome: Outcome) -> Outcome:
    """Its decodes hold under no other value."""
    assert outcome.decodes is not None
    own = np.full(EXAMPLES, outcome.candidate.knobs[KEY])
    return replace(outcome, decodes=outcome.decodes._replace(above=own - 1e-9, below=own + 1e-9))


def untold(outcome: Outcome) -> Outcome:
    assert outcome.decodes is not None
    own = np.full(EXAMPLES, np.nan)
    return replace(outcome, decodes=outcome.decodes._replace(above=own, below=own))


@settings(max_examples=30, deadline=None)
@given(seeds, st.integers(1, 6), st.booleans())
def test_where_no_decode_repeats_it_asks_for_what_it_would_ask_knowing_nothing_of_decodes(
    seed: int, most: int, monotone: bool
) -> None:
    at = line(seed, most, monotone)
    plain = searched(at, change=blind)
    assert searched(at, change=alone) == searched(at, change=untold) == plain


def decoded(found: Sequence[Outcome]) -> int:
    """Decodes that are made for them, in turn: what an earlier one tells is not."""
    made = 0
    for place, own in enumerate(found):
        value = own.candidate.knobs[KEY]
        told = np.zeros(EXAMPLES, dtype=bool)
        for other in found[:place]:
            assert other.decodes is not None
            told |= (other.decodes.above < value) & (value < other.decodes.below)
        made += EXAMPLES - int(told.sum())
    return made


@settings(max_examples=30, deadline=None)
@given(seeds, cuts)
def test_in_the_end_no_value_looked_at_may_show_more_than_its_new_examples_are_worth(
    seed: int, most: int
) -> None:
    found = sorted((point(own) for own in searched(line(seed, most))), key=lambda own: own.value)
    front, best = undominated(found), max(own.quality for own in found)
    scale = max(own.nfe for own in found) - min(own.nfe for own in found)
    whole = refine.Line(region(), {}, KEY, (LOW, 0.6, HIGH))
    for low, high in itertools.pairwise(found):
        if high.value - low.value <= FINEST * (HIGH - LOW):
            continue
        for own in prospects(low, high, whole.between(low.value, high.value), best):
            assert own.box.uncertain_area(front, scale) <= 0.018 * max(own.new, FREE) ** 2 + 1e-9


@pytest.mark.slow
def test_knowing_which_decodes_repeat_it_finds_more_of_the_front_for_the_same_decodes() -> None:
    """On eight lines in all: as much as a search knowing nothing of decodes finds with a finer tolerance, for less."""
    missed, made = {"blind": 0.0, "fine": 0.0, "seeing": 0.0}, {"blind": 0, "fine": 0, "seeing": 0}
    for seed in range(8):
        at = line(seed, 3)
        fine = [at(value).quality or 0.0 for value in np.linspace(LOW, HIGH, 200)]
        for name in missed:
            found: list[Outcome] = []
            tolerance = 0.001 if name == "fine" else 0.018
            while asked := ask_refine(
                (region(tolerance),), found if name == "seeing" else [*map(blind, found)]
            ):
                found += [at(candidate.knobs[KEY]) for candidate in asked]
            known = sorted((own.candidate.knobs[KEY], own.quality or 0.0) for own in found)
            # What of the rise lies within the widest step that is left.
            missed[name] += max(b - a for (_, a), (_, b) in itertools.pairwise(known)) / max(fine)
            made[name] += decoded(found)
    assert missed["seeing"] < 0.7 * missed["blind"] and made["seeing"] < made["fine"]


@settings(max_examples=20, deadline=None)
@given(seeds, cuts, st.integers(0, 100), st.randoms(use_true_random=False))
def test_resumed_it_asks_for_the_same_in_whatever_order_it_is_told(
    seed: int, most: int, part: int, random: object
) -> None:
    """It is resumed where all that it asked for is there: backlog.py asks no sooner."""
    at = line(seed, most, monotone=False)
    rounds: list[list[Outcome]] = []
    while asked := ask_refine((region(),), list(itertools.chain(*rounds))):
        rounds.append([at(candidate.knobs[KEY]) for candidate in asked])
    known = [own for round_ in rounds[: part % len(rounds)] for own in round_]
    random.shuffle(known)  # type: ignore[attr-defined]
    whole = {repr(own) for own in itertools.chain(*rounds)}
    assert {repr(own) for own in searched(at, known)} == whole
