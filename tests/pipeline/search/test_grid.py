"""Laws of the grid: the product under conditions, against an enumeration by brute force."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.inputs.config import Config
from pipeline.search import SEARCHES, Candidate, GroupSettings, Outcome, Range, Region
from tests.pipeline.conftest import Judge, planned

KEYS = ["axon.anchors", "axon.policy", "seed", "temperature"]
VALUES = [1, 2, 3]
ask = SEARCHES["grid"]


@st.composite
def regions(draw: st.DrawFn, group: str = "mine") -> Region:
    """A region whose conditions look at earlier keys only, so that none depends on itself."""
    keys = draw(st.permutations(KEYS))
    fixed = {key: draw(st.sampled_from(VALUES)) for key in keys[: draw(st.integers(0, 2))]}
    spanned = [key for key in keys if key not in fixed]
    lists = st.lists(st.sampled_from(VALUES), min_size=1, max_size=3)
    grid = {key: tuple(draw(lists)) for key in draw(st.permutations(spanned))}
    wanted = st.sampled_from(VALUES) | st.lists(st.sampled_from(VALUES), max_size=2)
    when = {}
    for number, key in enumerate(spanned):
        parents = draw(
            st.lists(st.sampled_from([*fixed, *spanned[:number]] or [key]), max_size=2, unique=True)
        )
        if conditions := {parent: draw(wanted) for parent in parents if parent != key}:
            when[key] = conditions
    return Region(group, fixed, grid, when)


def allowed(region: Region, knobs: Mapping[str, Any]) -> bool:
    """Whether a point lies in the region, read from the definition: a key is there if and only if its conditions hold
    among the keys that are there, with one of its values.
    """
    for key in [*region.fixed, *region.grid]:
        holds = all(
            other in knobs and knobs[other] in (wanted if isinstance(wanted, list) else [wanted])
            for other, wanted in region.when.get(key, {}).items()
        )
        if (key in knobs) != holds:
            return False
        if holds and knobs[key] not in region.grid.get(key, (region.fixed.get(key),)):
            return False
    return True


def by_brute_force(region: Region) -> set[frozenset[tuple[str, Any]]]:
    """All points with any key absent or of any value that are allowed."""
    keys = [*region.fixed, *region.grid]
    found = set()
    for values in itertools.product([None, *VALUES], repeat=len(keys)):
        knobs = {key: value for key, value in zip(keys, values, strict=True) if value is not None}
        if allowed(region, knobs):
            found.add(frozenset(knobs.items()))
    return found


@given(regions())
@settings(max_examples=200, deadline=None)
def test_the_grid_is_the_product_under_its_conditions(region: Region) -> None:
    asked = ask((region,), [])
    assert {frozenset(candidate.knobs.items()) for candidate in asked} == by_brute_force(region)


@given(st.lists(regions("a") | regions("b"), max_size=3))
@settings(max_examples=100, deadline=None)
def test_no_candidate_is_asked_for_twice_and_the_order_is_stable(space: list[Region]) -> None:
    asked = list(ask(tuple(space), []))
    assert len({repr(candidate) for candidate in asked}) == len(asked)
    assert asked == list(ask(tuple(space), []))
    alone = [candidate for region in space for candidate in ask((region,), [])]
    assert asked == list({repr(candidate): candidate for candidate in alone}.values())


@given(regions())
@settings(max_examples=50, deadline=None)
def test_a_grid_asks_once(region: Region) -> None:
    asked = ask((region,), [])
    outcomes = [Outcome(candidate, "id", 1, 1, 0.5, 2.0) for candidate in asked]
    assert ask((region,), outcomes) == []


def test_the_last_key_of_the_grid_varies_fastest() -> None:
    region = Region("x", {}, {"seed": (1, 2), "temperature": (0.0, 0.5)}, {})
    points = [tuple(candidate.knobs.values()) for candidate in ask((region,), [])]
    assert points == [(1, 0.0), (1, 0.5), (2, 0.0), (2, 0.5)]


def test_a_key_whose_parent_is_absent_is_absent_too() -> None:
    when = {"axon.policy": {"seed": 1}, "axon.anchors": {"axon.policy": "fixed"}}
    grid = {"seed": (1, 2), "axon.policy": ("fixed", "cover"), "axon.anchors": (1, 2)}
    points = [dict(candidate.knobs) for candidate in ask((Region("x", {}, grid, when),), [])]
    assert points == [
        {"seed": 1, "axon.policy": "fixed", "axon.anchors": 1},
        {"seed": 1, "axon.policy": "fixed", "axon.anchors": 2},
        {"seed": 1, "axon.policy": "cover"},
        {"seed": 2},
    ]


@given(st.floats(1e-3, 10), st.floats(1e-2, 1e3), st.integers(2, 30), st.booleans(), st.booleans())
@settings(max_examples=200, deadline=None)
def test_a_range_is_spaced_evenly_between_its_ends(
    low: float, width: float, num: int, log: bool, whole: bool
) -> None:
    if whole:
        low, width = math.ceil(low), math.ceil(width)
    values = Range(float(low), float(low + width), num, log, whole).values()
    assert len(values) <= num and len(set(values)) == len(values)
    assert list(values) == sorted(values)
    tolerance = 1e-5 * (low + width)
    assert abs(values[0] - low) <= tolerance and abs(values[-1] - low - width) <= tolerance
    if whole:
        assert all(isinstance(value, int) for value in values)
    elif len(values) == num:
        scaled = [math.log(value) if log else value for value in values]
        steps = [after - before for before, after in itertools.pairwise(scaled)]
        assert max(steps) - min(steps) <= (2e-5 if log else 2e-5 * (low + width)) + 1e-12


def test_of_equal_settings_the_knobs_that_tell_them_apart_are_dropped(
    make_config: Callable[..., Config], judge: Judge
) -> None:
    """They have no effect there: a label that named the first one's value would say that they have."""
    grid = {"axon.gate": ["never", "always"], "axon.anchors": [1, 2]}
    plan = planned(make_config("task.name=judge", f"sweep.groups={json.dumps({'g': {'grid': grid}})}"))
    knobs = [dict(setting.knobs) for setting in plan.settings.values()]
    assert knobs == [{"axon.gate": "never"}, *({"axon.gate": "always", "axon.anchors": n} for n in (1, 2))]


def test_more_settings_than_can_be_planned_are_refused_before_any_is_made() -> None:
    many = Region("g", {}, {"seed": tuple(range(400)), "temperature": Range(0.0, 1.0, 10**9)}, {})
    rule = r"^groups\.g: combines 400,000,000,000 settings of seed x temperature, at most 100,000; give fewer"
    for name in ("grid", "refine"):
        with pytest.raises(ValueError, match=rule):
            SEARCHES[name]((many,), [])


def test_a_range_without_num_is_named() -> None:
    with pytest.raises(ValueError, match=r"^seed: is a range without num; add num"):
        ask((Region("x", {}, {"seed": Range(1, 2)}, {}),), [])


@pytest.mark.parametrize(
    ("group", "line"),
    [
        (
            {"grid": {"seed": [1], "task": ["arith"]}, "when": {"task": {"seed": 1}}},
            "when.task.seed: a named config can depend only on `set` and other named configs; write two groups",
        ),
        (
            {
                "grid": {"seed": [1], "temperature": [1]},
                "when": {"seed": {"temperature": 1}, "temperature": {"seed": 1}},
            },
            "when.seed: depends on itself; remove one of the conditions",
        ),
        ({"grid": {"seed": [1]}, "when": {"seed": {"seed": 1}}}, "when.seed: depends on itself; remove one"),
        (
            {"when": {"seed": {"seed": 1}}},
            "when.seed: is not a key of the grid, which has none; name one of the grid",
        ),
    ],
)
def test_conditions_that_cannot_be_met_are_refused(group: dict[str, Any], line: str) -> None:
    with pytest.raises(ValueError, match="when") as refused:
        GroupSettings(**group)
    assert line in str(refused.value)


def test_nested_keys_and_dotted_keys_are_the_same() -> None:
    nested = GroupSettings(set={"axon": {"gate": "never"}}, grid={"axon": {"alpha": {"low": 0, "high": 1}}})
    dotted = GroupSettings(set={"axon.gate": "never"}, grid={"axon.alpha": Range(0, 1)})
    assert nested == dotted
    assert ask((Region("x", nested.set, {"seed": (1,)}, {}),), []) == [
        Candidate("x", {"axon.gate": "never", "seed": 1})
    ]


def test_a_range_of_whole_numbers_has_whole_ends() -> None:
    with pytest.raises(ValueError, match="must be whole"):
        Range(1.5, 4.0, 2, whole=True)
