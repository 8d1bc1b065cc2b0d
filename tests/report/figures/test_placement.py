"""Where the names of points are written: near their own points, with no line to a name through another's marker."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.transforms import Bbox

from pipeline.report.figures import placement


@pytest.mark.parametrize(("width", "height"), [(10.0, 8.0), (160.0, 12.0)])
def test_every_place_lies_as_far_from_its_point_as_it_says(width, height):
    at = np.array([300.0, 200.0])
    for box, distance in placement._places(at, width, height):
        assert np.linalg.norm(placement._nearest(at, box) - at) == pytest.approx(distance, rel=1e-3)
        assert (box.width, box.height) == pytest.approx((width, height))


@pytest.mark.parametrize(
    ("marker", "crossed"),
    [
        ((45, -5, 55, 5), 1),  # in the way
        ((45, 4, 55, 14), 1),  # beside the line by less than one can tell apart
        ((45, 9, 55, 19), 0),
        ((-5, -5, 5, 5), 0),  # the point's own
        ((150, -5, 160, 5), 0),  # behind the name
    ],
)
def test_a_line_to_a_name_passes_others_markers(marker, crossed):
    box = Bbox.from_extents(100.0, -6.0, 140.0, 6.0)
    assert placement._crossed(np.zeros(2), box, np.array([marker], dtype=float)) == crossed


def test_a_name_goes_elsewhere_where_its_line_would_pass_another_point(monkeypatch):
    """Of two places, left of the point beyond its neighbour's marker and above it, the second."""
    monkeypatch.setattr(placement, "DISTANCES", (78.0,))
    monkeypatch.setattr(placement, "ANGLES", np.deg2rad([180, 90]))
    figure, axes = plt.subplots(figsize=(8, 4))
    axes.set(xlim=(0, 10), ylim=(0.0, 1.0))
    of_front = {"quality": 0.5, "quality_lo": 0.5, "quality_hi": 0.5, "group_front": True, "group": "base"}
    points = pd.DataFrame({"nfe": [5.4, 6.0]}).assign(**of_front)
    placement.place_labels(axes, [(6.0, 0.5, "0.9 / fixed", "black")], points, "nfe")
    placement.place_labels(axes, [(6.0, 0.5, "0.9 / fixed", "black")], points[1:], "nfe")
    beside, alone = axes.texts
    assert beside.get_position()[1] > 0.6
    assert alone.get_position()[0] < 5.0 and alone.get_position()[1] == pytest.approx(0.5)
    plt.close(figure)
