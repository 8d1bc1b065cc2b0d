"""Where a function is zero, by ITP: Oliveira and Takahashi, ACM Transactions on Mathematical Software 47 (2020) 5.

scipy.optimize has such methods, too, and takes a tenth of a report's time to import.
"""

import math
from collections.abc import Callable

CLOSE = 1e-12
SLOWNESS = 0.2  # how much the interpolated place is moved to the middle, as a share: the authors' kappa_1


def zero(function: Callable[[float], float], lo: float, hi: float) -> float:
    """Within CLOSE, of a function that decreases from above zero at `lo` to below zero at `hi`.

    Takes at most a step more than halving the interval would, and usually half as many.
    """
    above, below, width = function(lo), function(hi), hi - lo
    most = math.ceil(math.log2(width / (2 * CLOSE))) + 1 if width > 2 * CLOSE else 0
    for step in range(most):
        if hi - lo <= 2 * CLOSE:
            break
        middle = (lo + hi) / 2
        straight = lo + (hi - lo) * above / (above - below)  # where a line between the ends is zero
        inwards = math.copysign(1, middle - straight)
        moved = min(SLOWNESS / width * (hi - lo) ** 2, abs(middle - straight))
        allowed = CLOSE * 2.0 ** (most - step) - (hi - lo) / 2  # from the middle, to be as fast as halving
        place = middle - inwards * min(abs(middle - straight) - moved, allowed)
        value = function(place)
        if value > 0:
            lo, above = place, value
        elif value < 0:
            hi, below = place, value
        else:
            return place
    return (lo + hi) / 2
