"""In which order the tokens of a decode were revealed, against left to right."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from axon.trace import NOT_DECODED


def kendall_tau(revealed_at: Sequence[Sequence[int]]) -> npt.NDArray[np.float64]:
    """Kendall's tau-b between position and step, (N,): 1 left to right, -1 right to left, about 0 unrelated.

    Of each of N decodes the step that revealed each token; they may differ in length. Positions revealed together are
    ties; those not decoded are left out; NaN where no two differ. From left to right, each position is compared with
    how many before it were revealed in each step.
    """
    rows_N = np.arange(len(revealed_at))
    longest = max(map(len, revealed_at), default=0)
    place_NG = np.zeros((len(rows_N), longest), dtype=np.int64)  # 0: not decoded
    for row, steps in enumerate(revealed_at):
        place_NG[row, : len(steps)] = np.asarray(steps, dtype=np.int64) - NOT_DECODED
    seen_NS = np.zeros((len(rows_N), 1 + int(place_NG.max(initial=0))), dtype=np.int64)
    agreement_N, apart_N, pairs_N = np.zeros((3, len(rows_N)), dtype=np.int64)
    for place_N in place_NG.T:
        decoded_N = (place_N > 0).astype(np.int64)
        up_to_NS = seen_NS.cumsum(axis=1)
        all_before_N, not_later_N = up_to_NS[:, -1], up_to_NS[rows_N, place_N]
        earlier_N, later_N = not_later_N - seen_NS[rows_N, place_N], all_before_N - not_later_N
        agreement_N += decoded_N * (earlier_N - later_N)
        apart_N += decoded_N * (earlier_N + later_N)
        pairs_N += decoded_N * all_before_N
        seen_NS[rows_N, place_N] += decoded_N
    with np.errstate(invalid="ignore"):  # 0 / 0 where no two differ
        tau_N: npt.NDArray[np.float64] = agreement_N / np.sqrt(apart_N.astype(np.float64) * pairs_N)
    return tau_N
