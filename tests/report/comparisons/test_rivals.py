"""Fronts against one that is named: the figures of AXON's verdict for the same records, and which are compared."""

from copy import deepcopy
from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from axon import AxonSettings
from pipeline.errors import ConfigError
from pipeline.report import find
from pipeline.report.asked import Asked
from pipeline.report.comparisons.effect import Effect
from pipeline.report.facet import Facet
from pipeline.report.html import forest
from pipeline.report.html.forest_rows import forests
from pipeline.report.words import terminal
from pipeline.report.words.verdict_table import verdict_table
from tests.report.counts import count
from tests.report.sweep import Sweep, changed, make_run, make_sweep


def facet_of(sweep: Sweep, against: str | None = "base") -> Facet:
    (facet,) = find([sweep.run], sweep.records, asked=Asked(against=against)).facets
    return facet


def with_dawn(sweep: Sweep, group: str = "dawn") -> Sweep:
    """What AXON decoded as another decoder's settings without it, in a group of their own."""
    for sid, setting in sweep.settings.items():
        if setting.uses_axon:
            never = changed(setting, decoder="dawn", axon=AxonSettings(gate="never"))
            knobs = {"decoder": "dawn", never.trade_off: setting.decode.decoder.threshold}
            sweep.settings[sid] = replace(never, group=group, knobs=knobs)
    return sweep


def told(effect: Effect) -> tuple[object, ...]:
    return effect.n, effect.budgets, effect.difference, effect.mixed, effect.saving, effect.alpha


@pytest.mark.slow
def test_a_front_gains_as_the_same_records_do_in_axons_verdict() -> None:
    sweep = make_sweep(gain=1.0, faster=0.8, anchors=(None, 1))
    ((verdict,),) = ([own.leading for own in facet_of(sweep, None).comparisons],)
    facet = facet_of(with_dawn(sweep))
    ((name, effect),) = facet.rivals[0].effects
    assert name == "dawn" and told(effect) == told(verdict)
    (words,) = facet.summary.verdicts
    assert words.short.startswith("Against the Pareto front of base, in mean quality: Higher: dawn +0.")
    assert words.saved.startswith("NFE at equal quality, where settings may be mixed: dawn -")
    (row,) = verdict_table([facet]).to_dict("records")
    assert (row["front"], row["against"], row["outcome"]) == ("dawn", "base", "higher")
    assert (row["difference"], row["mixed_difference_lo"]) == (
        effect.difference.estimate,
        effect.mixed.difference.lo,
    )
    assert row["cost"] == "nfe"
    assert (row["spent"], row["saved_hi"]) == (effect.saving.axon_cost, effect.saving.fraction.hi)
    assert len(words.rows) == 3 and "simultaneous" not in words.caption


@pytest.mark.slow
def test_where_a_step_computes_more_fronts_are_compared_by_that_too() -> None:
    """Half as many steps, of three canvases each: higher along NFE, lower along computed positions."""
    sweep = make_sweep(faster=0.5, anchors=(None, 1))
    for sid, setting in sweep.settings.items():
        if setting.uses_axon:
            ahead = changed(setting, decoder="lopa", axon=AxonSettings(gate="never"))
            sweep.settings[sid] = replace(ahead, group="ahead", knobs=setting.knobs | {"decoder": "lopa"})
    facet = facet_of(count(sweep, ahead=1))
    by_nfe, by_positions = facet.rivals
    assert [own.axis.cost for own in facet.rivals] == ["nfe", "computed_positions"]
    ((_, sooner),), ((_, dearer),) = by_nfe.effects, by_positions.effects
    assert sooner.higher and sooner.saving.fraction.estimate > 0.3
    assert dearer.lower and dearer.saving.fraction.estimate < 0
    first, second = facet.summary.verdicts
    assert first.short.startswith("Against the Pareto front of base, in mean quality: Higher: ahead +0.")
    assert second.short.startswith(
        "Against the Pareto front of base along computed positions, in mean quality: Lower: ahead -0."
    )
    assert second.saved.startswith(
        "Computed positions at equal quality, where settings may be mixed: ahead +"
    )
    assert all("computed positions" in row.what for row in second.rows)
    assert verdict_table([facet])["cost"].tolist() == ["nfe", "computed_positions"]
    assert len(forests([facet])) == 1, "drawn once"


@pytest.mark.slow
def test_the_other_way_round_the_difference_has_the_other_sign() -> None:
    sweep = with_dawn(make_sweep(gain=1.0, anchors=(None, 1)))
    ((_, one),), ((_, other),) = (facet_of(sweep, own).rivals[0].effects for own in ("base", "dawn"))
    assert one.difference.estimate == pytest.approx(-other.difference.estimate)
    assert one.difference.lo == pytest.approx(-other.difference.hi)
    assert "Lower: base -0." in facet_of(sweep, "dawn").summary.verdicts[0].short


@pytest.mark.slow
def test_axons_own_verdict_is_not_told_twice() -> None:
    facet = facet_of(make_sweep(gain=1.0, anchors=(None, 1)))
    (empty,) = facet.rivals
    assert facet.comparisons and not empty.effects
    assert "base: nothing is compared with it" in facet.summary.verdicts[-1].short
    told = verdict_table([facet])
    assert told[["front", "against"]].to_numpy().tolist() == [
        ["confidence with AXON (AXON)", "confidence alone"]
    ]
    assert facet_of(make_sweep(gain=1.0, anchors=(None, 1)), "AXON").rivals[0].effects


@pytest.mark.slow
def test_each_line_is_compared_with_its_own_decoders_and_intervals_hold_over_all() -> None:
    """Two decoders in the group that is named: of two references each interval is wider than of one."""
    sweep = with_dawn(make_sweep(gain=1.0, anchors=(None, 1)), group="others")
    few = facet_of(sweep).rivals[0].effects[0][1]
    for sid, setting in list(sweep.settings.items()):
        if setting.group == "others":  # the same decodes in the named group, and once more with other luck
            sweep.settings[f"x {sid}"] = replace(setting, id=f"x {sid}", group="base")
            sweep.rows += [
                row | {"setting_id": f"x {sid}", "tokens": [1, *row["tokens"][1:]], "score": 1 - row["score"]}
                for row in sweep.rows
                if row["setting_id"] == sid
            ]
    confidence = {
        f"y {sid}": replace(
            setting, id=f"y {sid}", group="others", knobs=setting.knobs | {"decoder": "confidence"}
        )
        for sid, setting in sweep.settings.items()
        if setting.decode.decoder.name == "confidence"
    }
    sweep.settings |= confidence
    sweep.rows += [
        row | {"setting_id": f"y {row['setting_id']}"}
        for row in sweep.rows
        if f"y {row['setting_id']}" in confidence
    ]
    of_dawn, of_confidence = sorted(facet_of(sweep).rivals, key=lambda own: own.reference, reverse=True)
    assert (of_dawn.reference, of_confidence.reference) == ("base (dawn)", "base (confidence)")
    assert [name for name, _ in of_dawn.effects] == ["others (dawn)"] and of_dawn.references == 2
    assert of_confidence.alike == ("others (confidence)",) and not of_confidence.effects
    assert of_dawn.effects[0][1].alpha == few.alpha / 2
    texts = [own.short for own in facet_of(sweep).summary.verdicts]
    assert (
        "Against the Pareto front of base (confidence): others (confidence): every example decoded as under it."
        in texts
    )
    alone = facet_of(sweep, "base (dawn)").rivals
    assert [own.reference for own in alone] == ["base (dawn)"]
    assert {name for name, _ in alone[0].effects} == {
        "base (confidence)",
        "others (dawn)",
        "others (confidence)",
    }


@pytest.mark.slow
def test_a_single_setting_is_no_line_and_an_unknown_group_is_named() -> None:
    sweep = with_dawn(make_sweep(anchors=(None, 1), thresholds=(0.3, 0.9)))
    sweep.drop("0.9-1")
    (found,) = facet_of(sweep).rivals
    assert found.lineless == ("dawn",) and not found.effects
    assert "dawn: no line (a single setting" in facet_of(sweep).summary.verdicts[0].short
    with pytest.raises(ConfigError, match="against=dwn: unknown; one of base, dawn"):
        facet_of(sweep, "dwn")


FAR_APART = make_sweep(anchors=(None, 1), thresholds=(0.1, 0.3, 0.5, 0.7, 0.9))
FAR_APART.drop("0.3-1", "0.5-1", "0.7-1")


@pytest.mark.slow
def test_two_settings_of_one_curve_lie_no_lower_than_five() -> None:
    """Equal scores and NFE at both ends of a front that bends: only the straight line between them lies lower."""
    facet = facet_of(with_dawn(deepcopy(FAR_APART)))
    ((_, effect),) = facet.rivals[0].effects
    assert effect.difference.hi < 0 and effect.at_own.estimate == 0 and not effect.lower
    (words,) = facet.summary.verdicts
    assert "Inconclusive: dawn -0." in words.short and "(settings too far apart to tell)" in words.short
    assert (
        "The line lies lower, which isn't shown at its own settings alone (there it is +0.000 ["
        in words.evidence
    )
    (row,) = verdict_table([facet]).to_dict("records")
    assert row["outcome"] == "inconclusive" and row["at_own_settings"] == 0
    (drawn,) = forests([facet])
    (bar,) = drawn.rows
    assert 'class="worse"' not in forest.draw(replace(drawn, rows=(replace(bar, saved=None),)))


@pytest.mark.slow
def test_nor_do_they_take_more_steps_where_they_may_reach_a_quality_between_the_two() -> None:
    """On 400 examples the straight line reaches the quality at a higher NFE, surely: its settings don't show it."""
    sweep = make_sweep(anchors=(None, 1), thresholds=(0.1, 0.3, 0.5, 0.7, 0.9), examples=400)
    sweep.drop("0.3-1", "0.5-1", "0.7-1")
    facet = facet_of(with_dawn(sweep))
    ((_, effect),) = facet.rivals[0].effects
    assert effect.saving.fraction.hi < 0 and effect.saving.after[1] < effect.saving.base_cost
    assert effect.saved_between_alone
    assert "(settings too far apart to tell)" in facet.summary.verdicts[0].saved
    (row,) = verdict_table([facet]).to_dict("records")
    assert row["settings_too_far_apart"] == "difference|saved"
    (drawn,) = forests([facet])
    assert 'class="worse"' not in forest.draw(drawn) and 'class="open"' in forest.draw(drawn)


@pytest.mark.slow
def test_nor_do_they_in_axons_verdict_where_the_base_has_other_values() -> None:
    facet = facet_of(FAR_APART, None)
    ((effect,),) = ([own.leading for own in facet.comparisons],)
    assert effect.difference.hi < 0 and not effect.same_values
    (words,) = facet.summary.verdicts
    assert "confidence: inconclusive, as settings lie too far apart: -0." in words.short
    assert "isn't shown at its own settings alone" in words.evidence
    both = deepcopy(FAR_APART)
    both.drop("0.3-None", "0.5-None", "0.7-None")
    assert facet_of(both, None).comparisons[0].leading.same_values


@pytest.mark.slow
def test_a_variant_too_far_apart_leaves_open_what_the_leading_one_lowers() -> None:
    """The leading one lowers the front, as the line of the other does, whose settings do not."""
    sweep = make_sweep(gain=-0.2, anchors=(None, 1), thresholds=(0.1, 0.3, 0.5, 0.7, 0.9), examples=400)
    other = make_sweep(anchors=(2,), thresholds=(0.1, 0.9), examples=400)
    sweep.settings |= other.settings
    sweep.rows += other.rows
    facet = facet_of(sweep, None)
    (found,) = facet.comparisons
    assert found.leading.lower and found.outcome == "inconclusive"
    assert found.too_far_apart is not None and found.too_far_apart is not found.leading
    (words,) = facet.summary.verdicts
    assert "inconclusive, as settings lie too far apart: -0." in words.short
    assert "AXON lowers the front with anchors=1 (" in words.evidence
    assert (
        "With anchors=2: The line lies lower, which isn't shown at its own settings alone" in words.evidence
    )


@pytest.mark.slow
def test_a_sweep_names_what_its_report_compares_with() -> None:
    """Of several runs on one page none does, as their groups have other names there."""
    sweep = with_dawn(make_sweep(anchors=(None, 1), examples=20))
    own, other = (
        replace(make_run(list(sweep.settings.values()), name), config={"sweep": {"against": "dawn"}})
        for name in "ab"
    )
    (facet,) = find([own], sweep.records).facets
    assert [one.reference for one in facet.rivals] == ["dawn"]
    (both,) = find([own, other], sweep.records, ("a", "b")).facets
    assert not both.rivals
    (named,) = find([own, other], sweep.records, ("a", "b"), Asked(against="a")).facets
    assert [(one.reference, *one.alike) for one in named.rivals] == [
        ("a: base", "b: base"),
        ("a: dawn", "b: dawn"),
    ]
    whole = replace(own, config={"sweep": {"against": "dawn (dawn)"}})  # as the command line may have it
    (again,) = find([whole], sweep.records).facets[0].rivals
    assert [name for name, _ in again.effects] == [name for name, _ in facet.rivals[0].effects]
    gone = replace(own, config={"sweep": {"against": "not there any more"}})
    assert not find([gone], sweep.records).facets[0].rivals


def test_a_sweep_may_be_called_as_one_of_its_groups() -> None:
    """Then that names the group: the run would be all that there is."""
    sweep = with_dawn(make_sweep(anchors=(None, 1), examples=20))
    run = make_run(list(sweep.settings.values()), "dawn")
    (facet,) = find([run], sweep.records, asked=Asked(against="dawn")).facets
    ((name, _),) = facet.rivals[0].effects
    assert name == "base" and [(own.front.name, own.against.name) for own in facet.matched] == [
        ("base", "dawn")
    ]


@pytest.mark.slow
def test_the_page_and_the_terminal_draw_and_tell_them() -> None:
    sweep = with_dawn(make_sweep(gain=1.0, anchors=(None, 1)))
    findings = find([sweep.run], sweep.records, asked=Asked(against="base"))
    (drawn,) = forests(findings.facets)
    ((_, effect),) = findings.facets[0].rivals[0].effects
    (row,) = drawn.rows
    assert (
        drawn.file == "forest_against.svg"
        and row.label == "dawn"
        and drawn.title.endswith("that of base")
        and row.quality == effect.difference
    )
    assert row.texts[0] in forest.draw(drawn) and row.texts[0] in forest.sections(findings.facets)
    console = Console(width=100, record=True, file=StringIO())
    console.print(terminal.render(findings))
    assert "Against the Pareto front of base, in mean quality: Higher: dawn" in " ".join(
        console.export_text().split()
    )
