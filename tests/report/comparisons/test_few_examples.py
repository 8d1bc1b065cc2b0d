"""A few examples say little of how examples vary: no interval is told where none is known, nor the word nan."""

import math
import re
import warnings
from html import escape

import numpy as np
import pytest
from rich.console import Console

from pipeline.report import write_report
from pipeline.report.asked import Asked
from pipeline.report.figures.palette import FAINTEST, opacities
from pipeline.report.html.binned import share_text
from pipeline.report.statistics.stats import UNKNOWN
from tests.report.sweep import make_sweep

FORMATS = ("markdown", "latex", "csv", "score_tpf", "d3llm")


@pytest.fixture(params=[1, 2, 5])
def graded(tmp_path, request):
    """Its front is at one place: both sides have the same quality at the same NFE."""
    sweep = make_sweep(examples=request.param)
    for row in sweep.rows:
        row["score"], row["nfe"] = 0.4 + 0.1 * (row["position"] % 2), 11 + row["position"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return write_report(tmp_path, [sweep.run], sweep.records, [], asked=Asked(formats=FORMATS))


@pytest.mark.slow
def test_its_points_have_no_interval_and_its_groups_no_band(graded):
    points, (facet,) = graded.findings.points, graded.findings.facets
    ends = [f"{name}_{end}" for name in ("quality", "nfe", "flops") for end in ("lo", "hi")]
    assert points[ends].isna().all(axis=None) and points["quality"].between(0.4, 0.5).all()
    assert points["on_front"].isna().all() and points["front"].any()
    for view in facet.views:
        assert view.bands == {} and np.ptp(view.heights) == 0
        assert all(area.estimate > 0 and math.isnan(area.lo) for area in view.hypervolumes.values())
        assert opacities(view.points) == np.where(view.points["group_front"], 1.0, FAINTEST).tolist()
    assert facet.views[0].widest == pytest.approx(points["nfe"].max() * 1.06)


@pytest.mark.slow
def test_right_or_wrong_one_has_wilsons_interval(tmp_path):
    sweep = make_sweep(examples=1)
    points = write_report(tmp_path, [sweep.run], sweep.records, []).findings.points
    assert points["quality_lo"].between(0.2, 0.21).all() and points["nfe_lo"].isna().all()


@pytest.mark.slow
def test_of_six_all_is_told(tmp_path):
    sweep = make_sweep(examples=6)
    (facet,) = write_report(tmp_path, [sweep.run], sweep.records, []).findings.facets
    assert facet.points[["quality_lo", "on_front", "nfe_hi"]].notna().all(axis=None) and facet.views[0].bands
    assert facet.summary.lacking == ["Quality at matched NFE and AUP take 10 examples."]
    assert facet.matched == facet.aups == ()


@pytest.mark.slow
def test_many_that_agree_have_no_interval_and_their_groups_no_band(tmp_path):
    """A band without a width would tell a certainty that nobody has."""
    sweep = make_sweep(examples=30)
    for row in sweep.rows:
        row["score"], row["nfe"] = 0.4, 11
    (facet,) = write_report(tmp_path, [sweep.run], sweep.records, []).findings.facets
    assert (
        facet.points[["quality_lo", "nfe_lo"]].isna().all(axis=None)
        and facet.points["on_front"].notna().any()
    )
    assert facet.views[0].bands == {}
    assert all(area.estimate > 0 and math.isnan(area.lo) for area in facet.hypervolumes.values())


@pytest.mark.slow
def test_it_is_told_in_no_nan(graded, tmp_path):
    console = Console(width=100, record=True)
    console.print(graded.terminal())
    told = console.export_text()
    n = graded.findings.points["n"].iloc[0]
    quality, nfe = f"{0.4 + 0.1 * (n // 2) / n:.3f}", f"{11 + (n - 1) / 2:.1f}"
    assert re.search(rf" {re.escape(quality)} +{re.escape(nfe)} ", told) and "[0." not in told
    told = " ".join(told.split())
    assert f" AXON), quality {quality} at {nfe} NFE." in told
    size = len(graded.findings.points)
    few, likely, further = graded.findings.facets[0].summary.lacking
    groups = "hypervolume (2 groups) and the band (2 groups): at 95 % it takes 6 examples."
    assert few.startswith("No interval of quality") and few.endswith(f"({size} settings), {groups}")
    assert likely == "To tell how likely a setting is on its group's front takes 6 examples, too."
    assert told.count(few) == told.count(likely) == told.count(further) == 1
    assert further == "Quality at matched NFE and AUP take 10 examples."
    assert all(text in (tmp_path / "report.html").read_text() for text in (few, escape(likely)))
    caption = r"No interval of accuracy \(\d settings?\): at 95 % it takes 6 examples\."
    assert len(re.findall(caption, (tmp_path / "table.md").read_text())) == 1
    for file in ("table.md", "table.tex", "score_tpf.md"):
        text = (tmp_path / file).read_text()
        assert f"{100 * float(quality):.1f}" in text and "nan" not in text
    page = re.sub(r"<script.*?</script>", "", (tmp_path / "report.html").read_text(), flags=re.DOTALL)
    assert not re.search(r"\bnan\b", page, re.IGNORECASE)
    assert share_text(UNKNOWN._replace(estimate=0.25)) == "25.0 %"
