"""Laws of refinement, on curves that are known: what it asks for, when it stops, what it leaves open."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.search import Candidate, Outcome, Range, Region, Space
from pipeline.search.box import Box, Point
from pipeline.search.refine import Line, ask_refine

KEY = "decoder.threshold"
Curve = Callable[[float], tuple[float, float]]  # threshold -> NFE, quality


def jump(at: float, steep: float = 60.0) -> Curve:
    """Quality jumps from 0.4 to 0.95 around `at`, NFE rises evenly: the shape of `pycode` in LOG.md."""
    return lambda t: (5 + 15 * t, 0.4 + 0.55 / (1 + math.exp(-steep * (t - at))))


VALUES = (0.3, 0.5, 0.7, 0.9, 0.99)


def region(values: Sequence[float] = VALUES, tolerance: float = 0.01, **grid: tuple[object, ...]) -> Region:
    return Region("g", {}, {**grid, KEY: tuple(values)}, {}, KEY, tolerance)


def outcome(candidate: Candidate, curve: Curve) -> Outcome:
    nfe, quality = curve(candidate.knobs[KEY])
    return Outcome(candidate, repr(candidate), 100, 100, quality, nfe)


def searched(space: Space, curve: Curve) -> list[Outcome]:
    """All outcomes of a search that is asked until it is done."""
    outcomes: list[Outcome] = []
    while asked := ask_refine(space, outcomes):
        outcomes += [outcome(candidate, curve) for candidate in asked]
        assert len(outcomes) < 500
    return outcomes


def points(outcomes: Sequence[Outcome]) -> list[Point]:
    found = [Point(o.candidate.knobs[KEY], o.nfe or 0.0, o.quality or 0.0) for o in outcomes]
    return sorted(found, key=lambda point: point.value)


def open_area(found: list[Point]) -> float:
    """The widest rectangle that the search has left."""
    nfe = [point.nfe for point in found]
    boxes = [Box.between(low, high, 0.0) for low, high in itertools.pairwise(found)]
    return max(box.uncertain_area(found, max(nfe) - min(nfe)) for box in boxes)


@given(st.floats(0.35, 0.95), st.sampled_from([0.05, 0.02, 0.01, 0.005]))
@settings(max_examples=50, deadline=None)
def test_no_interval_is_left_open_beyond_the_tolerance(at: float, tolerance: float) -> None:
    assert open_area(points(searched((region(tolerance=tolerance),), jump(at)))) <= tolerance


@given(st.floats(0.35, 0.95))
@settings(max_examples=50, deadline=None)
def test_it_leaves_less_open_than_a_grid_of_as_many_values(at: float) -> None:
    found = points(searched((region(),), jump(at)))
    width = (0.99 - 0.3) / (len(found) - 1)
    grid = points([outcome(Candidate("g", {KEY: 0.3 + n * width}), jump(at)) for n in range(len(found))])
    assert open_area(found) < open_area(grid)


@given(st.floats(0.35, 0.95), st.randoms(use_true_random=False))
@settings(max_examples=30, deadline=None)
def test_the_order_of_outcomes_and_an_interruption_change_nothing(at: float, random: object) -> None:
    space = (region(**{"axon.anchors": (1, 2)}),)
    whole = searched(space, jump(at))
    shuffled = list(whole)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert not ask_refine(space, shuffled)
    part = whole[:7]
    assert list(ask_refine(space, part)) == list(ask_refine(space, part[::-1]))


@pytest.mark.parametrize("slower", [1, -1])
def test_lines_after_the_first_start_without_their_costly_end(slower: int) -> None:
    """Whichever end that is: some parameters take more passes where they are low."""
    space = (region(**{"axon.anchors": (1, 2)}),)

    def curve(t: float) -> tuple[float, float]:
        return 10 + slower * 5 * t, 0.9

    first = ask_refine(space, [])
    started = [(1, 0.3), (1, 0.7), (1, 0.99), (2, 0.7)]
    assert [(c.knobs["axon.anchors"], c.knobs[KEY]) for c in first] == started
    second = ask_refine(space, [outcome(candidate, curve) for candidate in first])
    cheap = 0.3 if slower == 1 else 0.99
    assert [(c.knobs["axon.anchors"], c.knobs[KEY]) for c in second] == [(2, cheap)]


def by_anchors(space: Space, *curves: Curve) -> list[list[Outcome]]:
    """What is asked for of each line, of a search that is asked until it is done."""
    outcomes: list[Outcome] = []
    while asked := ask_refine(space, outcomes):
        outcomes += [outcome(c, curves[c.knobs["axon.anchors"] - 1]) for c in asked]
        assert len(outcomes) < 500
    return [
        [own for own in outcomes if own.candidate.knobs["axon.anchors"] == n] for n, _ in enumerate(curves, 1)
    ]


@given(st.floats(0.5, 1.0))
@settings(max_examples=30, deadline=None)
def test_a_costly_end_is_asked_for_where_the_line_may_still_get_better(best: float) -> None:
    """The second line is as good as the first up to its middle, and better at its end, unless the first is perfect."""
    space = (region(**{"axon.anchors": (1, 2)}),)
    one, two = by_anchors(
        space,
        lambda t: (10 * t, best if t > 0.6 else 0.4),
        lambda t: (10 * t, 1.0 if t > 0.9 else best if t > 0.6 else 0.4),
    )
    ends = [own.candidate.knobs[KEY] for own in two]
    assert one and (0.99 in ends) == (2.9 * (1 - best) / 6.9 > 0.01)  # of 3 to 9.9


def test_every_line_is_in_the_first_ask() -> None:
    """A fault of any of them is told before anything is decoded."""
    for values in ((0.5,), (0.3, 0.5), VALUES):
        space = (region(values, **{"axon.anchors": (1, 2, 3), "axon.max_anchor_steps": (1, 2)}),)
        asked = ask_refine(space, [])
        assert len({(c.knobs["axon.anchors"], c.knobs["axon.max_anchor_steps"]) for c in asked}) == 6


def test_gaps_that_overlap_are_filled_one_after_the_other() -> None:
    """What is found in the first line's gap may close the second's, which is as wide."""
    space = (region(**{"axon.anchors": (1, 2)}),)

    def rise(t: float) -> tuple[float, float]:
        return 5 + 15 * t, t

    outcomes: list[Outcome] = []
    rounds: list[list[float]] = []
    while asked := ask_refine(space, outcomes):
        outcomes += [outcome(candidate, rise) for candidate in asked]
        rounds.append([candidate.knobs[KEY] for candidate in asked])
    assert rounds[2].count(0.5) == 1


@pytest.mark.parametrize(("middle", "asked"), [(0.7, [0.25]), (0.6, [0.25, 0.75])])
def test_gaps_of_at_least_half_the_widest_area_are_filled_at_once(middle: float, asked: list[float]) -> None:
    """Of two side by side, from quality 0.1 to `middle` and from there to 0.9."""
    space = (region((0.0, 0.5, 1.0)),)
    curve = {0.0: (10.0, 0.1), 0.5: (20.0, middle), 1.0: (30.0, 0.9)}
    known = [outcome(candidate, curve.__getitem__) for candidate in ask_refine(space, [])]
    assert sorted(candidate.knobs[KEY] for candidate in ask_refine(space, known)) == asked


def failing(space: Space, curve: Curve, fails: Callable[[float], bool]) -> list[Outcome]:
    """All outcomes of a search that is asked until it is done; where `fails` no example can be scored."""
    outcomes: list[Outcome] = []
    while asked := ask_refine(space, outcomes):
        assert not {repr(c) for c in asked} & {o.setting_id for o in outcomes}
        outcomes += [
            Outcome(c, repr(c), 100, 0, None, None) if fails(c.knobs[KEY]) else outcome(c, curve)
            for c in asked
        ]
        assert len(outcomes) < 500
    return outcomes


def scored(outcomes: Sequence[Outcome]) -> list[Point]:
    return points([own for own in outcomes if own.scored])


@given(st.floats(0.35, 0.95), st.floats(0.3, 0.99), st.floats(0.0, 0.02))
@settings(max_examples=50, deadline=None)
def test_no_interval_is_left_open_for_an_unscored_value(at: float, start: float, width: float) -> None:
    """Unless whatever is looked at between its ends could not be scored: the stretch takes more than 1/8 of it."""
    space = (region(tolerance=0.005),)
    found = scored(failing(space, jump(at), lambda t: start <= t <= start + width))
    scale = found[-1].nfe - found[0].nfe
    for low, high in itertools.pairwise(found):
        if Box.between(low, high, 0.0).uncertain_area(found, scale) > 0.005:
            assert low.value < start + width and start < high.value and (high.value - low.value) / 8 < width


def test_a_gap_whose_middle_is_unscored_is_looked_into_beside_it() -> None:
    space = (region((0.0, 0.5, 1.0)),)
    found = failing(space, lambda t: (5 + 15 * t, 0.9 * t), lambda t: t == 0.75)
    assert {0.25, 0.6875} <= {own.candidate.knobs[KEY] for own in found}


@pytest.mark.parametrize(("place", "instead"), [(0, 0.5), (1, 0.9), (2, 0.9)])
@pytest.mark.parametrize("lines", [1, 2])
def test_another_value_stands_in_for_an_unscored_end_or_middle(
    place: int, instead: float, lines: int
) -> None:
    space = (region(**{"axon.anchors": tuple(range(lines))}),)
    lost = (0.3, 0.7, 0.99)[place]
    found = failing(space, jump(0.6), lambda t: t == lost)
    for line in range(lines):
        own = [o for o in found if o.candidate.knobs["axon.anchors"] == line]
        assert {lost, instead} <= {o.candidate.knobs[KEY] for o in own} or (line, place) == (1, 2)


def test_a_range_whose_ends_are_unscored_is_searched_within() -> None:
    space = (Region("g", {}, {KEY: Range(0.2, 1.0)}, {}, KEY, 0.01),)
    found = scored(failing(space, jump(0.5), lambda t: t in (0.2, 1.0)))
    assert found[0].value == 0.4 and found[-1].value == 0.8 and len(found) > 5


def test_a_line_of_which_nothing_is_scored_is_left() -> None:
    """Not so the other one, whose costly end is asked for, too, as nothing is known of it."""
    space = (region(**{"axon.anchors": (1, 2)}),)
    outcomes: list[Outcome] = []
    while asked := ask_refine(space, outcomes):
        outcomes += [
            outcome(c, jump(0.6)) if c.knobs["axon.anchors"] == 2 else Outcome(c, repr(c), 9, 0, None, None)
            for c in asked
        ]
    one, two = (
        {own.candidate.knobs[KEY] for own in outcomes if own.candidate.knobs["axon.anchors"] == n}
        for n in (1, 2)
    )
    assert one == {0.3, 0.7, 0.99} < two


def test_a_line_none_of_whose_values_given_could_be_scored_is_searched_between_others() -> None:
    """As in a store where another sweep, or another region of the group, evaluated values of its own."""
    values = [0.3, 0.7, 0.99, 0.4, 0.6]
    known = [
        Outcome(c, repr(c), 9, 0, None, None) if c.knobs[KEY] in values[:3] else outcome(c, jump(0.5))
        for c in [Candidate("g", {KEY: value}) for value in values]
    ]
    assert [c.knobs[KEY] for c in ask_refine((region(values[:3]),), known)] == [0.5]


def test_a_line_that_another_dominates_is_not_refined() -> None:
    """The good line is better everywhere by far, so nothing between the other's points can be on the front."""
    space = (region(**{"axon.anchors": (1, 2)}),)
    good, bad = jump(0.4), (lambda t: (15 + 5 * t, 0.1 * t))

    counts = [len(own) for own in by_anchors(space, good, bad)]
    assert counts[1] == 3 < counts[0]


def test_a_bump_of_a_line_that_falls_to_its_middle_is_found() -> None:
    """AXON's line on `pycode` (LOG.md): 0.93 at its start, 0.90 in the middle, 0.96 at its end, and 0.97 between."""

    def bumpy(t: float) -> tuple[float, float]:
        bump = 0.07 * math.exp(-(((t - 0.5) / 0.08) ** 2))
        return 10 + 10 * t, (0.9 if t < 0.6 else 0.88 if t < 0.9 else 0.96) + bump

    found = points(searched((region(),), bumpy))
    assert max(point.quality for point in found if point.value < 0.6) > 0.95


def test_a_bump_beside_the_best_end_is_found() -> None:
    """Nothing known is better than the cheap end, but quality is not monotone after it, so something else may be."""

    def bumpy(t: float) -> tuple[float, float]:
        bump = 0.06 * math.exp(-(((t - 0.5) / 0.08) ** 2))
        return 10 + 10 * t, (0.92 if t < 0.6 else 0.83 if t < 0.9 else 0.92) + bump

    assert max(point.quality for point in points(searched((region(),), bumpy))) > 0.95


def test_a_line_that_falls_from_the_best_is_soon_left() -> None:
    """Half of an interval falls by half as much over half the NFE: a quarter of the area."""
    found = searched((region(),), lambda t: (5 + 15 * t, 0.9 - 0.3 * t))
    assert 3 < len(found) < 10


@pytest.mark.parametrize("at", [0.45, 0.6, 0.77])
def test_passes_that_every_setting_takes_change_nothing(at: float) -> None:
    """A front's NFE counts by its range: where a task takes 50 passes at least, as much is found as elsewhere."""

    def more(t: float) -> tuple[float, float]:
        nfe, quality = jump(at)(t)
        return 50 + nfe, quality

    own, other = (points(searched((region(),), curve)) for curve in (jump(at), more))
    assert [point.value for point in own] == [point.value for point in other]


@pytest.mark.parametrize(("key", "alike"), [("axon", True), ("decoder", False)])
def test_variants_of_axon_are_drawn_on_one_scale_of_nfe(key: str, alike: bool) -> None:
    """A front of few passes beside one of many is not drawn more finely for it; another decoder's is."""
    space = tuple(replace(region(), fixed={key: name}) for name in ("long", "short"))
    outcomes: list[Outcome] = []
    while asked := ask_refine(space, outcomes):
        for own in asked:
            far = 1.0 if own.knobs[key] == "long" else 0.01
            outcomes.append(outcome(own, lambda t, far=far: (far * jump(0.6)(t)[0], jump(0.6)(t)[1])))  # type: ignore[misc]
    assert (sum(own.candidate.knobs[key] == "short" for own in outcomes) == 3) == alike


@pytest.mark.parametrize(("high", "middle"), [(100.0, 10.0), (99.0, 50.0)])
def test_between_ends_far_apart_the_middle_is_by_ratio(high: float, middle: float) -> None:
    assert Line(region(), {}, KEY, (1.0, high)).between(1.0, high)[0] == middle


@given(*[st.floats(0, 1)] * 3)
def test_no_box_reaches_above_a_quality_of_1(one: float, other: float, best: float) -> None:
    box = Box.between(Point(0.3, 5.0, one), Point(0.9, 9.0, other), max(best, one, other))
    assert box.floor <= one and max(one, other) <= box.top <= 1


def test_whole_numbers_are_chosen_among_the_values_given() -> None:
    values = (1, 2, 4, 8, 16, 32)
    found = searched((region(values, 0.001),), lambda t: (32 / t, 1.0 if t < 5 else 0.2))
    assert {o.candidate.knobs[KEY] for o in found} <= set(values)
    assert {4, 8} <= {o.candidate.knobs[KEY] for o in found}


@pytest.mark.parametrize("log", [False, True])
def test_a_range_of_whole_numbers_is_searched_in_whole_numbers(log: bool) -> None:
    space = (Region("g", {}, {KEY: Range(1, 32, log=log, whole=True)}, {}, KEY, 0.001),)
    found = [own.candidate.knobs[KEY] for own in searched(space, lambda t: (t, 1.0 if t > 20 else 0.2))]
    assert all(isinstance(value, int) for value in found)
    assert {1, 20, 21, 32} <= set(found) and len(found) < 12


def test_a_jump_is_left_once_its_sides_are_close() -> None:
    found = searched(
        (region(tolerance=0.001),), lambda t: (5 + 10 * (t > 0.6123), 0.9 if t > 0.6123 else 0.1)
    )
    sides = sorted(o.candidate.knobs[KEY] for o in found)
    assert min(b - a for a, b in itertools.pairwise(sides)) < 0.01
    assert len(found) < 15


def test_a_setting_without_scored_examples_is_passed_over() -> None:
    space = (region(),)
    first = [outcome(candidate, jump(0.6)) for candidate in ask_refine(space, [])]
    failed = Outcome(first[1].candidate, first[1].setting_id, 100, 0, None, None)
    asked = ask_refine(space, [first[0], failed, first[2]])
    assert asked and all(0.3 < candidate.knobs[KEY] < 0.99 for candidate in asked)


def test_regions_without_a_trade_off_parameter_are_asked_for_whole() -> None:
    plain = Region("base", {"decoder": "left_to_right"}, {"seed": (0, 1)}, {})
    asked = ask_refine((plain,), [])
    assert [candidate.knobs["seed"] for candidate in asked] == [0, 1]
    assert not ask_refine((plain,), [Outcome(c, repr(c), 9, 9, 0.5, 3.0) for c in asked])
