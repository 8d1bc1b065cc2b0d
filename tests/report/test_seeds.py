"""A sweep over seeds: each is a point, and the report says what that does to a front."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from pipeline.planning.setting import Setting
from pipeline.report.summary import _seeds
from tests.report.sweep import make_sweep


def settings(seeds: tuple[int, ...], knob: bool) -> list[Setting]:
    [one, *_] = make_sweep(examples=6).settings.values()
    return [replace(one, seed=seed, knobs={"seed": seed} if knob else one.knobs) for seed in seeds]


@pytest.mark.parametrize(
    ("seeds", "knob", "told"), [((0, 1, 2), True, True), ((0,), True, False), ((0, 1), False, False)]
)
def test_it_says_that_a_front_takes_the_luckiest(seeds: tuple[int, ...], knob: bool, told: bool) -> None:
    found = _seeds(SimpleNamespace(settings=settings(seeds, knob)))  # type: ignore[arg-type]
    assert bool(found) == told
    if told:
        [line] = found
        assert line.startswith("Each seed (0, 1, 2) is a point of its own, so that fronts")
