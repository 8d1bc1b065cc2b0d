"""front.png: the legend and the labels hide no point, and groups can be told apart."""

from dataclasses import replace

import pandas as pd
import pytest
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.markers import MarkerStyle

from pipeline.report import find
from pipeline.report.figures import picture
from pipeline.report.figures.palette import (
    AXON_STYLES,
    BAND,
    BASE_STYLES,
    FOREIGN_STYLES,
    band_opacity,
    styles,
)
from tests.report.sweep import changed, make_sweep


def of_groups(count, thresholds=(0.5,)):
    """Each variant of AXON as a group of its own, under a name that is no format and no TeX."""
    sweep = make_sweep(anchors=(None, *range(1, count)), thresholds=thresholds, examples=10)
    for sid, setting in sweep.settings.items():
        anchors = setting.knobs.get("axon.anchors")
        name = f"AXON with {anchors} anchors in $_${{ a group of a long name"
        sweep.settings[sid] = replace(setting, group=name if anchors else "base")
    return sweep


@pytest.fixture
def figure(monkeypatch):
    """The figure that `draw` made."""
    made = []
    monkeypatch.setattr(Figure, "savefig", lambda own, *args, **kinds: made.append(own))
    return made


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 2, 14])
def test_the_legend_lies_outside_the_axes_and_within_the_picture(figure, count):
    sweep = of_groups(count)
    (facet,) = find([sweep.run], sweep.records).facets
    picture.draw([("a title of $5 to $6", facet)])
    (axes,) = figure[0].axes
    (legend,) = (own for own in axes.get_children() if isinstance(own, Legend))
    renderer = figure[0].canvas.get_renderer()
    box, frame = legend.get_window_extent(renderer), axes.get_window_extent(renderer)
    below = axes.xaxis.label.get_window_extent(renderer).y0
    assert box.y1 <= below + 1 and box.y0 >= -1 and box.x1 <= figure[0].bbox.x1
    assert frame.height > 0.4 * figure[0].bbox.height
    texts = [own.get_text() for own in legend.get_texts()]
    assert len({text.partition(": ")[0] for text in texts}) == min(count, picture.MOST_LISTED + 1)
    assert (texts[-1] == f"and {count - picture.MOST_LISTED} more groups") == (count > picture.MOST_LISTED)
    drawn = sum(len(own.get_offsets()) for own in axes.collections if isinstance(own, PathCollection))
    assert drawn > 0


@pytest.mark.slow
def test_a_long_title_and_the_line_below_it_are_whole_and_within_the_picture(figure, monkeypatch):
    line = "n = 1000 waiting_line_remove_index examples per setting (validation split) · bars, bands: 95 % intervals"
    line += ", none where examples agree · faint: unlikely on its front"
    monkeypatch.setattr(picture, "_subtitle", lambda facet: line)
    sweep = of_groups(1)
    title = f"with_axon · waiting_line_remove_index · confidence · {'a_long_name_of_a_model_' * 3}"
    picture.draw([(title, find([sweep.run], sweep.records).facets[0])])
    for told in (title, line):
        (text,) = (own for own in figure[0].texts if own.get_text() == told)
        assert text.get_window_extent(figure[0].canvas.get_renderer()).x1 <= figure[0].bbox.x1


@pytest.mark.slow
@pytest.mark.parametrize(("count", "each"), [(2, 5), (9, 2), (14, 1)])
def test_of_many_fronts_fewer_settings_are_named_the_best_in_any_case(count, each, figure, monkeypatch):
    asked = []
    monkeypatch.setattr(picture, "place_labels", lambda axes, names, *_: asked.append(names))
    sweep = of_groups(count, (0.3, 0.5, 0.7, 0.8, 0.9, 0.95))
    (facet,) = find([sweep.run], sweep.records).facets
    picture.draw([("a title", facet)])
    (names,) = asked
    points = facet.points[facet.points["group_front"]].drop_duplicates(["group", "nfe", "quality"])
    sizes = points.groupby("group").size()
    assert sizes.max() > 2 or each > 2
    assert len(names) == sizes.clip(upper=each).sum() <= max(picture.NAMED_PER_PANEL, count)
    best = points.groupby("group")["quality"].max()
    assert sorted(best) == sorted(best[best.isin([quality for _, quality, _, _ in names])])


def test_many_bands_on_top_of_each_other_hide_no_line():
    """Of an area under all of them less than half is covered, and a band is as it always was where there are few."""
    for bands in range(1, 40):
        assert 1 - (1 - band_opacity(bands)) ** bands < 0.5
    assert band_opacity(1) == band_opacity(4) == BAND


@pytest.mark.slow
def test_a_point_is_named_by_what_its_setting_has(figure):
    """Two decoders in a group, each with a trade-off parameter of its own: no label has a dash for the other's."""
    sweep = make_sweep(anchors=(None,), thresholds=(0.3, 0.9))
    for sid, setting in list(sweep.settings.items()):
        value = setting.knobs["decoder.threshold"]
        sweep.settings[sid] = replace(setting, knobs={"decoder": "confidence", "decoder.threshold": value})
        sweep.settings[f"dawn-{sid}"] = replace(
            changed(setting, decoder="dawn"),
            id=f"dawn-{sid}",
            knobs={"decoder": "dawn", "decoder.tau_low": value},
        )
        sweep.rows += [row | {"setting_id": f"dawn-{sid}"} for row in sweep.rows if row["setting_id"] == sid]
    (facet,) = find([sweep.run], sweep.records).facets
    parts = picture._named_by(facet, facet.points)
    assert parts == [["decoder"], ["threshold", "tau_low"]]
    names = {picture._name(row, parts) for row in facet.points.to_dict("records")}
    assert names == {f"{own} / {value}" for own in ("confidence", "dawn") for value in (0.3, 0.9)}


def test_sixteen_groups_of_a_kind_can_be_told_apart_without_their_colours():
    """By marker and dash four, by marker, dash and colour sixteen."""
    for axon, foreign, first in (
        (False, False, BASE_STYLES),
        (True, False, AXON_STYLES),
        (False, True, FOREIGN_STYLES),
    ):
        names = [f"group {number}" for number in range(16)]
        found = styles(pd.DataFrame({"group": names, "axon": axon, "foreign": foreign}))
        assert tuple(found.values())[:4] == first
        assert len(set(found.values())) == 16
        for start in range(0, 16, 4):
            four = list(found.values())[start : start + 4]
            assert len({(own.symbol, own.dash) for own in four}) == 4


def test_every_marker_is_one_that_matplotlib_draws():
    """A name that mathtext lacks ended a report of three imported runs with a traceback."""
    markers = {own.marker for own in (*BASE_STYLES, *AXON_STYLES, *FOREIGN_STYLES)}
    assert all(len(MarkerStyle(marker).get_path().vertices) > 2 for marker in markers)
