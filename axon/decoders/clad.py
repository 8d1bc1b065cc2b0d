"""CLAD (arXiv 2605.29607): confident neighbours are one cluster, and of clusters that depend on each other one waits.

docs/method.md, section 2. Shapes: B rows, K block length, C clusters that a block has room for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from axon.checks import check_range
from axon.decoders.base import Decoder
from axon.elementwise import and_not
from axon.proposal import Proposal

if TYPE_CHECKING:
    from torch import Tensor

    from axon.state import StepState

PAIR = 1.2  # in K-ths of a position's attention: from where on two clusters are in conflict where there are no more


@dataclass(frozen=True, kw_only=True)
class Clad(Decoder):
    """All with c >= `threshold`, in clusters of neighbours; of two clusters in conflict only the larger one."""

    needs_attention: ClassVar[bool] = True

    name: Literal["clad"] = "clad"
    threshold: float = 0.7

    def __post_init__(self) -> None:
        check_range("decoder.threshold", self.threshold, 0.0, 1.0)

    def propose(self, state: StepState) -> Proposal:
        sure_BK = state.masked_BK & (state.confidence_BK >= self.threshold)
        reveal_BK = and_not(sure_BK, in_yielding_clusters(sure_BK, state.attention()))
        state.counts.add_held(sure_BK, reveal_BK)
        return Proposal(reveal_BK)


def in_yielding_clusters(sure_BK: Tensor, attention_BKK: Tensor) -> Tensor:
    """Which of the positions `sure_BK` are in a cluster that yields to another one, (B, K) bool.

    In conflict are two clusters that depend on each other more than on any third, or that are the only ones. The
    smaller one yields, of equals the right one.
    """
    import torch  # here, so that settings can be checked without torch

    length = sure_BK.shape[1]
    places_C = torch.arange((length + 1) // 2, device=sure_BK.device)
    cluster_BK = cluster_numbers(sure_BK)
    member_BKC = (cluster_BK[..., None] == places_C) & sure_BK[..., None]
    size_BC = member_BKC.sum(1)
    count_B1 = (size_BC > 0).sum(1, keepdim=True)
    highest_BC, closest_BC = dependence(attention_BKK, cluster_BK, member_BKC).max(2)
    mutual_BC = (closest_BC.gather(1, closest_BC) == places_C) & (count_B1 > 1)
    conflict_BC = mutual_BC & ((count_B1 > 2) | (highest_BC >= PAIR / length))
    other_BC = size_BC.gather(1, closest_BC)
    yields_BC = conflict_BC & ((size_BC < other_BC) | (size_BC == other_BC) & (closest_BC < places_C))
    return yields_BC.gather(1, cluster_BK) & sure_BK


def cluster_numbers(sure_BK: Tensor) -> Tensor:
    """Which run of neighbours each position of `sure_BK` is in, from 0 on, (B, K); of others it says nothing."""
    begins_BK = sure_BK.clone()
    begins_BK[:, 1:] &= ~sure_BK[:, :-1]
    return (begins_BK.long().cumsum(1) - 1).clamp(min=0)


def dependence(attention_BKK: Tensor, cluster_BK: Tensor, member_BKC: Tensor) -> Tensor:
    """How much two clusters depend on each other, (B, C, C) float64; minus infinity with itself and with empty ones.

    Attention between two positions is that of the one which attends more. The mean over one cluster's positions, at
    the position of the other where it is highest, in the direction in which it is higher.
    """
    import torch  # here, so that settings can be checked without torch

    # In float64, where sums of a few float32 values are the same in every order.
    between_BKK = torch.maximum(attention_BKK, attention_BKK.transpose(1, 2)).double()
    size_B1C = member_BKC.sum(1, keepdim=True)
    mean_BKC = between_BKK @ member_BKC.double() / size_B1C.clamp(min=1)
    mean_BKC = mean_BKC.where(member_BKC.any(2, keepdim=True), -torch.inf)
    count, _, room = member_BKC.shape
    highest_BCC = mean_BKC.new_full((count, room, room), -torch.inf)
    highest_BCC = highest_BCC.scatter_reduce(1, cluster_BK[..., None].expand_as(mean_BKC), mean_BKC, "amax")
    highest_BCC = torch.maximum(highest_BCC, highest_BCC.transpose(1, 2))
    apart_CC = ~torch.eye(room, dtype=torch.bool, device=mean_BKC.device)
    both_BCC = (size_B1C > 0) & (size_B1C > 0).transpose(1, 2) & apart_CC
    return highest_BCC.where(both_BCC, -torch.inf)
