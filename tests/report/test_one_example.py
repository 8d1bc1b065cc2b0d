"""One example says nothing of how examples vary: no interval is told where none is known, nor the word nan."""

import math
import re
import warnings

import pytest
from rich.console import Console

from pipeline.report import write_report
from pipeline.report.asked import Asked
from pipeline.report.binned import share_text
from pipeline.report.stats import UNKNOWN
from tests.report.sweep import make_sweep

FORMATS = ("markdown", "latex", "csv", "score_tpf", "d3llm")


@pytest.fixture
def graded(tmp_path):
    """Its front is at one place: both sides have the same quality at the same NFE."""
    sweep = make_sweep(examples=1)
    for row in sweep.rows:
        row["score"] = 0.4
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return write_report(tmp_path, [sweep.run], sweep.records, [], asked=Asked(formats=FORMATS))


def test_its_points_have_no_interval_and_its_groups_no_band(graded):
    points, (facet,) = graded.findings.points, graded.findings.facets
    ends = [f"{name}_{end}" for name in ("quality", "nfe", "flops") for end in ("lo", "hi")]
    assert points[ends].isna().all(axis=None) and (points["quality"] == 0.4).all()
    for view in facet.views:
        assert view.bands == {} and view.heights == (0.4, 0.4)
        assert all(area.estimate > 0 and math.isnan(area.lo) for area in view.hypervolumes.values())
    assert facet.views[0].widest == pytest.approx(points["nfe"].max() * 1.06)


def test_right_or_wrong_it_has_wilsons_interval(tmp_path):
    sweep = make_sweep(examples=1)
    points = write_report(tmp_path, [sweep.run], sweep.records, []).findings.points
    assert points["quality_lo"].between(0.2, 0.21).all() and points["nfe_lo"].isna().all()


def test_it_is_told_in_no_nan(graded, tmp_path):
    console = Console(width=100, record=True)
    console.print(graded.terminal())
    told = console.export_text()
    assert re.search(r" 0\.400 +11\.0 ", told) and "[0.40" not in told
    assert "2 AXON), quality 0.400 at 11.0 NFE." in " ".join(told.split())
    for file in ("table.md", "table.tex", "score_tpf.md"):
        assert "40.0" in (tmp_path / file).read_text() and "nan" not in (tmp_path / file).read_text()
    page = re.sub(r"<script.*?</script>", "", (tmp_path / "report.html").read_text(), flags=re.DOTALL)
    assert not re.search(r"\bnan\b", page, re.IGNORECASE)
    assert share_text(UNKNOWN._replace(estimate=0.25)) == "25.0 %"
