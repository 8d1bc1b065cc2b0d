"""Which positions AXON reveals: the anchor problem of a block, solved greedily. docs/method.md, section 3.

Shapes: F rows in which the gate fired, K block length, C candidates in rank order (most confident first).
"""

from __future__ import annotations

import torch
from torch import Tensor

from axon.policies import OBJECTIVES, POLICIES, Selection, Support
from axon.settings import AxonSettings

TIE_BREAK = 1e-6  # weight of a candidate's confidence between equal scores


def support_of(
    masked_FK: Tensor,
    proposal_FK: Tensor,
    confidence_FK: Tensor,
    p_max_FK: Tensor,
    attention_FKK: Tensor,
    sink_FK: Tensor,
    settings: AxonSettings,
) -> tuple[Support, Tensor]:
    """The anchor problem of each row, and the block position (F, C) of each candidate in rank order.

    attention_FKK is A among the block's positions as it is; sink_FK marks the columns to leave out as sinks.
    """
    length = masked_FK.shape[1]
    masked_F = masked_FK.sum(1)
    order_FC = torch.where(masked_FK, confidence_FK, -torch.inf).argsort(dim=1, descending=True, stable=True)
    order_FC = order_FC[:, : settings.max_candidates]
    count_F = (settings.candidate_ratio * masked_F).long()  # rounded down
    count_F = torch.minimum(count_F.clamp(settings.min_candidates, settings.max_candidates), masked_F)
    valid_FC = torch.arange(order_FC.shape[1], device=masked_FK.device) < count_F[:, None]

    confidence_FC = confidence_FK.gather(1, order_FC)
    uncertainty_FK = (1 - confidence_FK).clamp(min=0)
    needy_FK = masked_FK & (uncertainty_FK >= settings.uncertainty_threshold)
    clean_FKK = attention_FKK.double().masked_fill(sink_FK[:, None, :], 0.0)
    clean_FKK.diagonal(dim1=1, dim2=2).zero_()
    clean_FKC = clean_FKK.gather(2, order_FC[:, None, :].expand(-1, length, -1))
    wanted_FK = torch.where(needy_FK, uncertainty_FK, 0.0)
    weights_FKC = clean_FKC * wanted_FK[..., None] * torch.where(valid_FC, confidence_FC, 0.0)[:, None, :]

    def conflict() -> Tensor:
        among_FCC = clean_FKC.gather(1, order_FC[..., None].expand(-1, -1, order_FC.shape[1]))
        risk_FC = 1 - confidence_FC
        return 0.5 * (among_FCC + among_FCC.transpose(1, 2)) * risk_FC[..., None] * risk_FC[:, None, :]

    support = Support(
        weights_FKC=weights_FKC,
        confidence_FC=confidence_FC,
        valid_FC=valid_FC,
        masked_F=masked_F,
        proposed_F=proposal_FK.sum(1),
        target=lambda: target_coverage(masked_FK, proposal_FK, p_max_FK, attention_FKK),
        conflict=conflict,
    )
    return support, order_FC


def target_coverage(
    masked_FK: Tensor, proposal_FK: Tensor, p_max_FK: Tensor, attention_FKK: Tensor
) -> Tensor:
    """F, what the base decoder's proposal covers of the residual: sum_i max_j A_ij (1 - p*_i) p*_j, (F,).

    The products are those of the weights, in the same order: where the anchors are the proposal itself, f(S) equals F
    exactly, so that no rounding error decides when `cover` stops.
    """
    needed_FK = torch.where(masked_FK & ~proposal_FK, 1 - p_max_FK, 0.0)
    offered_FK = torch.where(proposal_FK, p_max_FK, 0.0)
    weights_FKK = attention_FKK.double() * needed_FK[..., None] * offered_FK[:, None, :]
    return weights_FKK.amax(2).sum(1)


def choose(support: Support, settings: AxonSettings) -> Tensor:
    """The greedy anchor set, (F, C) bool; never empty.

    As many rounds as any row may need: to ask the device whether one still does takes longer than a round.
    """
    policy, gain_of = POLICIES[settings.policy], OBJECTIVES[settings.objective]
    valid_FC = support.valid_FC
    selection = Selection(chosen_FC=torch.zeros_like(valid_FC))
    cap_F = torch.minimum(policy.cap(support, settings).clamp(min=settings.min_anchors), valid_FC.sum(1))
    open_F = torch.ones_like(valid_FC[:, 0])
    length, candidates = support.weights_FKC.shape[1:]
    rounds = min(max(policy.rounds(length, settings), settings.min_anchors), candidates)
    for count in range(rounds):
        gain_FC = gain_of(support, selection)
        score_FC = policy.score(support, selection, gain_FC, settings)
        ranked_FC = torch.where(
            valid_FC & ~selection.chosen_FC, score_FC + TIE_BREAK * support.confidence_FC, -torch.inf
        )
        best_F1 = ranked_FC.argmax(1, keepdim=True)  # the first, so the best rank, on a tie
        open_F = open_F & (cap_F > count) & (ranked_FC.gather(1, best_F1)[:, 0] > -torch.inf)
        if count >= settings.min_anchors:
            gain_F, score_F = gain_FC.gather(1, best_F1)[:, 0], score_FC.gather(1, best_F1)[:, 0]
            open_F = open_F & ~policy.stop(support, selection, gain_F, score_F)
        selection.add(support, best_F1, open_F, last=count + 1 == rounds)
    return selection.chosen_FC
