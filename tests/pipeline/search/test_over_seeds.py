"""A search over seeds: every setting under all of them, judged by their means, as if there were one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.search import Candidate, Decodes, Outcome, Range, Region, Space
from pipeline.search.over_seeds import over_seeds, seeds_by_group
from pipeline.search.refine import ask_refine

KEY, SEEDS = "decoder.threshold", (2, 0, 1)
ASK = over_seeds(ask_refine)


def region(**grid: Any) -> Region:
    return Region("g", {}, {**grid, KEY: (0.3, 0.5, 0.7, 0.9)}, {}, KEY, 0.01)


def outcome(candidate: Candidate, luck: Sequence[float]) -> Outcome:
    """By threshold; `luck`: what a seed's quality differs by."""
    threshold = candidate.knobs[KEY]
    quality = (
        0.3 + 0.4 * (threshold > 0.6) + (luck[candidate.knobs["seed"]] if "seed" in candidate.knobs else 0)
    )
    return Outcome(candidate, repr(candidate), 40, 40, quality, 5 + 15 * threshold)


def searched(space: Space, luck: Sequence[float] = (0, 0, 0), ask: Any = ASK) -> list[Outcome]:
    outcomes: list[Outcome] = []
    while asked := ask(space, outcomes):
        outcomes += [outcome(candidate, luck) for candidate in asked]
        assert len(outcomes) < 500
    return outcomes


def thresholds(outcomes: Sequence[Outcome]) -> list[float]:
    return list(dict.fromkeys(own.candidate.knobs[KEY] for own in outcomes))


@given(st.floats(-0.2, 0.2), st.floats(-0.2, 0.2))
@settings(max_examples=25, deadline=None)
def test_it_asks_for_what_a_search_without_seeds_asks_for_by_the_means(one: float, other: float) -> None:
    luck = (one, other, -one - other)
    found = searched((region(seed=SEEDS),), luck)
    for threshold in thresholds(found):
        own = [o.candidate.knobs["seed"] for o in found if o.candidate.knobs[KEY] == threshold]
        assert own == list(SEEDS)
    assert thresholds(found) == thresholds(searched((region(),)))


def test_of_no_seeds_or_one_it_is_the_search_itself() -> None:
    for space in ((region(),), (region(seed=(5,)),)):
        assert list(ASK(space, ())) == list(ask_refine(space, ()))
    first = (region(seed=SEEDS), replace(region(), group="other"))
    assert [c.knobs.get("seed") for c in ASK(first, ()) if c.group == "other"] == [None] * 3


def test_the_order_of_outcomes_changes_nothing() -> None:
    space, found = (region(seed=SEEDS),), searched((region(seed=SEEDS),), (0.1, 0.2, -0.1))
    assert list(ASK(space, found[:9])) == list(ASK(space, found[:9][::-1]))
    assert not ASK(space, found[::-1])


def test_seeds_that_something_depends_on_are_choices_like_others() -> None:
    assert seeds_by_group((region(seed=SEEDS),)) == {"g": SEEDS}
    assert seeds_by_group((region(seed=Range(0, 2, 3, whole=True)),)) == {"g": (0, 1, 2)}
    assert not seeds_by_group((region(seed=Range(0, 2, whole=True)),))
    assert not seeds_by_group((replace(region(seed=SEEDS, other=(1, 2)), when={"other": {"seed": 1}}),))
    assert not seeds_by_group((replace(region(seed=SEEDS, other=(1, 2)), when={"seed": {"other": 1}}),))


@pytest.mark.parametrize("lacking", [None, Decodes(*np.zeros((4, 7)))])
def test_decodes_are_those_of_every_seed_or_unknown(lacking: Decodes | None) -> None:
    seen: list[Outcome] = []

    def ask(space: Space, outcomes: Sequence[Outcome]) -> list[Candidate]:
        seen.extend(outcomes)
        return []

    known = [Decodes(*np.full((4, 5), float(seed))) for seed in range(3)]
    found = [
        replace(outcome(Candidate("g", {KEY: 0.3, "seed": seed}), (0, 0.3, 0.6)), decodes=known[seed])
        for seed in SEEDS
    ]
    over_seeds(ask)((region(seed=SEEDS),), found)
    [one] = seen
    assert one.decodes is not None and one.decodes.score.tolist() == [0.0] * 5 + [1.0] * 5 + [2.0] * 5
    assert one.quality == pytest.approx(0.6) and one.examples == one.scored == 120
    assert one.candidate == Candidate("g", {KEY: 0.3})
    over_seeds(ask)((region(seed=SEEDS),), [*found[:2], replace(found[2], decodes=lacking)])
    assert seen[1].decodes is None


def test_a_seed_of_which_nothing_is_scored_takes_no_part() -> None:
    seen: list[Outcome] = []

    def ask(space: Space, outcomes: Sequence[Outcome]) -> list[Candidate]:
        seen.extend(outcomes)
        return []

    found = [outcome(Candidate("g", {KEY: 0.3, "seed": seed}), (0, 0.2, 0)) for seed in (0, 1)]
    over_seeds(ask)((region(seed=SEEDS),), [replace(found[0], scored=0, quality=None, nfe=None), found[1]])
    assert seen[0].quality == pytest.approx(0.5) and seen[0].nfe == found[1].nfe
