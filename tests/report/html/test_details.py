"""What lies beside the page, and what the page holds itself: equal to the records, written once, cleared away."""

from __future__ import annotations

import json
import os
import re
from xml.etree import ElementTree

import numpy as np
import pytest

from pipeline.report import find
from pipeline.report.comparisons.matchups import distinct_settings, matchups
from pipeline.report.figures.scale import Scale, scale_of
from pipeline.report.html import details, examples, forest, forest_rows, histogram, payload
from pipeline.report.statistics.stats import Interval
from tests.report.sweep import make_sweep


class Words:
    def __init__(self):
        self.asked = 0

    def questions(self, setting, count):
        return {f"arith-{position}": f"question {position}" for position in range(count)}

    def token_texts(self, setting, tokens):
        self.asked += 1
        return {token: str(token) for token in tokens}


def written(folder, sweep, words):
    records = sweep.records

    def rows(run, setting):
        return records[records["setting_id"] == setting].reindex(columns=details.READ)

    findings = find([sweep.run], records)
    return findings, details.write(folder, findings, rows, words)


@pytest.mark.slow
def test_files_hold_the_records_and_are_made_once(tmp_path):
    sweep, words = make_sweep(gain=1.0, examples=12), Words()
    _, told = written(tmp_path, sweep, words)
    assert len(told.decodes) == words.asked == len(sweep.settings)
    for (_, setting), name in told.decodes.items():
        found = payload.read(tmp_path, name)
        for row in (row for row in sweep.rows if row["setting_id"] == setting):
            tokens, revealed, axon, *_, answer, extracted, _ = found["records"][row["example_id"]]
            assert (tokens, revealed, axon) == (row["tokens"], row["revealed_at"], row["axon_steps"])
            assert (answer, extracted) == (row["answer"], row["extracted"])
    again = written(tmp_path, sweep, words)[1]
    assert again == told and words.asked == len(sweep.settings)


@pytest.mark.slow
def test_what_an_earlier_report_left_goes_and_nothing_else(tmp_path):
    sweep = make_sweep(gain=1.0, examples=12)
    _, before = written(tmp_path, sweep, Words())
    mine = tmp_path / payload.FOLDER / "mine.js"
    mine.write_text("kept")
    killed, writing = (
        mine.with_name(f".{'0a' * 8}.{own * 32}") for own in "bc"
    )  # the second is just being written
    for file in (killed, writing):
        file.write_text("axonDeta")
    os.utime(killed, (0, 0))
    sweep.drop(*[sid for sid in sweep.settings if sid.startswith("0.3")])
    _, after = written(tmp_path, sweep, Words())
    names = {file.stem for file in (tmp_path / payload.FOLDER).iterdir()}
    assert names == {*after.decodes.values(), *after.asked.values(), "mine", writing.stem}
    assert len(after.decodes) < len(before.decodes)


@pytest.mark.slow
def test_texts_are_looked_up_again_where_they_were_unknown(tmp_path):
    sweep = make_sweep(examples=12)
    _, unknown = written(tmp_path, sweep, None)
    words = Words()
    _, known = written(tmp_path, sweep, words)
    assert words.asked and not {*unknown.decodes.values()} & {*known.decodes.values()}


@pytest.mark.slow
def test_where_there_is_no_room_what_the_verdict_compares_stays(tmp_path, monkeypatch):
    monkeypatch.setattr(details, "MOST", 30)
    findings, told = written(tmp_path, make_sweep(gain=1.0, examples=12), Words())
    (facet,) = findings.facets
    (compared,) = matchups(facet)
    kept = {setting for _, setting in told.decodes}
    assert kept == {facet.points["setting_id"][row] for row in (compared.first, compared.second)}


@pytest.mark.slow
def test_the_page_holds_the_outcomes_of_the_records():
    sweep = make_sweep(gain=1.0, examples=12)
    (facet,) = find([sweep.run], sweep.records).facets
    html = examples.section(facet, details.Details())
    data = json.loads(re.search(r'outcomes-data">(.*?)</script>', html)[1])
    scores = {(row["setting_id"], row["example_id"]): (row["score"], row["nfe"]) for row in sweep.rows}
    assert len(data["settings"]) == len(distinct_settings(facet))
    for setting in data["settings"]:
        for place, (_, example, _) in enumerate(data["examples"]):
            told = float(setting["scores"][place]), setting["nfe"][place]
            assert told == scores[setting["id"], example]
    first, second = (data["settings"][own] for own in data["chosen"])
    assert not first["axon"] and second["axon"]


@pytest.mark.slow
def test_the_page_says_how_many_settings_it_has_no_room_for(monkeypatch):
    sweep = make_sweep(gain=1.0, examples=12)
    (facet,) = find([sweep.run], sweep.records).facets
    every = distinct_settings(facet)
    assert "Left out" not in examples.section(facet, details.Details())
    monkeypatch.setattr(examples, "MOST", 24)
    on = int(every["group_front"].iloc[2:].sum())
    told = f"Left out here: {len(every) - 2} settings, {on} of them on their group's front."
    assert on > 0 and told in examples.section(facet, details.Details())
    monkeypatch.setattr(examples, "MOST", 12 * int((every["rank"] < 2).sum()))
    assert "settings, all off the fronts." in examples.section(facet, details.Details())


@pytest.mark.slow
def test_the_forest_tells_the_figures_of_the_verdict():
    sweep = make_sweep(gain=1.0)
    findings = find([sweep.run], sweep.records)
    (drawn,) = forest_rows.forests(findings.facets)
    rows = drawn.rows
    (comparison,) = findings.comparisons
    assert {row.quality for row in rows} == {effect.difference for effect in comparison.effects}
    assert rows[0].leading and rows[0].quality == comparison.leading.difference
    drawing = forest.draw(drawn)
    ElementTree.fromstring(drawing)
    section = forest.sections(findings.facets)
    assert rows[0].texts[0] in drawing and rows[0].texts[0] in section
    assert "Not drawn" not in section and "Not drawn" not in drawing


@pytest.mark.slow
def test_a_saving_that_no_example_doubts_has_a_dot_and_no_bar():
    """All right in as many steps: the replicates agree, which is no certainty."""
    sweep = make_sweep(anchors=(None, 1))
    steps = {sid: 12 + place for place, sid in enumerate(sweep.settings)}
    for row in sweep.rows:
        row["score"], row["nfe"] = 1.0, steps[row["setting_id"]]
    findings = find([sweep.run], sweep.records)
    (drawn,) = forest_rows.forests(findings.facets)
    (row,) = drawn.rows
    assert re.fullmatch(r"[+-]\d+ %", row.texts[1]) and "nan" not in str(findings.facets[0].summary.verdicts)
    drawing = forest.draw(drawn)
    assert "nan" not in drawing and drawing.count('class="bar"') == 1 and drawing.count("<circle") == 2


@pytest.mark.slow
def test_the_forest_says_how_many_variants_it_leaves_out(monkeypatch):
    sweep = make_sweep(gain=1.0)
    findings = find([sweep.run], sweep.records)
    count = len(findings.comparisons[0].effects)
    monkeypatch.setattr(forest_rows, "MOST", 1)
    (drawn,) = forest_rows.forests(findings.facets)
    assert count > 1 and len(drawn.rows) == 1
    told = f"Not drawn: {count - 1} further variant"
    assert told in forest.sections(findings.facets)
    drawing = ElementTree.fromstring(forest.draw(drawn))
    (note,) = [text for text in drawing.iter() if (text.text or "").startswith(told)]
    assert 0 < float(note.get("y")) < float(drawing.get("height"))


def test_a_report_without_a_comparison_has_no_forest_and_no_histogram():
    sweep = make_sweep(anchors=(None,), thresholds=(0.5,))
    (facet,) = find([sweep.run], sweep.records).facets
    assert not forest_rows.forests([facet]) and histogram.section(facet) == ""
    assert 'class="compared"' in examples.section(facet, details.Details())


@pytest.mark.slow
def test_what_no_verdict_compares_is_not_told_as_that():
    for anchors, more, told in (
        ((None,), {}, "the best settings, as no verdict compares any"),
        ((None, 1), {}, "the settings that the verdict compares"),
        ((None, 1), {"examples": 4}, "a setting without AXON and one with it, as the verdict compares none"),
    ):
        sweep = make_sweep(anchors=anchors, **more)
        (facet,) = find([sweep.run], sweep.records).facets
        for section in (histogram.section(facet), examples.section(facet, details.Details())):
            assert told in section


def test_every_value_lies_within_the_drawing():
    scale = scale_of([Interval(0.1, -0.2, float("inf")), Interval(-0.3, -0.4, 0.0)])
    places = [float(scale.place(value)[:-1]) for value in (-np.inf, -0.4, 0, 0.1, 5, np.inf)]
    assert places == sorted(places) and places[0] > 0 and places[-1] < 100
    assert scale.beyond(np.inf) and not scale.beyond(0.1) and 0 in scale.ticks


def test_bins_are_of_whole_steps_and_hold_all_of_them():
    rng = np.random.default_rng(0)
    for most in (1, 7, 300):
        taken = [rng.integers(1, most + 1, 50).astype(np.float64) for _ in range(2)]
        edges = histogram.bins(taken)
        assert len(edges) <= histogram.BARS + 2 and {*np.diff(edges)} == {edges[1] - edges[0]}
        assert all(np.histogram(own, edges)[0].sum() == 50 for own in taken)
    assert Scale(0, 10, "count").wide(10) == "94.00%"
    assert Scale(15.5, 16.5, "count").ticks == [16], "there is no 15.6th step"


def test_no_two_ticks_are_written_alike():
    for low, high in ((-0.004, 0.002), (-0.3, 0.1), (-1.0, 1.0)):
        texts = re.findall(r">([^<]+)</text>", Scale(low, high, "percent").axis())
        assert len(set(texts)) == len(texts) > 2 and all(own == "0" or own.endswith(" %") for own in texts)
