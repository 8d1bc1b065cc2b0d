"""SDAR's loop with its block cache: the prompt once, then block by block, `sequential`, one token a step.

Learnt from JetAstra/SDAR: generate.py. Its own work: at every position of the block, masked or not, a softmax and a
draw over the vocabulary, all but the likeliest token filtered out (top_k 1, which makes it greedy); one row at a time;
a finished block passed through once more to store it, the last one, too. Left out: its strategies by confidence (with
top_k 1 every confidence is 1 there), ends of the text. Blocks lie at multiples of their length.

Shapes: L columns, K block length.
"""

from __future__ import annotations

import torch
from torch import Tensor

from benchmarks.peers.network import Decoded, Network, Past


@torch.no_grad()
def generate(network: Network, prompt_1P: Tensor, gen_length: int, block_length: int) -> Decoded:
    """One prompt. The canvas is rounded up to whole blocks, and what fills the last one is decoded."""
    length = prompt_1P.shape[1]
    total = -(-(length + gen_length) // block_length) * block_length
    canvas_1L = network.canvas(prompt_1P, total - length)
    block_L = torch.arange(total, device=canvas_1L.device) // block_length
    bias_LL = torch.zeros(total, total, dtype=network.dtype, device=canvas_1L.device)
    bias_LL.masked_fill_(block_L[None, :] > block_L[:, None], torch.finfo(bias_LL.dtype).min)
    past, prefill = Past(), length // block_length * block_length
    if prefill:
        network(canvas_1L[:, :prefill], past, mask=bias_LL[None, None, :prefill, :prefill])
    for start in range(prefill, total, block_length):
        end = start + block_length
        mask = bias_LL[None, None, start:end, :end]
        block_1K = canvas_1L[:, start:end].clone()
        while (masked_1K := block_1K == network.mask_id).sum() != 0:
            past.keeps = False
            tokens_1K = _sample(network(block_1K, past, start, mask))
            place = int(masked_1K[0].nonzero(as_tuple=True)[0].min())
            block_1K[0, place] = tokens_1K[0, place]
        past.keeps = True
        network(block_1K, past, start, mask)
        canvas_1L[:, start:end] = block_1K
    return Decoded(canvas_1L[:, length:], network.calls)


def _sample(logits_1KV: Tensor, top_k: int = 1) -> Tensor:
    """A token for every position of the block, (1, K)."""
    logits_KV = logits_1KV[0]
    least_K1 = torch.topk(logits_KV, top_k).values[..., -1, None]
    logits_KV = torch.where(logits_KV < least_K1, torch.full_like(logits_KV, -torch.inf), logits_KV)
    probability_KV = torch.softmax(logits_KV, dim=-1)
    token_K1 = torch.multinomial(probability_KV, num_samples=1)
    torch.gather(probability_KV, -1, token_K1)
    return token_K1.T
