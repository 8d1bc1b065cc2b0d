"""Anchors beside a careful decode: rates that are known are found, kinds are compared at equal values, and told."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from pipeline.report import write_report
from pipeline.report.comparisons.calibration import Calibration
from pipeline.report.data.reveals import ANCHORS, BASE, EDGES, KINDS, OWN
from pipeline.report.html.binned import FEWEST, LOOKS, share_text
from pipeline.report.html.reliability import calibration_section, calibration_table
from pipeline.report.statistics.stats import Interval
from tests.report.sweep import GEN_LENGTH, Sweep, changed, make_sweep
from tests.report.verdict import add_copy, facet_of

TEXT = 41  # tokens up to and with the end of text
PERCENTS = (15, 55, 75, 95)
ENDS = (*EDGES[1:], 101)

Rate = Callable[[int, float, float], float]  # of kind, threshold, confidence: the share that differs
Anchored = Callable[[float], int]  # of a threshold: how many steps are AXON's


def made(rate: Rate, anchored: Anchored, examples: int = 60, seed: int = 3) -> Sweep:
    """Threshold 0.9 without AXON is the reference; every step of the others reveals one token."""
    rng = np.random.default_rng(seed)
    sweep = make_sweep(examples=examples, anchors=(None, 1), gain=0.5)
    for row in sweep.rows:
        setting = sweep.settings[row["setting_id"]]
        threshold = setting.knobs["decoder.threshold"]
        assert isinstance(threshold, float)
        percent = rng.choice(PERCENTS, GEN_LENGTH)
        steps = list(range(anchored(threshold))) if setting.uses_axon else []
        kinds = [BASE if not setting.uses_axon else ANCHORS if n in steps else OWN for n in range(GEN_LENGTH)]
        rates = [rate(kind, threshold, own / 100) for kind, own in zip(kinds, percent, strict=True)]
        differs = rng.random(GEN_LENGTH) < rates
        tokens = np.arange(GEN_LENGTH) + 100 * differs
        if row["setting_id"] == "0.9-None":
            tokens = np.arange(GEN_LENGTH)
        row |= {"tokens": tokens.tolist(), "axon_steps": steps, "unsupported_steps": []}
        row |= {"confidence_percent": percent.tolist(), "revealed_at": list(range(GEN_LENGTH))}
    return sweep


def calibrated(sweep: Sweep) -> Calibration:
    (one,) = facet_of(sweep).calibrations
    return one


def plain(sweep: Sweep, kind: int, within: range | None = None) -> dict[float, list[tuple[bool, float]]]:
    """Of each threshold that anchors have: whether each token of the kind differs, and its confidence."""
    found: dict[float, list[tuple[bool, float]]] = {}
    for row in sweep.rows:
        setting = sweep.settings[row["setting_id"]]
        if row["setting_id"] == "0.9-None" or setting.uses_axon == (kind == BASE):
            continue
        own = found.setdefault(setting.knobs["decoder.threshold"], [])
        for place in range(TEXT):
            percent = row["confidence_percent"][place]
            if kind != BASE and (place in row["axon_steps"]) != (kind == ANCHORS):
                continue
            if within is None or percent in within:
                own.append((row["tokens"][place] != place, percent / 100))
    return found


def overconfident(kind: int, threshold: float, confidence: float) -> float:
    """Anchors differ by ten points more often than they say; the decoder's reveals as often."""
    return 1 - confidence + (0.1 if kind == ANCHORS and confidence < 0.9 else 0.0)


@pytest.fixture(scope="module")
def known() -> tuple[Sweep, Calibration]:
    sweep = made(overconfident, anchored=lambda threshold: 12)
    return sweep, calibrated(sweep)


@pytest.mark.slow
def test_known_rates_are_found_with_their_intervals(known: tuple[Sweep, Calibration]) -> None:
    """Over 60 examples x 12 anchors x 4 thresholds a bin has about 700 of them."""
    _, one = known
    assert one.confidences is not None and one.confidences.known == 1
    covered = 0
    for kind, own in enumerate(one.confidences.kinds_C):
        for place, found in enumerate(own.bins_Q):
            percents = [percent for percent in PERCENTS if EDGES[place] <= percent < ENDS[place]]
            assert (found.tokens > 0) == bool(percents)
            if percents:
                [confidence] = [percent / 100 for percent in percents]
                truth = overconfident(kind, 0.5, confidence)
                assert found.confidence == pytest.approx(confidence)
                assert found.differs.lo <= found.differs.estimate <= found.differs.hi
                assert found.differs.hi - found.differs.lo < 0.15
                assert abs(found.differs.estimate - truth) < 0.06
                covered += found.differs.lo <= truth <= found.differs.hi
    assert covered >= 10  # of 12 intervals
    anchors, own, base = one.confidences.kinds_C
    assert anchors.differs.estimate - anchors.expected == pytest.approx(0.075, abs=0.03)
    assert anchors.error.estimate == pytest.approx(0.075, abs=0.03)  # three of four bins are off by 0.1
    assert own.error.estimate < 0.03 and base.error.estimate < 0.03
    for excess in (one.confidences.over_own, one.confidences.over_base):
        assert 0 < excess.points.lo < 0.075 < excess.points.hi < 0.15
    # Threshold 0.9 without AXON is the reference itself.
    assert (one.confidences.over_own.met, one.confidences.over_base.met) == (1, 0.75)


@pytest.mark.slow
def test_every_seed_of_a_setting_counts() -> None:
    one = made(overconfident, anchored=lambda threshold: 12)
    alone = calibrated(one)
    one.change(temperature=0.5)
    both = calibrated(add_copy(one, "more", lambda setting: changed(setting, seed=1, temperature=0.5)))
    assert np.sum(both.tokens_CE[ANCHORS]) == 2 * np.sum(alone.tokens_CE[ANCHORS]) > 0
    assert both.anchors_differ.estimate == pytest.approx(alone.anchors_differ.estimate)


@pytest.mark.slow
def test_estimates_are_those_of_a_plain_count(known: tuple[Sweep, Calibration]) -> None:
    """Tokens of each kind, weighted so that each threshold has the share that it has among the anchors."""
    sweep, one = known
    assert one.confidences is not None
    anchors = {value: len(own) for value, own in plain(sweep, ANCHORS).items()}
    for kind, own in enumerate(one.confidences.kinds_C):
        everything = plain(sweep, kind)
        weights = {value: anchors[value] / len(tokens) for value, tokens in everything.items()}
        whole, error = sum(anchors[value] for value in everything), 0.0
        for place, found in enumerate(own.bins_Q):
            told = plain(sweep, kind, range(EDGES[place], ENDS[place]))
            total, differ, sure = (
                sum(weights[value] * sum(part(token) for token in tokens) for value, tokens in told.items())
                for part in (lambda token: 1, lambda token: token[0], lambda token: token[1])
            )
            assert found.tokens == sum(map(len, told.values()))
            if total:
                assert found.differs.estimate == pytest.approx(differ / total)
                error += abs(differ - (total - sure))
        assert own.error.estimate == pytest.approx(error / whole)
        assert own.error.lo <= own.error.estimate <= own.error.hi


@pytest.mark.slow
def test_kinds_are_compared_at_equal_values() -> None:
    """Low thresholds differ more, and most anchors are of low thresholds: that alone makes no anchor worse."""
    sweep = made(
        lambda kind, threshold, confidence: 0.9 - threshold * 0.9, lambda t: 30 if t < 0.4 else 2, seed=4
    )
    one = calibrated(sweep)
    assert one.confidences is not None
    pooled = [
        np.mean([differs for tokens in plain(sweep, kind).values() for differs, _ in tokens])
        for kind in range(len(KINDS))
    ]
    assert pooled[ANCHORS] - pooled[OWN] > 0.1 and pooled[ANCHORS] - pooled[BASE] > 0.1
    for excess in (one.over_own, one.over_base, one.confidences.over_own.points):
        assert abs(excess.estimate) < 0.04 and excess.lo <= 0 <= excess.hi
    anchors, own, base = (kind.differs.estimate for kind in one.confidences.kinds_C)
    assert abs(anchors - own) < 0.04 and abs(anchors - base) < 0.04


@pytest.mark.slow
def test_records_without_confidences_are_compared_by_stage_alone_and_that_is_said() -> None:
    """Never as if they were 0; where only some have none, the others are told with their share."""
    sweep = made(overconfident, anchored=lambda threshold: 12, examples=20)
    for row in sweep.rows:
        if row["position"] % 2:
            row["confidence_percent"] = None
    partly = calibrated(sweep)
    assert partly.confidences is not None and partly.confidences.known == pytest.approx(0.5)
    assert not partly.confidences.kinds_C[ANCHORS].bins_Q[0].tokens
    assert "Of 50.0 % of the tokens" in calibration_section([partly])
    for row in sweep.rows:
        del row["confidence_percent"]
    older = calibrated(sweep)
    assert older.confidences is None and older.anchors_differ == partly.anchors_differ
    section = calibration_section([older])
    assert (
        "No record of these anchors holds a confidence" in section
        and section.count("<svg") == section.count("<table") == 1
    )
    assert set(calibration_table([("task", "model", older)])["by"]) == {"text already revealed"}


class Balanced(HTMLParser):
    """Every tag is closed, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag != "br":
            self.open.append(tag)
        self.seen.append(tag)

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        self.seen.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.slow
def test_both_diagrams_have_their_figures_beside_them(
    known: tuple[Sweep, Calibration], tmp_path: Path
) -> None:
    sweep, one = known
    section = calibration_section([one])
    page = Balanced()
    page.feed(section)
    assert page.open == [] and page.seen.count("svg") == page.seen.count("table") == 2
    assert page.seen.count("circle") == sum(
        found.tokens >= FEWEST for kind in one.confidences.kinds_C for found in kind.bins_Q
    ) + sum(tokens >= FEWEST for own in one.tokens_CE for tokens in own)
    for kind in one.confidences.kinds_C:
        for found in kind.bins_Q:
            if found.tokens:
                assert share_text(found.differs) in section
                assert f"of {found.tokens:,}; score {found.score.estimate:.3f}" in section
    assert section.count('class="expected"') == 1
    assert all(0 <= float(y) <= 230 for y in re.findall(r'cy="([-\d.]+)"', section))
    write_report(tmp_path, [sweep.run], sweep.records, [])
    table = calibration_table([("arith", "tiny", one)])
    assert len(table) == 12 + len([1 for own in one.tokens_CE for tokens in own if tokens])
    assert (tmp_path / "calibration.csv").read_text().count("\n") == 1 + len(table)
    assert section in (tmp_path / "report.html").read_text()


@pytest.mark.slow
def test_what_cannot_be_compared_is_named_apart(known: tuple[Sweep, Calibration]) -> None:
    _, one = known
    both = calibration_section([one])
    assert "not known" not in both and " than what the decoder reveals without AXON at equal stages, " in both
    unknown = Interval(math.nan, math.nan, math.nan)
    found = replace(one.confidences, over_base=replace(one.confidences.over_base, points=unknown))
    alone = calibration_section([replace(one, over_base=unknown, confidences=found)])
    for what in (" at equal stages", ""):
        lacking = f"not known beside what the decoder reveals without AXON{what}, for want of such tokens."
        assert f" than what it reveals in the same decodes; {lacking}" in alone
    neither = calibration_section([replace(one, over_base=unknown, over_own=unknown, confidences=None)])
    assert (
        "from the reference: not known beside what the decoder reveals without AXON at equal stages and "
        in neither
    )


@pytest.mark.slow
def test_of_several_decoders_are_the_findings_first(known: tuple[Sweep, Calibration]) -> None:
    _, one = known
    alone, both = (calibration_section([one] * count) for count in (1, 2))
    assert alone.count("<details>") == 0 and both.count("<details>") == 2
    unfolded = re.sub("<details>.*?</details>", "", both)
    assert "<svg" not in unfolded and unfolded.count("of the anchors differ") == 2


def test_no_end_of_an_interval_is_minus_nothing(known: tuple[Sweep, Calibration]) -> None:
    _, one = known
    nearly = replace(one, over_base=Interval(-0.021, -0.079, 0.0), over_own=Interval(0.021, -0.0001, 0.079))
    section = calibration_section([nearly])
    assert "2.1 points less [0.0, 7.9] than" in section and "2.1 points more [0.0, 7.9] than" in section


def test_a_share_without_an_interval_is_told_alone() -> None:
    """Of nine tokens that all differ a bootstrap says 100 % [100 %, 100 %]: no certainty."""
    assert share_text(Interval(1.0, math.nan, math.nan)) == "100.0 %"
    assert share_text(Interval(0.257, 0.141, 0.376)) == "25.7 % [14.1 %, 37.6 %]"
    assert share_text(Interval(*[math.nan] * 3)) == "-"


@pytest.mark.slow
@pytest.mark.parametrize(("examples", "told"), [(5, False), (6, True)])
def test_tokens_of_few_examples_tell_no_interval(examples: int, told: bool) -> None:
    """However many tokens they are: these vary between examples, of which the others have no anchors."""
    sweep = made(overconfident, anchored=lambda threshold: 12)
    for row in sweep.rows:
        if row["position"] >= examples:
            row["axon_steps"] = []
    one = calibrated(sweep)
    assert one.confidences is not None and one.examples == 60
    anchors, own, _ = one.confidences.kinds_C
    bins = [found for found in anchors.bins_Q if found.tokens]
    assert len(bins) == len(PERCENTS) and all(found.tokens > 40 for found in bins)
    measured = [anchors.error, anchors.differs, one.anchors_differ, one.over_base, one.over_own]
    measured += [one.confidences.over_base.points, one.differs_CE[ANCHORS][0], one.score_if_differs]
    for found in (*measured, *(found.differs for found in bins)):
        assert math.isnan(found.lo) == (not told) and not math.isnan(found.estimate)
    assert not math.isnan(own.error.lo), "reveals of all 60 examples"


def test_hostile_names_are_text(known: tuple[Sweep, Calibration]) -> None:
    hostile = "<script>alert(1)</script>\"'&"
    section = calibration_section([replace(known[1], decoder=hostile, reference=hostile)])
    assert "<script" not in section and section.count("&lt;script&gt;") == 2


@pytest.mark.slow
def test_nothing_is_shown_where_nothing_was_calibrated() -> None:
    assert calibration_section([]) == ""
    assert facet_of(make_sweep(anchors=(None,), examples=12)).calibrations == ()
    assert facet_of(make_sweep(anchors=(None, 1), examples=9)).calibrations == ()


@pytest.mark.parametrize("look", LOOKS)
def test_colours_stand_out_from_light_and_dark_paper(look: tuple[str, str, int]) -> None:
    """At least 3 : 1, as WCAG 2.2 asks of graphics (1.4.11)."""
    style = Path("pipeline/report/html/web/page.css").read_text()
    papers = re.findall(r"--paper: (#[0-9a-f]{6})", style)
    assert len(papers) == 2

    def luminance(colour: str) -> float:
        parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return float(np.dot([0.2126, 0.7152, 0.0722], linear))

    for paper in papers:
        dark, light = sorted((luminance(look[0]), luminance(paper)))
        assert (light + 0.05) / (dark + 0.05) >= 3


@pytest.mark.slow
def test_what_was_decoded_under_different_caches_is_not_pooled() -> None:
    """All errs under the cache, and its slowest decodes, which take more steps than any other, are no reference."""
    sweep = made(lambda kind, threshold, confidence: 0.5 if kind == ANCHORS else 0.1, lambda threshold: 5)
    for setting_id, setting in list(sweep.settings.items()):
        other = f"dual-{setting_id}"
        sweep.settings[other] = replace(changed(setting, cache="dual"), id=other)
        own = [row for row in sweep.rows if row["setting_id"] == setting_id]
        sweep.rows += [
            row
            | {"setting_id": other, "tokens": [token + 200 for token in row["tokens"]], "nfe": row["nfe"] + 1}
            for row in own
        ]
    plain, dual = facet_of(sweep).calibrations
    assert (plain.decoder, dual.decoder) == ("confidence (cache=none)", "confidence (cache=dual)")
    assert plain.reference == dual.reference and "0.9" in plain.reference
    assert 0.4 < plain.anchors_differ.estimate < 0.6 and dual.anchors_differ.estimate == 1
