"""Whether confidences are calibrated: how often tokens differ from the reference, beside how often they should by them.

A token revealed with confidence c should differ in 1 - c of all cases. Each kind's tokens are weighted so that its
trade-off values are as frequent as they are among the anchors: kinds are compared at equal values, and each keeps its
own confidences. The calibration error is the expected one (ECE), with agreement in place of accuracy:

    ECE = sum over bins of (weight of the bin) |mean confidence in it - share of its tokens that agree|

It is never below 0, and with few tokens too high. Source: Guo, Pleiss, Sun and Weinberger, On Calibration of Modern
Neural Networks, ICML 2017, arXiv 1706.04599, equation 3 (there 15 equal bins).

Shapes: N examples, C kinds, V values of the trade-off parameter, Q bins, B bootstrap replicates, of which the first is
the sample itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.report.data.reveals import ANCHORS, BASE, KINDS, OWN, Sums
from pipeline.report.statistics import resampling, stats
from pipeline.report.statistics.stats import Floats, Interval


@dataclass(frozen=True)
class InBin:
    """Of one kind's tokens in one bin; NaN where it has none, or none at a value that anchors have."""

    tokens: int
    confidence: float  # their mean
    differs: Interval
    score: Interval  # mean score of the answers that they stand in


@dataclass(frozen=True)
class OfKind:
    """Of one kind's tokens; NaN where it has none."""

    bins_Q: tuple[InBin, ...]
    expected: float  # share that differs, by the confidences
    differs: Interval
    error: Interval  # ECE


@dataclass(frozen=True)
class Excess:
    """How much more often anchors differ than other reveals at the same value and in the same bin of confidence."""

    points: Interval  # a difference of shares
    met: float  # share of the anchors that there are such reveals for: the rest has no say


@dataclass(frozen=True)
class Confidences:
    """Of one decoder, from the tokens whose records hold a confidence."""

    kinds_C: tuple[OfKind, ...]
    known: float  # share of all tokens of these decodes whose confidence is recorded
    over_own: Excess  # over the decoder's reveals in the same decodes
    over_base: Excess  # over its reveals without AXON


def confidences(sums: Sums, tokens: float, counts_BN: Floats) -> Confidences | None:
    """None where no anchor's confidence is known. `tokens`: of these decodes, whether known or not."""
    if not sums.of["tokens"][ANCHORS].any():
        return None
    tokens_CNVQ = sums.of["tokens"]
    drawn = [_weighed(own) for own in redrawn(sums.of, counts_BN)]
    weighed = {name: np.concatenate([own.weighed[name] for own in drawn], axis=1) for name in sums.of}
    over_own, over_base = (np.concatenate(own) for own in zip(*(own.excess for own in drawn), strict=True))
    anchors_VQ = tokens_CNVQ[ANCHORS].sum(axis=0)
    told_V1 = anchors_VQ.any(axis=1)[:, None]
    tokens_CVQ = np.where(told_V1, tokens_CNVQ.sum(axis=1), 0.0)
    examples_CQ, examples_C = (examples_of(tokens_CNVQ, told_V1, axes) for axes in ((2,), (2, 3)))
    known_own, known_base = (_known(anchors_VQ, tokens_CNVQ[kind].sum(axis=0)) for kind in (OWN, BASE))
    return Confidences(
        tuple(
            _of_kind(
                {name: own_CBQ[kind] for name, own_CBQ in weighed.items()},
                tokens_CVQ[kind].sum(axis=0),
                examples_CQ[kind],
                int(examples_C[kind]),
            )
            for kind in range(len(KINDS))
        ),
        float(sums.of["tokens"].sum() / tokens),
        Excess(interval(over_own, int(examples_C[ANCHORS])), known_own),
        Excess(interval(over_base, int(examples_C[ANCHORS])), known_base),
    )


class _Weighed(NamedTuple):
    """Of replicates: sums of each kind by bin, values weighed as the anchors are spread, (C, B, Q); and by how much
    the anchors' share that differs exceeds that of OWN and of BASE, (B,) each.
    """

    weighed: dict[str, Floats]
    excess: tuple[Floats, Floats]


def _weighed(drawn: Mapping[str, Floats]) -> _Weighed:
    total_CBVQ = drawn["tokens"]
    weight_BVQ = total_CBVQ[ANCHORS]
    factor_CBV = ratio(weight_BVQ.sum(axis=2), total_CBVQ.sum(axis=3))
    share_CBVQ = ratio(drawn["differ"], total_CBVQ)
    own, base = (mean(share_CBVQ[ANCHORS] - share_CBVQ[kind], weight_BVQ, (1, 2)) for kind in (OWN, BASE))
    weighed = {
        name: (own_CBVQ * np.nan_to_num(factor_CBV)[..., None]).sum(axis=2)
        for name, own_CBVQ in drawn.items()
    }
    return _Weighed(weighed, (own, base))


def _known(anchors_VQ: Floats, others_VQ: Floats) -> float:
    """Of the anchors, the share in bins that have others."""
    return float(anchors_VQ[others_VQ > 0].sum() / anchors_VQ.sum())


def examples_of(tokens_CNVQ: Floats, told_VQ: NDArray[np.bool_], axes: tuple[int, ...]) -> NDArray[np.intp]:
    """How many examples the tokens are of, of each kind and whatever else than N is not among the axes; `told_VQ`: the
    values and bins that count.
    """
    found: NDArray[np.intp] = (tokens_CNVQ.astype(np.bool_) & told_VQ).any(axis=axes).sum(axis=1)
    return found


def _of_kind(
    weighed_BQ: dict[str, Floats], tokens_Q: Floats, examples_Q: NDArray[np.intp], examples: int
) -> OfKind:
    total_BQ = weighed_BQ["tokens"]
    doubt_BQ = total_BQ - weighed_BQ["confidence"]
    whole_B = total_BQ.sum(axis=1)
    share_BQ, score_BQ, mean_BQ = (
        ratio(weighed_BQ[name], total_BQ) for name in ("differ", "score", "confidence")
    )
    return OfKind(
        tuple(
            InBin(int(count), float(sure), interval(share_B, int(n)), interval(score_B, int(n)))
            for count, sure, share_B, score_B, n in zip(
                tokens_Q, mean_BQ[0], share_BQ.T, score_BQ.T, examples_Q, strict=True
            )
        ),
        float(ratio(doubt_BQ.sum(axis=1), whole_B)[0]),
        interval(ratio(weighed_BQ["differ"].sum(axis=1), whole_B), examples),
        interval(ratio(np.abs(weighed_BQ["differ"] - doubt_BQ).sum(axis=1), whole_B), examples),
    )


def redrawn(sums: Mapping[str, Floats], counts_BN: Floats) -> Iterator[dict[str, Floats]]:
    """Sums over the examples, as often as each was drawn, (C, b, V, E) of (C, N, V, E): b replicates at a time."""
    examples_first = {name: np.ascontiguousarray(own.swapaxes(0, 1)) for name, own in sums.items()}
    width = next(iter(sums.values()))[:, 0].size
    for counts_bN in resampling.blocks(counts_BN, width):
        yield {
            name: np.tensordot(counts_bN, own_NCVE, 1).swapaxes(0, 1)
            for name, own_NCVE in examples_first.items()
        }


def mean(values_BVE: Floats, weight_BVE: Floats, axes: tuple[int, ...]) -> Floats:
    """The mean of the known values, weighted, over some axes."""
    known_BVE = np.where(np.isnan(values_BVE), 0.0, weight_BVE)
    return ratio((np.nan_to_num(values_BVE) * known_BVE).sum(axis=axes), known_BVE.sum(axis=axes))


def ratio(above: Floats, below: Floats) -> Floats:
    """NaN where there is nothing below."""
    above, below = np.broadcast_arrays(above, below)
    ratios: Floats = np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0)
    return ratios


def interval(values_B: Floats, n: int) -> Interval:
    """Of an estimate and its replicates, of n examples: those that have such tokens, not all that were drawn from."""
    return stats.percentile_interval(float(values_B[0]), values_B[1:], n)
