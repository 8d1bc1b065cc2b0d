"""A figure that has nothing to show says so."""

from __future__ import annotations

import pytest

from pipeline.report import find
from pipeline.report.html.details import Details
from pipeline.report.html.page import render
from tests.report.sweep import make_sweep

pytestmark = pytest.mark.slow


def test_a_figure_without_a_point_says_why(visit, tmp_path):
    sweep = make_sweep(examples=3, anchors=(None,), thresholds=(0.5,))
    for row in sweep.rows:
        row |= {"score": None, "error": "scoring: it broke"}
    file = tmp_path / "report.html"
    file.write_text(render(find([sweep.run], sweep.records), lambda: [b""], [], Details()), encoding="utf-8")
    assert visit(file).locator(".interactive .annotation-text").text_content() == "no scored example"
