"""Which positions AXON reveals: the anchor problem of a block, solved greedily. docs/method.md, section 3.

Shapes: F rows in which the gate fired, K block length; of two K the first is who is supported, the second who supports.
"""

from __future__ import annotations

from math import inf

import torch
from torch import Tensor

from axon.answers import check_answer
from axon.elementwise import and_not
from axon.policies import OBJECTIVES, Support, policy_of
from axon.selection import Round, Rounds, Selection
from axon.settings import AxonSettings
from axon.state import StepState


def support_of(
    masked_FK: Tensor,
    proposal_FK: Tensor,
    confidence_FK: Tensor,
    p_max_FK: Tensor,
    attention_FKK: Tensor,
    sink_FK: Tensor | None,
    settings: AxonSettings,
) -> Support:
    """The anchor problem of each row.

    attention_FKK is A among the block's positions as it is; sink_FK marks the columns to leave out as sinks (None:
    none).
    """
    valid_FK = _candidates(masked_FK, confidence_FK, settings)
    uncertainty_FK = (1 - confidence_FK).clamp_(min=0)
    needy_FK = masked_FK
    if settings.uncertainty_threshold > 0:
        needy_FK = masked_FK & (uncertainty_FK >= settings.uncertainty_threshold)
    supporting_FK = valid_FK if sink_FK is None else and_not(valid_FK, sink_FK)
    weights_FKK = attention_FKK * (uncertainty_FK * needy_FK)[..., None]
    weights_FKK.mul_((confidence_FK * supporting_FK)[:, None, :])
    weights_FKK.diagonal(dim1=1, dim2=2).zero_()

    def conflict() -> Tensor:
        clean_FKK = attention_FKK.double()
        if sink_FK is not None:
            clean_FKK.masked_fill_(sink_FK[:, None, :], 0.0)
        risk_FK = 1 - confidence_FK
        return 0.5 * (clean_FKK + clean_FKK.transpose(1, 2)) * risk_FK[..., None] * risk_FK[:, None, :]

    return Support(
        weights_FKK=weights_FKK,
        confidence_FK=confidence_FK,
        valid_FK=valid_FK,
        masked_FK=masked_FK,
        proposal_FK=proposal_FK,
        target=lambda: target_coverage(masked_FK, proposal_FK, p_max_FK, attention_FKK),
        conflict=conflict,
    )


def _candidates(masked_FK: Tensor, confidence_FK: Tensor, settings: AxonSettings) -> Tensor:
    """Which masked positions may be anchors, (F, K) bool: the most confident ones, the leftmost of equals first."""
    if settings.min_candidates >= masked_FK.shape[1]:
        return masked_FK
    count_F = (settings.candidate_ratio * masked_FK.sum(1)).long()  # rounded down
    count_F = count_F.clamp_(settings.min_candidates, settings.max_candidates)
    return masked_FK & (StepState.rank(confidence_FK, masked_FK) < count_F[:, None])


def target_coverage(
    masked_FK: Tensor, proposal_FK: Tensor, p_max_FK: Tensor, attention_FKK: Tensor
) -> Tensor:
    """F, what the base decoder's proposal covers of the residual: sum_i max_j A_ij (1 - p*_i) p*_j, (F,).

    The products are those of the weights, in the same order: where the anchors are the proposal itself, f(S) equals F
    exactly, so that no rounding error decides when `cover` stops.
    """
    needed_FK = (1 - p_max_FK) * and_not(masked_FK, proposal_FK)
    offered_FK = p_max_FK * proposal_FK
    weights_FKK = (attention_FKK * needed_FK[..., None]).mul_(offered_FK[:, None, :])
    return weights_FKK.amax(2).sum(1)


def choose(support: Support, settings: AxonSettings) -> Tensor:
    """The greedy anchor set, (F, K) bool; never empty.

    As many rounds as any row may need: to ask the device whether one still does takes longer than a round.
    """
    policy, gain_of = policy_of(settings), OBJECTIVES[settings.objective]
    selection, cap_F = Selection.none(support), policy.cap(support)
    length, candidates = support.weights_FKK.shape[1:]
    most = policy.rounds(length, settings)
    if not isinstance(most, int):
        raise AssertionError(f"policy {settings.policy}: what rounds returns is {most!r:.80}; make it an int")
    rounds = min(max(most, settings.min_anchors), candidates)
    found: list[Round] = []
    for _ in range(rounds):
        if found:
            selection.add(support, found[-1].best_F1)
        gain_FK = gain_of(support, selection)
        score_FK = policy.score(support, selection, gain_FK, settings)
        check_answer(f"policy {settings.policy}: what score returns", score_FK, gain_FK.shape)
        found.append(Round(*selection.best(score_FK), gain_FK, score_FK, selection.covered_FK))
    first, *others = found
    chosen_FK = support.valid_FK.new_zeros(support.valid_FK.shape).scatter_(1, first.best_F1, True)
    if not others:
        return chosen_FK
    later = Rounds(others)
    done_FT, chosen_T = policy.stop(support, later), torch.arange(1, rounds, device=chosen_FK.device)
    check_answer(f"policy {settings.policy}: what stop returns", done_FT, later.top_FT.shape, kind="bool")
    if cap_F is not None:
        check_answer(f"policy {settings.policy}: what cap returns", cap_F, done_FT.shape[:1], kind="numbers")
        done_FT = done_FT | (cap_F[:, None] <= chosen_T)
    if settings.min_anchors > 1:
        done_FT = done_FT & (chosen_T >= settings.min_anchors)
    ended_FT = (done_FT | (later.top_FT == -inf)).cumsum(1) > 0
    # The first is chosen in any case, so that to choose it once more is to choose nothing.
    return chosen_FK.scatter_(1, torch.where(ended_FT, first.best_F1, later.best_FT), True)
