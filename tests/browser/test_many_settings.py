"""A page of more settings than a browser draws at once: rows are made as they are asked for, and found all the same."""

from __future__ import annotations

import re

import numpy as np
import pytest

from pipeline.report import find
from pipeline.report.html.details import Details
from pipeline.report.html.page import render
from tests.report.counts import decode_alike
from tests.report.sweep import make_sweep

pytestmark = pytest.mark.slow

AT_ONCE = 200
ROWS = ".settings > tbody"


@pytest.fixture(scope="module")
def found():
    thresholds = tuple(np.linspace(0.1, 0.9, 41).round(4).tolist())
    sweep = make_sweep(examples=3, anchors=(None, 1, 2, 3, 4), thresholds=thresholds)
    rng = np.random.default_rng(0)
    for row in sweep.rows:  # no two decode alike
        row |= {"tokens": rng.integers(0, 1000, len(row["tokens"])).tolist()}
    return find([sweep.run], sweep.records)


@pytest.fixture(scope="module")
def file(found, tmp_path_factory):
    file = tmp_path_factory.mktemp("many") / "report.html"
    file.write_text(render(found, lambda: [b""], [], Details()), encoding="utf-8")
    return file


@pytest.fixture
def page(visit, file):
    return visit(file, figure=False)


def thresholds(page):
    return [float(text) for text in page.locator(f"{ROWS} > tr.point > td:nth-child(4)").all_inner_texts()]


def test_so_many_rows_are_made_as_are_asked_for(page, found):
    count = len(found.points)
    assert count == 205 and page.locator(ROWS).count() == AT_ONCE
    assert page.locator(".shown").inner_text() == f"{count} of {count} rows"
    more = page.get_by_role("button", name=re.compile(r"^Show 5 more of 205$"))
    more.focus()
    page.keyboard.press("Enter")
    assert page.locator(ROWS).count() == count and more.is_hidden()


def test_on_paper_are_all_rows(page, found):
    page.evaluate("""() => window.addEventListener("beforeprint", () => {
        const told = document.querySelector(".printed.rows").textContent;
        window.printed = [document.querySelectorAll(".settings > tbody").length, told];
    })""")
    page.pdf(format="A4")
    count, told = page.evaluate("window.printed")
    assert count == len(found.points) and told.startswith(f"Of {len(found.points)} rows those that")
    assert page.locator(ROWS).count() == AT_ONCE, "and as it was afterwards"


def test_sorting_and_filtering_are_of_all(page, found):
    heading = page.locator(".settings th", has_text="threshold")
    heading.get_by_role("button").click()
    assert heading.get_attribute("aria-sort") == "ascending"
    every = sorted(found.points["knob.threshold"])
    assert thresholds(page) == pytest.approx(every[:AT_ONCE])
    page.keyboard.press("Enter")  # the focus is still there
    assert thresholds(page) == pytest.approx(every[::-1][:AT_ONCE])
    last = found.points.sort_values("nfe").iloc[-1]
    page.locator(".filter").fill(last["setting_id"])
    assert page.locator(f"{ROWS} > tr.point").count() == 1
    assert page.locator(".shown").inner_text() == "1 of 205 rows"
    page.locator("tr.point").click()
    assert last["setting_id"] in page.locator("tbody.open .about").inner_text()
    command = page.locator("tbody.open .command code").inner_text()
    assert command.startswith("python launch.py ") and f"threshold={last['knob.threshold']}" in command


def test_a_row_that_is_open_or_chosen_stays_so(page):
    page.locator(ROWS).nth(3).locator("button.fold").click()
    point = page.locator(ROWS).nth(3).get_attribute("data-points")
    page.evaluate("point => { view.point = '0-' + point; view.change(); }", point)
    row = page.locator(f'{ROWS}.chosen.open[data-points="{point}"]')
    assert row.count() == 1
    page.locator(".fronts").check()
    page.locator(".fronts").uncheck()
    assert row.count() == 1


def test_a_row_that_is_chosen_is_there_though_it_is_not_among_the_first(visit, file, found):
    last, before = found.points.sort_values("nfe").index[[-1, -2]]
    page = visit(file, figure=False, hash=f"#point=0-{last}")
    chosen = page.locator(f"{ROWS}.chosen")
    assert chosen.get_attribute("data-points") == str(last) and page.locator(ROWS).count() == AT_ONCE + 1
    page.evaluate(f"view.point = '0-{before}'; view.change();")
    assert chosen.get_attribute("data-points") == str(before) and page.locator(ROWS).count() == AT_ONCE + 1
    page.locator(".further").click()
    assert page.locator(ROWS).count() == len(found.points) and chosen.count() == 1


def test_of_many_dots_that_nearly_coincide_the_likeliest_is_drawn(page):
    drawn = page.evaluate("""() => {
        const cost = { column: 'nfe', widest: 100, low: 0, high: 1 };
        const rows = [...Array(3000).keys()].map(at => (
            { costs: { nfe: [10 + 50 * (at % 3) + at * 1e-6] }, quality: [.5], likely: [at === 1500 ? 1 : 0], at }));
        return [apart(rows.slice(0, 2000), 0, cost).length, apart(rows, 0, cost).map(row => row.at)];
    }""")
    assert drawn == [2000, [1500, 1, 2]]


def test_a_row_of_several_settings_tells_all_their_values_and_commands(visit, tmp_path):
    sweep = decode_alike(
        make_sweep(examples=3, anchors=(1, 2, 4), thresholds=(0.3,)), "0.3-1", "0.3-2", "0.3-4"
    )
    file = tmp_path / "report.html"
    file.write_text(render(find([sweep.run], sweep.records), lambda: [b""], [], Details()), encoding="utf-8")
    page = visit(file, figure=False)
    assert page.locator(ROWS).count() == 1 and page.locator("tr.point .interval").first.inner_text() == "x3"
    page.locator("tr.point").click()
    told = dict(
        zip(*(page.locator(f"tbody.open {part}").all_inner_texts() for part in ("dt", "dd")), strict=True)
    )
    assert told["axon.anchors"] == "1|2|4" and told["decoder.threshold"] == "0.3"
    commands = page.locator("tbody.open .command code").all_inner_texts()
    assert [text.rpartition("=")[2] for text in commands] == ["1", "2", "4"]


def test_what_is_stopped_or_partial_is_hollow_and_says_so(page):
    symbols, texts = page.evaluate("""() => {
        const row = (complete, n) => ({ group: "g", label: "l", quality: [.5, .4, .6], costs: { nfe: [9, 8, 10] },
                                        points: [0], likely: [1], complete, notes: [["n", n]] });
        const rows = [row(true, "60"), row(false, "20 (stopped)")], cost = { column: "nfe", name: "NFE" };
        return ["circle", "circle-open"].map(symbol => dots(rows, 0, cost, { name: "g", colour: "#000000", symbol }, 7))
            .reduce(([all], { marker, hovertext }) => [[...all, ...marker.symbol], hovertext], [[], []]);
    }""")
    assert symbols == ["circle", "circle-open", "circle-open", "circle-open"]
    assert [text.endswith("<br>n 20 (stopped)") for text in texts] == [False, True]


def test_the_sections_are_linked_above_them_and_the_link_takes_the_keyboard_there(page):
    links = page.get_by_role("navigation", name="Sections").get_by_role("link")
    assert links.all_inner_texts() == page.locator(".facet h3:visible").all_inner_texts()
    links.last.focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.textContent") == "All settings"
    top = page.locator(".facet h3", has_text="All settings").bounding_box()["y"]
    assert -1 < top < 900 and "#facet" not in page.url, "the address keeps the view"
