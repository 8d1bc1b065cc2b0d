"""LLaDA's own loop: fixed steps, low-confidence remasking.

Learnt from ML-GSAI/LLaDA: generate.py. Its own work: a softmax in float64 over all positions, a top-k for each row.
Left out: guidance (cfg_scale 0), random remasking, padding; and what an earlier version did at temperature 0, too,
noise in float64 over all logits, which made a pass more than twice as long.
"""

from __future__ import annotations

import torch
from torch import Tensor

from benchmarks.peers.choice import evenly, likeliest
from benchmarks.peers.network import Decoded, Network


@torch.no_grad()
def generate(network: Network, prompt_BP: Tensor, gen_length: int, block_length: int, steps: int) -> Decoded:
    """`steps` in all, the same number in every block."""
    canvas_BL = network.canvas(prompt_BP, gen_length)
    length = prompt_BP.shape[1]
    for start in range(length, length + gen_length, block_length):
        for count in evenly(block_length, steps * block_length // gen_length):
            masked_BL = canvas_BL == network.mask_id
            tokens_BL, confidence_BL = likeliest(network(canvas_BL))
            confidence_BL[:, start + block_length :] = -torch.inf
            confidence_BL = torch.where(masked_BL, confidence_BL, -torch.inf)
            chosen_BL = torch.zeros_like(masked_BL)
            for row, confidence_L in enumerate(confidence_BL):
                chosen_BL[row, torch.topk(confidence_L, k=count).indices] = True
            canvas_BL[chosen_BL] = torch.where(masked_BL, tokens_BL, canvas_BL)[chosen_BL]
    return Decoded(canvas_BL[:, length:], network.calls)
