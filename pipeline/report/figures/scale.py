"""A horizontal axis in percent of a drawing's width, so that the drawing stretches with its page."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pipeline.report.statistics.stats import Interval

STEPS = (1, 2, 5)
TICKS = 5  # at most about so many
EDGE = 3  # percent left free at either end


@dataclass(frozen=True)
class Scale:
    low: float
    high: float
    shows: Literal["difference", "percent", "count"] = "difference"

    def place(self, value: float) -> str:
        """Where a value lies; beyond the ends at the nearest end."""
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return f"{EDGE + (100 - 2 * EDGE) * share:.2f}%"

    def wide(self, width: float) -> str:
        """How wide a difference of two values is."""
        return f"{(100 - 2 * EDGE) * width / (self.high - self.low):.2f}%"

    def beyond(self, value: float) -> bool:
        return not self.low <= value <= self.high

    def axis(self) -> str:
        """Its ticks, as SVG."""
        return "".join(
            f'<text x="{self.place(tick)}" y="13" class="tick" text-anchor="middle">{self._text(tick)}</text>'
            for tick in self.ticks
        )

    @property
    def ticks(self) -> list[float]:
        step = _step((self.high - self.low) / TICKS)
        step = max(step, 1.0) if self.shows == "count" else step
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [number * step for number in range(first, last + 1)]

    def _text(self, tick: float) -> str:
        if self.shows == "count" or abs(tick) < 1e-12:
            return f"{round(tick, 9):g}"
        return f"{100 * tick:+.3g} %" if self.shows == "percent" else f"{tick:+.6g}"


def scale_of(values: Sequence[Interval], percent: bool = False) -> Scale:
    """From the lowest to the highest finite end, zero included. `percent`: of fractions, up to twice and to nothing."""
    ends = [end for value in values for end in value if math.isfinite(end)]
    if percent:
        ends = [min(max(end, -1.0), 1.0) for end in ends]
    low, high = min([0.0, *ends]), max([0.0, *ends])
    shows: Literal["percent", "difference"] = "percent" if percent else "difference"
    return Scale(low, high, shows) if high > low else Scale(-0.01, 0.01, shows)


def _step(least: float) -> float:
    """The smallest round number that is no smaller."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(factor * power for factor in (*STEPS, 10) if factor * power >= least * (1 - 1e-9))
