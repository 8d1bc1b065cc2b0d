"""AXON's release for LLaDA over DAWN or a threshold: gate `coverage_gap`, one anchor, in the first step of a block.

Learnt from Jerryaa98/AXON: llada/generate.py, llada/gdllm_utils.py. Its own work: attention maps in every pass, though
only the first of a block can use them; the block's softmax anew for the gate, and the whole canvas's anew for the
anchors; tensors of positions made for every row. Its gate adds up the rows of a batch, so that one decides for all.
Left out: the other gates and selectors, profiles, the checks that its published settings switch off.

Shapes: B rows, L columns, K block length.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from benchmarks.peers.choice import by_threshold, likeliest
from benchmarks.peers.dawn import DawnRule
from benchmarks.peers.network import Decoded, Network

CANDIDATES = 32


@dataclass(frozen=True)
class Base:
    """The decoder that proposes: DAWN by its rule, or all positions above a threshold."""

    rule: DawnRule | None = None
    threshold: float = 0.9

    def propose(
        self, logits_BLV: Tensor, masked_BL: Tensor, attention_BLL: Tensor, end: int
    ) -> tuple[Tensor, Tensor]:
        """Tokens and which of them to reveal, (B, L) each."""
        tokens_BL, probability_BL = likeliest(logits_BLV)
        if self.rule is not None:
            return tokens_BL, self.rule.choose(masked_BL, probability_BL, attention_BLL, end)
        return tokens_BL, by_threshold(masked_BL, probability_BL, self.threshold)


@torch.no_grad()
def generate(
    network: Network,
    prompt_BP: Tensor,
    gen_length: int,
    block_length: int,
    base: Base,
    tau_sink: float,
) -> Decoded:
    """The gate is asked in the first step of each block."""
    canvas_BL = network.canvas(prompt_BP, gen_length)
    length = prompt_BP.shape[1]
    for start in range(length, length + gen_length, block_length):
        end, first = start + block_length, True
        while (canvas_BL[:, start:end] == network.mask_id).sum() != 0:
            masked_BL = canvas_BL == network.mask_id
            logits_BLV, attention_BLL = network.with_attention(canvas_BL)
            masked_BL[:, end:] = False
            tokens_BL, chosen_BL = base.propose(logits_BLV, masked_BL, attention_BLL, end)
            if first and _gap(logits_BLV[:, start:end], masked_BL, chosen_BL, attention_BLL, start, end):
                tokens_BL, probability_BL = likeliest(logits_BLV)
                chosen_BL = _anchors(masked_BL, probability_BL, attention_BLL, tau_sink)
            canvas_BL[chosen_BL] = tokens_BL[chosen_BL]
            first = False
    return Decoded(canvas_BL[:, length:], network.calls)


def _gap(
    logits_BKV: Tensor, masked_BL: Tensor, chosen_BL: Tensor, attention_BLL: Tensor, start: int, end: int
) -> bool:
    """Whether the batch's proposals are attended to less than their size, or than the doubt they leave, asks for."""
    masked_BK = masked_BL[:, start:end]
    proposed_BK = chosen_BL[:, start:end] & masked_BK
    progress = int(proposed_BK.sum()) / max(1, int(masked_BK.sum()))
    probability_BK = torch.softmax(logits_BKV.to(torch.float64), dim=-1).max(dim=-1).values
    left_BK = masked_BK & ~proposed_BK
    if int(left_BK.sum()) == 0:
        return progress > 1.0
    certainty = float(probability_BK[left_BK].mean())
    shares = []
    for row, left_K in enumerate(left_BK):
        left = torch.nonzero(left_K).flatten() + start
        proposed = torch.nonzero(proposed_BK[row]).flatten() + start
        if len(left) == 0 or len(proposed) == 0:
            shares.append(float(len(left) == 0))
            continue
        inside = torch.arange(start, end, device=left.device)
        attention = attention_BLL[row].index_select(0, left)
        paid = attention.index_select(1, proposed).sum(dim=1)
        share = paid / (attention.index_select(1, inside).sum(dim=1) + 1e-8)
        shares.append(float(share.clamp(0.0, 1.0).mean()))
    covered = sum(shares) / len(shares)
    return covered < progress or covered < 1.0 - certainty


def _anchors(masked_BL: Tensor, probability_BL: Tensor, attention_BLL: Tensor, tau_sink: float) -> Tensor:
    """Of each row the candidate that supports the uncertain positions most, (B, L) bool."""
    sink_BL = attention_BLL.mean(dim=1) > tau_sink
    chosen_BL = torch.zeros_like(masked_BL)
    for row, masked_L in enumerate(masked_BL):
        masked = torch.nonzero(masked_L).flatten()
        if len(masked) == 0:
            continue
        certainty = probability_BL[row].index_select(0, masked)
        candidates = masked.index_select(0, torch.topk(certainty, k=min(CANDIDATES, len(masked))).indices)
        offered = probability_BL[row].index_select(0, candidates).float()
        weights = attention_BLL[row].index_select(0, masked).index_select(1, candidates).float().clone()
        sinks = sink_BL[row].index_select(0, candidates)
        if sinks.any():
            weights[:, sinks] = 0.0
        weights.masked_fill_(masked[:, None] == candidates[None, :], 0.0)
        weights = weights * (1.0 - certainty.float()).clamp_min(0.0)[:, None] * offered[None, :]
        gain = weights.sum(dim=0)
        best = torch.argmax(gain + 1e-6 * offered)
        if float(gain[best]) <= 0.0:
            best = torch.argmax(offered)
        chosen_BL[row, candidates[best]] = True
    return chosen_BL
