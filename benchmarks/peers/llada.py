"""LLaDA's own loop: fixed steps, low-confidence remasking.

Learnt from ML-GSAI/LLaDA: generate.py. Its own work: at every temperature, 0 too, logits go through float64 noise and
an exponential before the argmax; then a softmax in float64, over all positions; a top-k for each row. Left out:
guidance (cfg_scale 0) and random remasking.
"""

from __future__ import annotations

import torch
from torch import Tensor

from benchmarks.peers.choice import evenly
from benchmarks.peers.network import Decoded, Network


@torch.no_grad()
def generate(network: Network, prompt_BP: Tensor, gen_length: int, block_length: int, steps: int) -> Decoded:
    """`steps` in all, the same number in every block."""
    canvas_BL = network.canvas(prompt_BP, gen_length)
    length = prompt_BP.shape[1]
    for start in range(length, length + gen_length, block_length):
        for count in evenly(block_length, steps * block_length // gen_length):
            masked_BL = canvas_BL == network.mask_id
            logits_BLV = network(canvas_BL)
            tokens_BL = torch.argmax(_with_noise(logits_BLV, temperature=0.0), dim=-1)
            probability = torch.softmax(logits_BLV.to(torch.float64), dim=-1)
            confidence_BL = torch.gather(probability, -1, tokens_BL[..., None]).squeeze(-1)
            confidence_BL[:, start + block_length :] = -torch.inf
            confidence_BL = torch.where(masked_BL, confidence_BL, -torch.inf)
            chosen_BL = torch.zeros_like(masked_BL)
            for row, confidence_L in enumerate(confidence_BL):
                chosen_BL[row, torch.topk(confidence_L, k=count).indices] = True
            canvas_BL[chosen_BL] = torch.where(masked_BL, tokens_BL, canvas_BL)[chosen_BL]
    return Decoded(canvas_BL[:, length:], network.calls)


def _with_noise(logits: Tensor, temperature: float) -> Tensor:
    """The Gumbel-max trick in float64; at temperature 0 the noise is 1, but is drawn all the same."""
    logits = logits.to(torch.float64)
    noise = (-torch.log(torch.rand_like(logits))) ** temperature
    return logits.exp() / noise
