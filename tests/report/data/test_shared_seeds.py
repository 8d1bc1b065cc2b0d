"""Several runs that hold seeds of one setting: they stay runs, and the verdict counts each seed once."""

from __future__ import annotations

import pandas as pd
import pytest

from pipeline.report import find
from pipeline.runs.run import Run
from tests.report.seeded import facet_of, seeded
from tests.report.sweep import THRESHOLDS, make_run


def test_runs_of_other_seeds_stay_runs() -> None:
    def of(seed: int) -> tuple[Run, pd.DataFrame]:
        own = seeded((seed,), thresholds=(0.5, 0.7))
        return make_run(list(own.settings.values()), name=f"run{seed}"), own.records

    runs, records = zip(*(of(seed) for seed in (0, 1)), strict=True)
    (facet,) = find(list(runs), pd.concat(records, ignore_index=True)).facets
    assert sorted(facet.points["run"]) == ["run0", "run0", "run1", "run1"]
    assert any("“run0: base” and “run1: base”" in own for own in facet.summary.warnings)
    one, other = seeded((0,), thresholds=(0.5,)), seeded((1,), thresholds=(0.7,))
    settings = [*one.settings.values(), *other.settings.values()]
    twice = [make_run(settings, name=name) for name in ("first", "again")]
    (facet,) = find(twice, pd.concat([one.records, other.records], ignore_index=True)).facets
    assert not any("not pooled" in own for own in facet.summary.warnings), "each under the same seed"


@pytest.mark.slow
@pytest.mark.parametrize(
    "split", [((1, 2), (2, 3)), ((1,), (2, 3)), ((1,), (1, 2, 3)), ((3, 1), (2,), (1, 2))]
)
@pytest.mark.parametrize("thresholds", [THRESHOLDS, (0.5,)])
def test_the_verdict_on_runs_counts_each_seed_of_a_setting_once(
    split: tuple[tuple[int, ...], ...], thresholds: tuple[float, ...]
) -> None:
    """As if one run had them all, whichever run has which, and whether fronts or pairs are compared."""
    whole = seeded((1, 2, 3), thresholds, anchors=(None, 1), done={3: 25})
    runs = [
        make_run([own for own in whole.settings.values() if own.seed in seeds], name=f"run{number}")
        for number, seeds in enumerate(split)
    ]
    (expected,) = facet_of(whole).comparisons
    (facet,) = find(runs, whole.records).facets
    (found,) = facet.comparisons
    assert bool(expected.effects) == (len(thresholds) > 1) != bool(expected.pairs)
    for one, other in zip(expected.effects, found.effects, strict=True):
        assert other.difference == pytest.approx(one.difference)
        assert other.saving.fraction == pytest.approx(one.saving.fraction)
    for pair, same in zip(expected.pairs, found.pairs, strict=True):
        assert same.quality.difference == pytest.approx(pair.quality.difference)
        assert same.nfe == pytest.approx(pair.nfe)
