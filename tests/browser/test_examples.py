"""The page's table of examples in a browser: filter, decodes from the folder beside it, a page alone, hostile text."""

from __future__ import annotations

import random
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.report import write_report
from pipeline.show import panel
from pipeline.show.decode import Decode
from pipeline.show.frames import events_of_record, frames
from tests.report.sweep import make_run, make_sweep

pytestmark = pytest.mark.slow

EVIL = "</script><img src=x onerror=\"document.title='ran'\">\u202e\x00\x1b"


class EvilWords:
    def questions(self, setting, examples):
        return {f"arith-{position}": f"{position} apples {EVIL}" for position in range(examples)}

    def token_texts(self, setting, tokens):
        return dict.fromkeys(tokens, "<b>" + EVIL[:9])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    sweep = make_sweep(gain=1.0, examples=40, thresholds=(0.3, 0.5, 0.7))
    for row in sweep.rows:
        row |= {
            "answer": f"answer {EVIL}",
            "extracted": None,
            "revealed_at": [k % row["nfe"] for k in range(64)],
        }
    folder = tmp_path_factory.mktemp("examples")
    write_report(folder, [sweep.run], sweep.records, [], words=EvilWords())
    return folder


@pytest.fixture
def page(visit, folder):
    page = visit(folder / "report.html", figure=False)
    page.locator(".compared .answer").first.wait_for()
    return page


def test_outcomes_and_text_filter_the_rows(page):
    counts = {
        button.get_attribute("data-outcome"): int(button.inner_text().split()[-1])
        for button in page.locator(".outcomes button").all()
    }
    assert counts.pop("all") == sum(counts.values()) == 40 and counts["broken"]
    page.locator(".outcomes [data-outcome=broken]").click()
    assert page.locator("tr.example").count() == min(20, counts["broken"])
    assert page.locator("tr.example:not([data-outcome=broken])").count() == 0
    page.locator(".outcomes [data-outcome=all]").click()
    page.locator(".sought").fill("17 apples")
    assert page.locator("tr.example").count() == 1


def test_another_choice_redraws_the_table(page):
    before = page.locator(".compared .name").all_inner_texts()
    page.locator("select.second").select_option(index=0)
    assert page.locator(".compared .name").all_inner_texts() != before
    page.locator("select.first").select_option(index=0)
    assert page.locator(".compared.alone tr.example").count()  # one setting: its side once


def test_a_row_opens_both_decodes_by_the_keyboard(page):
    page.locator("tr.example button").first.focus()
    page.keyboard.press("Enter")
    panels = page.locator(".decodes .decode .sides section")
    assert panels.count() == 2 and "step 1 of" in panels.first.inner_text()
    page.locator(".decodes .decode").focus()
    page.keyboard.press("ArrowRight")
    assert "step 2 of" in panels.first.inner_text()
    assert "job=show" in page.locator(".decodes .command code").inner_text()


def test_an_answer_from_elsewhere_opens_without_a_decode(visit, tmp_path):
    """`job=show` has nothing to decode again."""
    sweep = make_sweep(examples=12, anchors=(None,), thresholds=(0.5,))
    [(name, setting)] = sweep.settings.items()
    sweep.settings[name] = replace(setting, identity=dict(setting.identity) | {"foreign": {"name": "theirs"}})
    for row in sweep.rows:
        row |= {"answer": "as theirs", "tokens": [], "revealed_at": []}
    write_report(tmp_path, [make_run(list(sweep.settings.values()))], sweep.records, [])
    page = visit(tmp_path / "report.html", figure=False)
    page.locator(".compared .answer").first.wait_for()
    page.locator("tr.example button").first.click()
    assert page.locator("tr.decodes pre").inner_text() == "as theirs"
    assert page.locator("tr.decodes .command, tr.decodes .decode").count() == 0
    assert "A row opens the answer." in page.locator(".examples").inner_text()


def test_text_of_an_example_never_runs(page):
    page.locator("tr.example button").first.click()
    assert page.locator(".examples img").count() == 0 and page.title() == "title"
    shown = page.locator(".compared .answer").first.inner_text()
    assert "<img src=x" in shown and "\x1b" not in shown


def test_a_page_alone_says_what_is_missing(visit, folder, tmp_path):
    alone = Path(shutil.copy(folder / "report.html", tmp_path))
    page = visit(alone, figure=False, told="ERR_FILE_NOT_FOUND")
    page.locator(".absent").wait_for()
    assert "details" in page.locator(".absent").inner_text()
    assert page.locator("tr.example").count() == 20  # scores and NFE stand in the page itself


def test_a_phone_shows_it_without_scrolling_sideways(visit, folder):
    page = visit(folder / "report.html", width=390, figure=False)
    page.locator(".compared .answer").first.wait_for()
    page.locator("tr.example button").first.click()
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_the_script_shows_a_record_as_python_does(page):
    rng = random.Random(0)
    for _ in range(20):
        length, nfe = rng.randint(1, 12), rng.randint(1, 6)
        tokens = [rng.randint(0, 5) for _ in range(length)]
        revealed = [rng.randint(-1, nfe - 1) for _ in range(length)]
        axon = sorted(rng.sample(range(nfe), rng.randint(0, nfe)))
        unsupported = [step for step in axon if rng.random() < 0.3]
        texts = {token: f"t{token}" for token in range(6)}
        gate = rng.choice(["never", "always"])
        made = frames(tokens, events_of_record(tokens, revealed, axon, unsupported), nfe)
        wanted = panel.data([Decode("a", "", made, texts, None, 0.5, gate, None)])["decodes"][0]
        record = {
            "tokens": tokens,
            "revealedAt": revealed,
            "axonSteps": axon,
            "unsupportedSteps": unsupported,
            "nfe": nfe,
        }
        about = {"title": "a", "gate": gate, "score": 0.5, "note": ""}
        got = page.evaluate(
            "([record, texts, about]) => decodeOfRecord(record, texts, about)", [record, texts, about]
        )
        assert _resolved(got) == _resolved(wanted)


def _resolved(decode):
    """With the texts themselves in place of their numbers, which may be given in another order."""
    steps = [
        (step["words"], [(cell[0], decode["texts"][cell[1]], *cell[2:]) for cell in step["cells"]])
        for step in decode["steps"]
    ]
    return steps, decode["outcome"], decode["length"], decode["title"]
