"""In which order the tokens of a decode were revealed, against left to right."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from axon.trace import NOT_DECODED

Integers = npt.NDArray[np.int64]


def places(values: Integers, lengths: Integers) -> Integers:
    """The steps that revealed each token as rows of a matrix, (N, G), counted from 1; 0: not decoded.

    `values`: of all decodes, one after the other, of which each has as many as `lengths` says.
    """
    place_NG = np.zeros((len(lengths), int(lengths.max(initial=0))), dtype=np.int64)
    place_NG[np.arange(place_NG.shape[1]) < lengths[:, None]] = values - NOT_DECODED
    return place_NG


def kendall_tau(place_NG: Integers) -> npt.NDArray[np.float64]:
    """Kendall's tau-b between position and step, (N,): 1 left to right, -1 right to left, about 0 unrelated.

    Positions revealed together are ties; those not decoded are left out; NaN where no two differ. From left to right,
    each position is compared with how many before it were revealed up to each step.
    """
    rows_N = np.arange(len(place_NG))
    steps = 1 + int(place_NG.max(initial=0))
    # As narrow as steps and counts allow: there is much memory to go through.
    kind = np.int16 if max(steps, place_NG.shape[1]) < 2**15 else np.int32
    steps_S, narrow_NG = np.arange(steps, dtype=kind), place_NG.astype(kind)
    up_to_NS = np.zeros((len(rows_N), steps), dtype=kind)
    agreement_N, apart_N, pairs_N = np.zeros((3, len(rows_N)), dtype=np.int64)
    for place_N in narrow_NG.T:
        decoded_N = place_N > 0
        all_before_N, not_later_N = up_to_NS[:, -1], up_to_NS[rows_N, place_N]
        earlier_N, later_N = up_to_NS[rows_N, np.maximum(place_N - 1, 0)], all_before_N - not_later_N
        agreement_N += np.where(decoded_N, earlier_N - later_N, 0)
        apart_N += np.where(decoded_N, earlier_N + later_N, 0)
        pairs_N += np.where(decoded_N, all_before_N, 0)
        up_to_NS += decoded_N[:, None] & (steps_S >= place_N[:, None])
    with np.errstate(invalid="ignore"):  # 0 / 0 where no two differ
        tau_N: npt.NDArray[np.float64] = agreement_N / np.sqrt(apart_N.astype(np.float64) * pairs_N)
    return tau_N
