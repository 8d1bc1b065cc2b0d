"""Why a figure has no interval is said once, in the same words everywhere, with the number of examples it takes."""

import re
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from pipeline.report import find, write_report
from pipeline.report.asked import Asked
from pipeline.report.comparisons import comparison
from pipeline.report.comparisons.comparison import INCONCLUSIVE, YES
from pipeline.report.comparisons.pairs import match
from pipeline.report.figures.picture import _subtitle
from pipeline.report.html.forest import sections
from pipeline.report.paper.d3llm import d3llm
from pipeline.report.statistics import stats
from pipeline.report.statistics.bands import Band
from pipeline.report.statistics.multiplicity import simultaneous_percentiles
from pipeline.report.statistics.stats import UNKNOWN, fewest
from pipeline.report.words.lacking import all_agree, level_text, too_few
from pipeline.report.words.verdict import verdicts
from tests.report.sweep import GEN_LENGTH, changed, make_sweep
from tests.report.verdict import compared, facet_of

AGREE = "examples that all agree tell none."


def graded(**sweep):
    """Scores other than 0 and 1, by which differences are bootstrapped."""
    made, rng = make_sweep(**sweep), np.random.default_rng(3)
    for row in made.rows:
        row["score"], row["nfe"] = float(rng.choice([0.25, 0.5, 0.75])), int(rng.integers(8, 14))
    return made


def told_by(tmp_path, sweep, **asked):
    report = write_report(tmp_path, [sweep.run], sweep.records, [], asked=Asked(**asked))
    console = Console(width=100, record=True)
    console.print(report.terminal())
    page = re.sub(r"<script.*?</script>", "", (tmp_path / "report.html").read_text(), flags=re.DOTALL)
    return report.findings.facets[0], " ".join(console.export_text().split()), page


@pytest.mark.parametrize(
    ("level", "text"), [(0.95, "95 %"), (1 - 0.05 / 72, "99.931 %"), (1 - 1e-6, "99.9999 %")]
)
def test_a_level_is_told_from_certainty(level, text):
    assert level_text(level) == text


@pytest.mark.slow
def test_pairs_say_how_many_examples_their_level_takes(tmp_path):
    """Of 27 pairs each is decided at 5 % / 27, for which ten examples are one too few."""
    sweep = graded(examples=10, thresholds=(0.5,), anchors=(None, *range(1, 28)))
    facet, terminal, page = told_by(tmp_path, sweep)
    [found] = facet.comparisons
    assert {fewest(pair.level) for pair in found.pairs} == {11}
    why = too_few(["quality (27 pairs)", "NFE (27 pairs)"], found.pairs[0].level, " (Holm)")
    assert why.endswith("at 99.81 % (Holm) it takes 11 examples.")
    assert terminal.count(why) == 1
    assert page.count(why) == 2, "under the table, and in its sentences, which are folded"
    assert "Without a bar: no interval; the verdict says why." in sections([facet])


@pytest.mark.slow
def test_pairs_of_enough_examples_need_no_excuse(tmp_path):
    sweep = graded(examples=11, thresholds=(0.5,), anchors=(None, *range(1, 28)))
    facet, terminal, page = told_by(tmp_path, sweep)
    assert "No interval" not in terminal and "No interval" not in page
    assert "Without a bar" not in sections([facet])


@pytest.mark.slow
def test_pairs_of_the_same_steps_say_that_they_agree(tmp_path):
    sweep = graded(examples=12, thresholds=(0.5,), anchors=(None, 1))
    for row in sweep.rows:
        row["nfe"] = 9 if row["setting_id"].endswith("None") else 7
    facet, terminal, page = told_by(tmp_path, sweep)
    assert facet.comparisons[0].pairs[0].nfe.estimate == -2
    assert terminal.count(f"No interval of NFE: {AGREE}") == 1, "the difference"
    assert terminal.count(f"No interval of NFE (2 settings): {AGREE}") == 1, "the settings' own"
    assert f"No interval of NFE (2 settings): {AGREE}" in page


def test_a_saving_that_hardly_any_replicate_varies_has_no_interval():
    """Ends that are one would tell a certainty: +0 % [+0 %, +0 %]."""
    drawn_BV = np.zeros((4000, 2))
    drawn_BV[:40, 0], drawn_BV[:, 1] = 0.5, np.random.default_rng(0).normal(size=4000)
    flat, told = simultaneous_percentiles(np.zeros(2), drawn_BV, 0.05)
    assert flat.estimate == 0 and np.isnan(flat[1:]).all() and told.lo < 0 < told.hi


@pytest.mark.slow
def test_a_saving_without_an_interval_says_why():
    sweep = make_sweep(gain=1.0, examples=40)
    facet = facet_of(sweep)
    [found] = facet.comparisons
    assert AGREE not in str(facet.summary.verdicts[0])
    silent = replace(
        found.leading.saving, fraction=UNKNOWN._replace(estimate=0.5), cost=UNKNOWN._replace(estimate=-2.0)
    )
    told = replace(found, effects=(replace(found.leading, saving=silent),))
    [verdict] = verdicts(facet.points, [told], 1)
    assert f"No interval of NFE at equal quality: {AGREE}" in verdict.evidence
    assert f"No interval of NFE at equal quality: {AGREE}" in verdict.caption
    lost = replace(silent, quality=0.0)
    [verdict] = verdicts(facet.points, [replace(told, effects=(replace(told.leading, saving=lost),))], 1)
    assert AGREE not in str(verdict), "there is no saving to tell of"


def test_a_band_without_width_somewhere_is_told_of():
    budgets = np.array([0.0, 5.0, 10.0])
    narrow = Band(budgets, np.array([0.0, 0.4, 0.4]), np.array([0.0, 0.4, 0.6]))
    assert narrow.narrowed
    assert not replace(narrow, lo_G=np.array([0.0, 0.3, 0.4])).narrowed, (
        "no setting is as fast as the first budget"
    )
    sweep = make_sweep(examples=12, anchors=(None,), thresholds=(0.3, 0.9))
    for row in sweep.rows:  # alike at the low threshold, apart at the other
        low = row["setting_id"].startswith("0.3")
        row["score"], row["nfe"] = (0.4, 8) if low else ((0.5, 0.9)[row["position"] % 2], 16)
    facet = facet_of(sweep)
    band = facet.views[0].bands["base"]
    assert band.narrowed and (band.lo_G[(band.budget_G >= 8) & (band.budget_G < 16)] == 0.4).all()
    [told] = facet.summary.lacking
    assert told == all_agree(
        ["quality (1 setting)", "NFE (2 settings)", "the band at some budgets (1 group)"]
    )


@pytest.mark.slow
def test_aup_of_answers_that_all_agree_says_why(tmp_path):
    sweep = make_sweep(examples=12)
    for row in sweep.rows:
        row["score"], row["nfe"] = 0.4, 11
    facet, _, page = told_by(tmp_path, sweep)
    for what in ("AUP", "TPF near the best"):
        assert f"No interval of {what} (2 fronts): {AGREE}" in page
        assert any(f"# No interval of {what} (2 fronts): {AGREE}" in text for text in d3llm([facet]).values())


@pytest.mark.slow
@pytest.mark.parametrize(("examples", "told"), [(60, True), (61, False)])
def test_aup_of_few_examples_says_what_its_intervals_are_worth(tmp_path, examples, told):
    """Where three answers are the five points that a point may lie below the best."""
    facet, _, page = told_by(tmp_path, make_sweep(examples=examples))
    said = f"On {examples} examples one answer is {100 / examples:.1f} points"
    assert (said in page) == told == any(f"# {said}" in text for text in d3llm([facet]).values())


@pytest.mark.slow
def test_the_picture_says_what_its_bars_are(tmp_path):
    few, alike, told = (make_sweep(examples=count) for count in (3, 12, 12))
    for row in alike.rows:
        row["nfe"] = 11
    ends = [_subtitle(facet_of(sweep)).split(" · ", 1)[1] for sweep in (few, alike, told)]
    assert ends[0].startswith("bars: 95 % intervals; bands take 6 examples")
    assert ends[1].startswith("bars, bands: 95 % intervals, none where examples agree")
    assert ends[2].startswith("bars, bands: 95 % intervals · ")
    assert find([told.run], told.records).facets[0].summary.lacking == [] and compared(told)
    assert " example per setting" in _subtitle(facet_of(make_sweep(examples=1)))


def many(count, **sweep):
    """So many comparisons of a sweep with itself, by the generation length."""
    made = make_sweep(**sweep)
    settings, rows = list(made.settings.items()), list(made.rows)
    for extra in range(1, count):
        for setting_id, setting in settings:
            other = f"{extra}-{setting_id}"
            made.settings[other] = replace(changed(setting, gen_length=64 + 32 * extra), id=other)
        made.rows += [row | {"setting_id": f"{extra}-{row['setting_id']}"} for row in rows]
    return made


def test_more_comparisons_than_the_replicates_hold_get_more_replicates(monkeypatch):
    """As of 201 comparisons with 4,000: the largest of all replicates is no end of an interval at 5 % / 201."""
    monkeypatch.setattr(stats, "REPLICATES", 40)
    found = compared(many(3, gain=3.0, examples=40, anchors=(None, 1)))
    assert [one.outcome for one in found] == [YES] * 3
    assert all(np.isfinite([*one.leading.difference, *one.leading.saving.fraction]).all() for one in found)


@pytest.mark.slow
@pytest.mark.parametrize("gain", [0.2, 3.0])
def test_more_comparisons_than_a_report_draws_for_say_why_there_is_no_interval(monkeypatch, tmp_path, gain):
    monkeypatch.setattr(comparison, "ALPHA", stats.ALPHA / 600)
    sweep = make_sweep(gain=gain, examples=40, anchors=(None, 1))
    facet, terminal, page = told_by(tmp_path, sweep)
    [found] = facet.comparisons
    assert found.outcome == INCONCLUSIVE and not found.lowering
    what = "mean quality, mean quality where settings may be mixed and NFE at equal quality"
    why = f"No interval of {what}: at 99.9917 % (adjusted for all comparisons) it takes 11,999 replicates"
    assert terminal.count(why) == 1 and why in page
    assert "inf" not in terminal.split() and "nan" not in terminal and AGREE not in terminal
    assert "Without a bar" in sections([facet])


@pytest.mark.slow
def test_pairs_of_more_than_a_report_draws_for_say_why():
    sweep = graded(examples=18, thresholds=(0.5,), anchors=(None, 1))
    facet = facet_of(sweep)
    [found] = facet.comparisons
    level = 1 - 0.05 / 600
    [pair] = (own.pair(1 - level, own.p) for own in match(found.cohort, facet.sample))
    assert fewest(level) <= 18 and np.isnan([pair.quality.difference.lo, pair.nfe.lo]).all()
    [verdict] = verdicts(facet.points, [replace(found, pairs=(pair,))], 1)
    for what, takes in (("quality", "11,999"), ("NFE", "")):
        why = f"No interval of {what}: at 99.9917 % (adjusted for all comparisons) it takes {takes}"
        assert why in verdict.evidence and why in verdict.caption
    assert AGREE not in verdict.evidence
    assert "inf" not in verdict.evidence


def test_an_end_that_no_replicate_lies_beyond_is_none():
    drawn_B = np.random.default_rng(0).normal(size=4000)
    assert stats.holds(4000, 0.05 / 200) and not stats.holds(4000, 0.05 / 201)
    assert stats.replicates_for(200) == 4000 and stats.replicates_for(201) == 4019
    assert stats.replicates_for(501) == 4000, "not even the most are enough"
    told, untold = (stats.percentile_interval(0.0, drawn_B, 1000, level) for level in (0.999, 0.9999))
    assert told.lo < 0 < told.hi and np.isnan(untold.lo)
    [untold] = simultaneous_percentiles(np.zeros(1), drawn_B[:, None], 0.05 / 201)
    assert np.isnan(untold.lo) and untold.estimate == 0


@pytest.mark.slow
def test_a_front_beyond_one_step_a_token_has_no_hypervolume_and_says_so(tmp_path):
    """As of a decoder that edits full blocks; scores that agree are not the reason."""
    sweep = graded(examples=12)
    for row in sweep.rows:
        row["nfe"] += GEN_LENGTH
    facet, terminal, page = told_by(tmp_path, sweep)
    assert {area.estimate for area in facet.hypervolumes.values()} == {0}
    said = f"Hypervolume is 0 (2 groups): no setting takes fewer than {GEN_LENGTH} steps."
    assert said in terminal and said in page and "No interval of hypervolume" not in terminal
    assert "Hypervolume is 0" not in told_by(tmp_path, graded(examples=12))[1]
