"""Text of a model, a group or a command that is HTML is shown, and does not run."""

from __future__ import annotations

import shlex
from dataclasses import replace

import pytest

from pipeline.report import write_report
from tests.report.sweep import make_run, make_sweep

pytestmark = pytest.mark.slow

EVIL = '"><img src=x onerror="document.title=1"><script>document.title=1</script>&<b>'


def test_a_hostile_text_does_not_run(visit, tmp_path):
    sweep = make_sweep(gain=1.0, examples=20)
    for sid, setting in sweep.settings.items():
        knobs = {"decoder.threshold": setting.decode.decoder.threshold, "axon.policy": f"{sid}{EVIL}"}
        sweep.settings[sid] = replace(setting, group=f"{setting.group}{EVIL}", knobs=knobs)
    for row in sweep.rows:
        row |= {"example_id": EVIL, "answer": EVIL, "extracted": EVIL}
    run = make_run(list(sweep.settings.values()), title="hostile")
    run = replace(run, command=f"python launch.py {shlex.quote(f'model.path={EVIL}')}")
    page = visit(
        write_report(tmp_path, [run], sweep.records, [EVIL]).page, hash=f"#hide=group:{EVIL}&point=0-0"
    )
    page.locator(".interactive").focus()
    page.keyboard.press("ArrowRight")
    page.locator(".card h4").wait_for()
    page.wait_for_timeout(100)
    assert page.title() == "hostile" and page.locator("main img").count() == 1
    wide = "document.querySelector('.groups').getBoundingClientRect().right"
    assert page.evaluate(wide) <= page.viewport_size["width"], (
        "a long name takes lines, no figure from the screen"
    )
    page.locator(".card .copy").click()
    page.locator(".card").get_by_text("Copied").wait_for()
    assert f"model.path={EVIL}" in shlex.split(page.evaluate("navigator.clipboard.readText()"))
