"""Evidence that may be looked at after every example: is the mean of a finite list at least so much?

The examples come in a random order, without replacement. Before each one the mean that the rest must have for the
hypothesis "the mean of all is below `least`" is known at its limit; a bettor who stakes a share of his capital on more
than that can't expect to gain while the hypothesis holds. So his capital is a supermartingale that starts at 1, and
reaches 1 / alpha at any time with probability at most alpha (Ville). Waudby-Smith and Ramdas, "Estimating means of
bounded random variables by betting", JRSS B 86 (2024) 1, section 5; "Confidence sequences for sampling without
replacement", NeurIPS 2020. The mean over several constant stakes is such a capital again. (The package confseq has
such sequences; its last release is of January 2023 and needs a compiler.)
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

STAKES = (0.99, 0.6, 0.3, 0.15, 0.07)  # shares of the most that can't ruin the bettor


def log_evidence(
    values_KN: Floats, least: float, low: float, high: float, population: int, seen: int = 0
) -> Floats:
    """Against a mean below `least`, of K lists of `population` values in [low, high] whose first N are known; (K,).

    Nothing is staked on the first `seen`: they may have been looked at to choose which lists to ask about. The largest
    logarithm of the capital at any of the N times; inf where the rest can't bring the mean below `least`.
    Exceeds log(1 / alpha) with probability at most alpha for a list whose mean is below.
    """
    value_KN = np.clip(values_KN, low, high)
    total_KN = np.cumsum(value_KN, axis=1)
    # What the rest would have on average, before each example, were the mean of all just `least`.
    before_KN = np.concatenate([np.zeros((len(value_KN), 1)), total_KN[:, :-1]], axis=1)
    rest_KN = (population * least - before_KN) / (population - np.arange(value_KN.shape[1]))
    sure_K = (rest_KN < low).any(axis=1)
    if value_KN.shape[1] == population:
        sure_K |= total_KN[:, -1] >= population * least
    gain_KN = (value_KN - rest_KN) / np.maximum(rest_KN - low, 1e-12)
    gain_KN[:, :seen] = 0.0
    with np.errstate(divide="ignore"):
        capital_SKN = [np.cumsum(np.log(np.maximum(1 + stake * gain_KN, 0.0)), axis=1) for stake in STAKES]
    mean_KN = np.logaddexp.reduce(capital_SKN, axis=0) - np.log(len(STAKES))
    most_K: Floats = np.where(sure_K, np.inf, mean_KN.max(axis=1, initial=0.0))
    return most_K
