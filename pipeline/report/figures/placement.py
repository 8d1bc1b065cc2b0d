"""Where to write a point's name so that it covers no other name or marker and as little else as possible."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

Name = tuple[float, float, str, str]  # cost, quality, text, colour

MARKER_PIXELS = 9.0  # half the side of the square reserved for a front's marker
NEAR, LEADER = 16.0, 26.0  # pixels from the point; from LEADER on a thin line connects them
DISTANCES = (NEAR, LEADER, 40.0, 58.0, 78.0)
ANGLES = np.deg2rad([135, 90, 180, 45, 315, 270, 225, 0])
HARD, BAR, FADED = 1000.0, 3.0, 1.0
# For a line to a name that passes another's marker, within so many pixels: the name would seem to be that one's.
CROSSED, BESIDE = 10.0, 5.0


def place_labels(axes: Axes, names: list[Name], points: pd.DataFrame, cost: str) -> None:
    """Writes each name at the cheapest free place around its point, or leaves it out if every place collides."""
    canvas = axes.figure.canvas
    assert isinstance(canvas, FigureCanvasAgg)
    # Lays the figure out, which the extents below follow.
    canvas.figure.draw_without_rendering()
    renderer = canvas.get_renderer()  # type: ignore[no-untyped-call]
    frame = axes.get_window_extent(renderer)
    taken: list[Bbox] = []
    found = list(_obstacles(axes, points, cost))
    extents_O4 = np.array([box.extents for box, _ in found]).reshape(-1, 4)
    cost_O = np.array([cost for _, cost in found])
    for spent, quality, text, colour in names:
        at = np.asarray(axes.transData.transform((spent, quality)), dtype=np.float64)
        written = axes.text(spent, quality, text, color=colour, fontsize=8.5, fontweight="bold")
        written.set(ha="center", va="center")
        size = written.get_window_extent(renderer)
        places = list(_places(at, size.width, size.height))
        costs = [
            _cost(box, frame, taken, extents_O4, cost_O)
            + 0.05 * distance
            + (CROSSED * _crossed(at, box, extents_O4[cost_O == HARD]) if distance >= LEADER else 0.0)
            for box, distance in places
        ]
        best = int(np.argmin(costs))
        if costs[best] >= HARD:
            written.remove()
            continue
        box, distance = places[best]
        x, y = axes.transData.inverted().transform(((box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2))
        written.set_position((float(x), float(y)))
        taken.append(box)
        if distance >= LEADER:
            _lead(axes, at, box, colour)


def _places(at: NDArray[np.float64], width: float, height: float) -> Iterator[tuple[Bbox, float]]:
    for distance in DISTANCES:
        for angle in ANGLES:
            # Shifted outwards by half the text, so that `distance` is from the point to the text's edge or corner.
            towards = np.round([np.cos(angle), np.sin(angle)], 3)
            x, y = at + distance * towards + np.sign(towards) * (width / 2, height / 2)
            yield Bbox.from_bounds(x - width / 2, y - height / 2, width, height), distance


def _obstacles(axes: Axes, points: pd.DataFrame, cost: str) -> Iterator[tuple[Bbox, float]]:
    """What a name should not cover, with the cost of covering it: markers, faded points, error bars, step lines."""

    def box(x0: float, y0: float, x1: float, y1: float, pad: float) -> Bbox:
        (left, low), (right, high) = axes.transData.transform([(x0, y0), (x1, y1)])
        return Bbox.from_extents(left - pad, low - pad, right + pad, high + pad)

    edge = axes.get_xlim()[1]
    for row in points[~points["group_front"]].to_dict("records"):
        yield box(row[cost], row["quality"], row[cost], row["quality"], 4.0), FADED
    for _, front in points[points["group_front"]].sort_values(cost).groupby("group"):
        rows = front.to_dict("records")
        for row, following in zip(rows, [*rows[1:], None], strict=True):
            spent, quality = row[cost], row["quality"]
            yield box(spent, quality, spent, quality, MARKER_PIXELS), HARD
            yield box(spent, row["quality_lo"], spent, row["quality_hi"], 1.0), BAR
            until = following[cost] if following else edge
            yield box(spent, quality, until, quality, 2.0), BAR
            if following:
                yield box(until, quality, until, following["quality"], 2.0), BAR


def _cost(
    box: Bbox, frame: Bbox, taken: list[Bbox], extents_O4: NDArray[np.float64], cost_O: NDArray[np.float64]
) -> float:
    """`extents_O4`: left, low, right and high of the O obstacles, whose costs are `cost_O`."""
    inside = frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0 and box.y1 <= frame.y1
    if not inside or any(box.padded(3.0).overlaps(other) for other in taken):
        return HARD
    left_O, low_O, right_O, high_O = extents_O4.T
    covered_O = (box.x0 <= right_O) & (left_O <= box.x1) & (box.y0 <= high_O) & (low_O <= box.y1)
    return float(cost_O[covered_O].sum())


def _crossed(at: NDArray[np.float64], box: Bbox, markers_M4: NDArray[np.float64]) -> int:
    """How many of those M markers the line from the point `at` to its name passes, apart from any that it begins at."""
    along_S1 = np.linspace(0.0, 1.0, 20)[:, None]
    line_S2 = at + along_S1 * (_nearest(at, box) - at)
    low_M12, high_M12 = markers_M4[:, None, :2] - BESIDE, markers_M4[:, None, 2:] + BESIDE
    over_MS2 = (low_M12 <= line_S2) & (line_S2 <= high_M12)
    over_MS = over_MS2[..., 0] & over_MS2[..., 1]
    return int((over_MS.any(1) & ~over_MS[:, 0]).sum())


def _nearest(at: NDArray[np.float64], box: Bbox) -> NDArray[np.float64]:
    """The place of `box` that is nearest to `at`."""
    return np.clip(at, box.min, box.max)


def _lead(axes: Axes, at: NDArray[np.float64], box: Bbox, colour: str) -> None:
    line = axes.transData.inverted().transform([at, _nearest(at, box)])
    axes.plot(line[:, 0], line[:, 1], color=colour, linewidth=0.7, alpha=0.6, zorder=1.5)
