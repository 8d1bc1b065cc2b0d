"""The report's page in a browser: what is shown, hidden, copied, kept in the address, printed, and fits a phone."""

from __future__ import annotations

import json
import shlex

import numpy as np
import pandas as pd
import pytest

from pipeline.report import write_report
from pipeline.report.statistics.mixes import corners
from tests.report.counts import count
from tests.report.sweep import make_sweep
from tests.report.test_facets import on, together

DRAWN = """part => part.querySelector('.interactive').data.filter(trace => trace.mode === 'markers' && trace.customdata)
    .map(trace => ({x: trace.x, y: trace.y, points: trace.customdata, size: trace.marker.size}))"""
CONTRAST = """() => {
    const parts = (colour) => colour.match(/[\\d.]+/g).slice(0, 3).map((value) => value / 255);
    const linear = (value) => (value <= .04045 ? value / 12.92 : ((value + .055) / 1.055) ** 2.4);
    const weigh = (sum, own, at) => sum + own * [.2126, .7152, .0722][at];
    const light = (colour) => parts(colour).map(linear).reduce(weigh, .05);
    const paper = light(getComputedStyle(document.body).backgroundColor);
    return [...document.querySelectorAll('p, td, th, dt, dd, button, legend')].filter(own => own.offsetParent)
        .map(own => light(getComputedStyle(own).color) / paper).map(own => Math.max(own, 1 / own));
}"""
COPIED = "navigator.clipboard.readText()"


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """One facet with two groups, in which two anchors vary, against three costs."""
    sweep = count(make_sweep(gain=1.0, faster=0.8, anchors=(None, 1, 2)))
    return write_report(tmp_path_factory.mktemp("page"), [sweep.run], sweep.records, ["a note"])


@pytest.fixture(scope="module")
def facets(tmp_path_factory):
    """Two runs of other models and tasks, with a group each that the other lacks."""
    first, second = on("arith", "tiny", gain=1.0), on("lists", "small", anchors=(None, 2), seed=3)
    (one, records), (two, others) = together(first, name="one"), together(second, name="two")
    rows = pd.concat([records.assign(run=0), others.assign(run=1)], ignore_index=True)
    return write_report(tmp_path_factory.mktemp("facets"), [one, two], rows, [])


def drawn(page):
    """Points of the figure: those on a front (large), and all."""
    traces = page.locator(".facet").first.evaluate(DRAWN)
    every = {point for trace in traces for point in trace["points"]}
    return {point for trace in traces if trace["size"] == 10 for point in trace["points"]}, every


def rows_shown(page):
    places = page.locator(".settings > tbody:visible").evaluate_all(
        "rows => rows.map(row => row.dataset.points)"
    )
    return {int(point) for own in places for point in own.split()}


def toggle(page, axis, value):
    return page.locator(f'fieldset[data-axis="{axis}"] button[data-value="{value}"]')


@pytest.mark.slow
def test_the_figure_has_every_setting_and_the_fronts_that_the_report_found(visit, report):
    page = visit(report.page, shared=True)
    points = report.findings.points
    front, every = drawn(page)
    assert every == set(points.index) == rows_shown(page)
    assert front == set(points.index[points["group_front"]])
    assert page.locator(".picture").is_hidden()
    page.get_by_role("button", name="Computed positions").click()
    (facet,) = report.findings.facets
    marked = facet.views[1].points
    assert (
        drawn(page)[0] == set(marked.index[marked["group_front"]]) and "cost=computed_positions" in page.url
    )


@pytest.mark.slow
def test_toggles_hide_points_and_rows_alike_and_the_address_keeps_them(visit, report):
    page = visit(report.page, shared=True)
    points = report.findings.points
    toggle(page, "anchors", 2).click()
    left = set(points.index[points["knob.anchors"] != 2])
    assert drawn(page)[1] == left == rows_shown(page)
    assert page.locator("g.setting:visible").count() == len(left)
    assert page.get_by_text(f"{len(left)} of {len(points)} rows").is_visible()
    again = visit(report.page, hash="#" + page.url.partition("#")[2])
    assert rows_shown(again) == left
    assert toggle(again, "anchors", 2).get_attribute("aria-pressed") == "false"
    again.get_by_role("button", name="show all").click()
    assert drawn(again)[1] == set(points.index)
    toggle(again, "group", "base").click(modifiers=["Shift"])
    assert drawn(again)[1] == set(points.index[points["group"] == "base"])


@pytest.mark.slow
def test_a_front_of_what_is_left_is_found_anew_and_has_no_band(visit, report):
    page = visit(report.page, shared=True)
    filled = "part => part.querySelector('.interactive').data.filter(trace => trace.fill).length"
    facet = page.locator(".facet")
    assert facet.evaluate(filled) == 2
    points = report.findings.points
    first = points.index[points["group_front"] & (points["group"] == "AXON")][0]
    value = int(points.at[first, "knob.anchors"])
    toggle(page, "anchors", value).click()
    assert facet.evaluate(filled) == 1
    rest = points[(points["group"] == "AXON") & (points["knob.anchors"] != value)]
    beaten = {
        own.Index
        for own in rest.itertuples()
        if ((rest["quality"] >= own.quality) & (rest["nfe"] <= own.nfe)
            & ((rest["quality"] > own.quality) | (rest["nfe"] < own.nfe))).any()
    }  # fmt: skip
    assert drawn(page)[0] & set(rest.index) == set(rest.index) - beaten


@pytest.mark.slow
def test_dotted_lines_are_the_best_mixes_of_what_is_left_and_can_be_hidden(visit, report):
    page = visit(report.page, shared=True)
    dotted = """part => part.querySelector('.interactive').data.filter(trace => trace.line?.dash === 'dot')
        .map(trace => trace.x.map((x, place) => [x, trace.y[place]]))"""
    facet, points = page.locator(".facet").first, report.findings.points
    for hidden in (False, True):
        if hidden:
            toggle(page, "anchors", 2).click()
        for (group, own), line in zip(
            points.groupby("group", sort=False), facet.evaluate(dotted), strict=True
        ):
            own = own[own["knob.anchors"] != 2] if hidden else own
            quality, nfe = (own[[name]].to_numpy(dtype=float).T for name in ("quality", "nfe"))
            (found,) = corners(quality, nfe)
            found = list(dict.fromkeys(found.tolist()))
            assert line[:-1] == pytest.approx(np.array([[nfe[0, at], quality[0, at]] for at in found])), group
            assert line[-1][1] == line[-2][1]
    page.get_by_label("mixes of two settings").uncheck()
    assert facet.evaluate(dotted) == [] and "mixes=off" in page.url
    again = visit(report.page, hash="#mixes=off")
    assert again.locator(".facet").first.evaluate(dotted) == []
    assert not again.get_by_label("mixes of two settings").is_checked()


@pytest.mark.slow
def test_hovering_shows_the_setting_and_a_click_keeps_it(visit, report):
    page = visit(report.page, shared=True)
    points, card = report.findings.points, page.locator(".card")
    best = points.index[points["quality"] == points["quality"].max()][0]
    place = """point => {
        const plot = document.querySelector('.interactive'), box = plot.getBoundingClientRect();
        for (const trace of plot.data) {
            const at = (trace.customdata ?? []).indexOf(point);
            if (at >= 0) return [box.x + plot._fullLayout.xaxis._offset + plot._fullLayout.xaxis.l2p(trace.x[at]),
                                 box.y + plot._fullLayout.yaxis._offset + plot._fullLayout.yaxis.l2p(trace.y[at])];
        }
    }"""
    page.locator(".interactive").scroll_into_view_if_needed()
    x, y = page.evaluate(place, int(best))
    page.mouse.move(x - 2, y)
    page.mouse.move(x, y)
    card.get_by_text(points.at[best, "setting_id"]).wait_for()
    assert (
        "decoder.threshold" in card.inner_text()
        and f"{points.at[best, 'quality']:.3f} [" in card.inner_text()
    )
    page.mouse.click(x, y)
    page.mouse.move(5, 5)
    page.wait_for_timeout(200)
    card.get_by_text(points.at[best, "setting_id"]).wait_for()
    assert f"point=0-{best}" in page.url
    assert page.locator("tbody.chosen").get_attribute("data-points").split()[0] == str(best)


@pytest.mark.slow
def test_the_keyboard_reaches_points_lines_rows_and_copies_the_command(visit, report):
    page = visit(report.page, shared=True)
    points = report.findings.points
    card = page.locator(".card")
    page.locator(".interactive").focus()
    page.keyboard.press("ArrowRight")
    fastest = points.sort_values(["nfe", "quality"]).iloc[0]
    card.get_by_text(fastest["setting_id"]).wait_for()
    assert "Escape leaves them" in page.locator(".interactive").get_attribute("aria-label")
    page.keyboard.press("Escape")
    card.get_by_text("Point at a dot").wait_for()
    assert "point=" not in page.url
    page.keyboard.press("ArrowRight")
    card.get_by_text(fastest["setting_id"]).wait_for()
    card.get_by_role("button").focus()
    page.keyboard.press("Enter")
    card.get_by_text("Copied").wait_for()
    words = shlex.split(page.evaluate(COPIED))
    assert words[:2] == ["python", "launch.py"] and f"decoder.threshold={fastest['knob.threshold']}" in words
    line = page.locator("g.setting").last
    line.focus()
    page.keyboard.press("Enter")
    card.get_by_text(points.at[int(line.get_attribute("data-points").split()[0]), "setting_id"]).wait_for()
    row = page.locator(".settings > tbody").first
    row.locator("button.fold").focus()
    page.keyboard.press("Enter")
    assert row.get_by_role("button", name="Copy the command").is_visible()
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid", "the focus is seen"


@pytest.mark.slow
def test_every_control_is_reached_by_tab(visit, report):
    page = visit(report.page, figure=False)
    controls = page.locator("a:visible, button:visible, summary:visible, input:visible").count()
    seen = []
    for _ in range(controls + page.locator("[tabindex='0']:visible").count() + 10):
        page.keyboard.press("Tab")
        seen.append(page.evaluate("document.activeElement.tagName"))
    assert sum(own in ("A", "BUTTON", "SUMMARY", "INPUT") for own in seen) >= controls


@pytest.mark.slow
@pytest.mark.parametrize("which", ["report", "facets"])
def test_a_phone_shows_all_of_it_without_scrolling_sideways(visit, request, which):
    dark = which == "facets"
    page = visit(request.getfixturevalue(which).page, width=390, dark=dark)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    number = page.locator(".evidence td[data-label]").last
    box = number.bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= 390, "the verdict's numbers are on the screen"
    page.locator("tr.point").first.click()
    about = page.locator("tbody.open .about").bounding_box()
    assert about["x"] >= 0 and about["x"] + about["width"] <= 390
    buttons = page.locator(".toggles button:visible").evaluate_all("all => all.map(own => own.offsetHeight)")
    assert min(buttons) >= 24, "large enough for a finger (WCAG 2.5.8)"
    ink = page.evaluate("document.querySelector('.interactive')._fullLayout.font.color")
    assert ink == ("#e6e9ed" if dark else "#1d2126")


@pytest.mark.slow
def test_dark_is_dark_and_can_be_read(visit, report):
    page = visit(report.page, shared=True)
    page.emulate_media(color_scheme="dark")
    page.wait_for_timeout(200)
    assert min(page.evaluate(CONTRAST)) >= 4.5, "WCAG AA"
    assert page.evaluate("document.querySelector('.interactive')._fullLayout.font.color") == "#e6e9ed"
    page.emulate_media(color_scheme="light")
    page.wait_for_timeout(200)
    assert page.evaluate("document.querySelector('.interactive')._fullLayout.font.color") == "#1d2126"
    assert min(page.evaluate(CONTRAST)) >= 4.5


@pytest.mark.slow
def test_print_is_light_open_and_without_controls(visit, report):
    page = visit(report.page, shared=True)
    page.emulate_media(color_scheme="dark")
    page.evaluate("window.seen = []; window.addEventListener('beforeprint', () => seen.push("
                  "document.querySelectorAll('details:not([open])').length))")  # fmt: skip
    assert page.pdf(format="A4").startswith(b"%PDF")
    assert page.evaluate("window.seen") == [0]
    assert page.locator("details:not([open])").count() > 0, "and as it was afterwards"
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.locator("button:visible, input:visible").count() == page.locator("th button:visible").count()
    assert page.locator(".picture").is_visible() and page.locator(".interactive").is_hidden()


@pytest.mark.slow
def test_without_a_script_everything_is_there(visit, report):
    page = visit(report.page, script=False)
    assert page.locator(".picture").is_visible() and page.locator(".toggles, .copy, .card").first.is_hidden()
    front = report.findings.points["group_front"].sum()
    assert page.locator("noscript tbody tr:visible").count() == front


@pytest.mark.slow
def test_the_toggles_are_of_all_facets_and_can_hide_one(visit, facets):
    page = visit(facets.page, figure=False)
    assert page.locator(".facet:visible").count() == 2 and page.locator(".toggles").count() == 1
    toggle(page, "anchors", 2).click()
    for number, facet in enumerate(facets.findings.facets):
        left = facet.points.index[facet.points["knob.anchors"] != 2]
        rows = page.locator(f"#facet-{number} .settings > tbody:visible")
        assert rows.count() == len(left)
    page.locator('fieldset[data-axis="task and model"] button').first.click()
    assert page.locator(".facet:visible").get_attribute("id") == "facet-1"
    page.get_by_role("navigation", name="Contents").get_by_role("link").last.click()
    assert "hide=" in page.url, "a way on the page keeps the view"


@pytest.mark.slow
def test_sections_stand_once_in_one_order_each_told_in_a_line(visit, report):
    page = visit(report.page, figure=False)
    names = page.locator(".facet h3:visible").all_inner_texts()
    assert names == [
        "Quality against cost",
        "Quality at matched NFE",
        "Accuracy under parallelism",
        "What AXON does to each front",
        "NFE of single examples",
        "Example by example",
        "Is AXON calibrated?",
        "What the knobs do",
        "All settings",
    ]
    assert page.locator(".facet h3:visible + p.soft, .facet h3:visible + style + p.soft").count() == len(
        names
    )


@pytest.mark.slow
def test_one_setting_alone_has_no_sections_that_compare(visit, tmp_path):
    sweep = make_sweep(examples=20, anchors=(1,), thresholds=(0.5,))
    page = visit(write_report(tmp_path, [sweep.run], sweep.records, []).page, figure=False)
    names = page.locator(".facet h3:visible").all_inner_texts()
    assert names == ["Quality against cost", "Example by example", "All settings"]
    assert rows_shown(page) == {0} and page.locator(".shown").inner_text() == "1 of 1 rows"
    assert page.locator(".examples select:visible").count() == 1, "the order alone: there is nothing to pair"


@pytest.mark.slow
def test_settings_that_differ_in_the_trade_off_alone_are_in_the_table(visit, tmp_path):
    """There is nothing to toggle."""
    sweep = make_sweep(examples=20, anchors=(None,))
    page = visit(write_report(tmp_path, [sweep.run], sweep.records, []).page, figure=False)
    assert page.locator("fieldset").count() == 0 and len(rows_shown(page)) == len(sweep.settings)


@pytest.mark.slow
def test_an_address_that_names_nothing_shows_everything(visit, report):
    page = visit(report.page, figure=False, hash="#hide=x:y&hide=&point=9-99&cost=z")
    for words in ("%", "facet-0", "point=0-999", "point=x"):
        assert rows_shown(page) == set(report.findings.points.index)
        page.evaluate("words => { location.hash = words; }", words)


@pytest.mark.slow
def test_the_page_in_a_frame_without_an_address_works(visit, report, tmp_path):
    """As W&B shows it: the html alone, without the folder beside it."""
    outer = tmp_path / "outer.html"
    text = json.dumps(report.page.read_text(encoding="utf-8")).replace("</", "<\\/")
    outer.write_text(
        f"<iframe width=1100 height=900 sandbox='allow-scripts'></iframe>"
        f"<script>document.querySelector('iframe').srcdoc = {text}</script>"
    )
    frame = visit(outer, told="local resource").frame_locator("iframe")
    frame.locator(".interactive .main-svg").first.wait_for()
    frame.locator(".toggles button").first.click()
    assert frame.locator(".toggles button").first.get_attribute("aria-pressed") == "false"
