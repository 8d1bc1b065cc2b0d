"""What is known of a setting's single decodes: what came of them, and how far along its line they hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Decodes(NamedTuple):
    """Of a setting's examples in their order, (N,) each; NaN where nothing is known.

    A decode is the same under every value of the decoder's trade-off parameter above `above` and below `below`
    (axon/leeway.py).
    """

    score: NDArray[np.floating]
    nfe: NDArray[np.floating]
    above: NDArray[np.floating]
    below: NDArray[np.floating]

    def of(self, chosen_N: NDArray[np.bool_]) -> Decodes:
        """Of some of the examples."""
        return Decodes(*(column[chosen_N] for column in self))
