"""A step that computes a shadow or several canvases costs more than NFE says: where settings differ, it is said."""

import pytest

from tests.report.counts import count
from tests.report.sweep import changed, make_sweep
from tests.report.verdict import facet_of

NOTE = "NFE counts every step as one, though a step of {}: compare such settings by computed positions, too."
SHADOW = "wino computes a shadow of the block beside the canvas"
STEP = f"NFE counts a step as one, though a step of {SHADOW}: for each, "


def sweep_of(*shadowed):
    """`shadowed`: the thresholds whose settings have shadows."""
    sweep = make_sweep(examples=20, thresholds=(0.3, 0.7))
    sweep.settings = {
        sid: changed(setting, decoder="wino" if sid.split("-")[0] in shadowed else "confidence")
        for sid, setting in sweep.settings.items()
    }
    return count(sweep, remasked=1)


def test_where_some_settings_have_shadows_steps_are_not_all_that_is_compared():
    facet = facet_of(sweep_of("0.7"))
    assert NOTE.format(SHADOW) in facet.summary.warnings
    assert [view.cost.column for view in facet.pictured] == ["nfe", "computed_positions"]
    told = [str(verdict) for verdict in facet.summary.verdicts]
    assert sum(STEP in one for one in told) == 1, told


@pytest.mark.slow
def test_where_all_or_none_have_shadows_nfe_compares_them():
    for shadowed in ((), ("0.3", "0.7")):
        facet = facet_of(sweep_of(*shadowed))
        assert not any("shadow" in line for line in facet.summary.warnings)
        assert [view.cost.column for view in facet.pictured] == ["nfe"]
