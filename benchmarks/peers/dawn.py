"""DAWN's loop: what is sure, what sure context induces, and what is independent.

Learnt from lizhuo-luo/DAWN: llada/generate.py and llada/model/modeling_llada.py, and the copy in Jerryaa98/AXON:
llada/generate.py, llada/gdllm_utils.py. Its own work: whole attention maps of the last four layers beside the fused
kernel, softmax in float64 over all positions, edges between all pairs of positions, an independent set found one by
one. The fallback, and whether there is an independent set at all, is decided by the row of the batch that has least
(so a batch may decode otherwise than its rows). One fault is mended, without which tokens of the prompt change: the
search for independent positions ends when none is left. Left out: caches, sampling.

Shapes: B rows, L columns.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from benchmarks.peers.choice import likeliest
from benchmarks.peers.network import Decoded, Network

SURE = 0.9


@dataclass(frozen=True)
class DawnRule:
    """Which positions a step reveals. The thresholds are those of the paper."""

    tau_sink: float = 0.01
    tau_edge: float = 0.07
    tau_induce: float = 0.7
    tau_low: float = 0.7

    def choose(self, masked_BL: Tensor, probability_BL: Tensor, attention_BLL: Tensor, end: int) -> Tensor:
        """(B, L) bool. `end` is the end of the block: what lies behind it is no context."""
        sink_BL = attention_BLL.mean(dim=1) > self.tau_sink
        attention_BLL = attention_BLL.masked_fill(sink_BL[:, None, :], 0.0)
        attention_BLL.diagonal(dim1=1, dim2=2).zero_()
        pulls_BLL = (attention_BLL >= self.tau_edge).transpose(1, 2)  # [j, i]: i depends on j
        high_BL = torch.where(masked_BL, probability_BL, -torch.inf) >= SURE
        context_BL = ~masked_BL & (probability_BL >= SURE)
        context_BL[:, end:] = False
        dependent_BL = (pulls_BLL & context_BL[..., None]).any(dim=1) & masked_BL
        induced_BL = torch.where(dependent_BL, probability_BL, -torch.inf) >= self.tau_induce
        settled_BL = (pulls_BLL & induced_BL[..., None] & high_BL[..., None]).any(dim=1)
        free_BL = masked_BL & (probability_BL >= self.tau_low) & ~high_BL & ~induced_BL & ~settled_BL
        independent_BL = torch.zeros_like(masked_BL)
        if free_BL.sum(dim=-1).min().item() != 0:
            edges_BLL = free_BL[:, :, None] & free_BL[:, None, :] & pulls_BLL
            for row, edges_LL in enumerate(edges_BLL):
                confidence_L = torch.where(free_BL[row], probability_BL[row], -torch.inf)
                independent_BL[row, _independent(edges_LL, confidence_L, int(free_BL[row].sum()))] = True
        chosen_BL = high_BL | induced_BL | independent_BL
        if chosen_BL.sum(dim=-1).min().item() == 0:
            best_B1 = torch.where(masked_BL, probability_BL, -torch.inf).argmax(dim=1, keepdim=True)
            chosen_BL = chosen_BL | torch.zeros_like(chosen_BL).scatter_(1, best_B1, True)
        return chosen_BL


def _independent(edges_LL: Tensor, confidence_L: Tensor, count: int) -> list[int]:
    """Greedily by confidence; whoever conflicts with one that was taken drops out."""
    conflict_LL = edges_LL | edges_LL.T
    taken: list[int] = []
    while len(taken) < count:
        best = int(torch.argmax(confidence_L))
        if confidence_L[best] == -torch.inf:  # the fault that is mended: nobody is left, and the argmax is 0
            break
        taken.append(best)
        confidence_L[best] = -torch.inf
        confidence_L[conflict_LL[best].nonzero(as_tuple=True)[0].tolist()] = -torch.inf
    return taken


@torch.no_grad()
def generate(
    network: Network, prompt_BP: Tensor, gen_length: int, block_length: int, rule: DawnRule
) -> Decoded:
    """All rows are in the same block until its last mask in any row is gone."""
    canvas_BL = network.canvas(prompt_BP, gen_length)
    length = prompt_BP.shape[1]
    for end in range(length + block_length, length + gen_length + 1, block_length):
        while (canvas_BL[:, end - block_length : end] == network.mask_id).sum() != 0:
            masked_BL = canvas_BL == network.mask_id
            logits_BLV, attention_BLL = network.with_attention(canvas_BL)
            masked_BL[:, end:] = False
            tokens_BL, probability_BL = likeliest(logits_BLV)
            chosen_BL = rule.choose(masked_BL, probability_BL, attention_BLL, end)
            canvas_BL[chosen_BL] = tokens_BL[chosen_BL]
    return Decoded(canvas_BL[:, length:], network.calls)
