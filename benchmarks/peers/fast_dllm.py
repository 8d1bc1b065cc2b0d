"""Fast-dLLM's loop with a threshold, without a cache, with its prefix and with its dual cache.

Learnt from NVlabs/Fast-dLLM: llada/generate.py. Its own work: a softmax in float64 over all positions of a pass, those
after the block included; a loop over the masked positions of every row, each compared with the threshold by itself;
under the prefix cache an argmax that nothing reads. All rows of a batch are in the same block, until its last mask in
any row is gone. Left out: sampling, `factor`, callbacks; see also `Past`.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from benchmarks.peers.choice import likeliest
from benchmarks.peers.network import Decoded, Network, Past

FastCache = Literal["none", "prefix", "dual"]


@torch.no_grad()
def generate(
    network: Network,
    prompt_BP: Tensor,
    gen_length: int,
    block_length: int,
    threshold: float,
    cache: FastCache = "none",
) -> Decoded:
    """The first pass of a block is over the whole canvas; with a cache, later ones see what it left behind."""
    canvas_BL = network.canvas(prompt_BP, gen_length)
    length = prompt_BP.shape[1]
    for start in range(length, length + gen_length, block_length):
        end = start + block_length
        past = None if cache == "none" else Past()
        _reveal(canvas_BL, network(canvas_BL, past), end, threshold, network.mask_id)
        if past is not None:
            past.keeps = False
            if cache == "prefix":
                past.cut(start)
            else:
                past.window = slice(start, end)
        while (canvas_BL[:, start:end] == network.mask_id).sum() != 0:
            if past is None:
                _reveal(canvas_BL, network(canvas_BL), end, threshold, network.mask_id)
                continue
            part_BQ = canvas_BL[:, start:] if cache == "prefix" else canvas_BL[:, start:end]
            logits_BQV = network(part_BQ, past, first=start)
            if cache == "prefix":
                torch.argmax(logits_BQV, dim=-1)
            _reveal(part_BQ, logits_BQV, block_length, threshold, network.mask_id)
    return Decoded(canvas_BL[:, length:], network.calls)


def _reveal(tokens_BQ: Tensor, logits_BQV: Tensor, end: int, threshold: float, mask_id: int) -> None:
    """Writes the tokens that pass the threshold before column `end` into `tokens_BQ`; of each row at least one."""
    masked_BQ = tokens_BQ == mask_id
    masked_BQ[:, end:] = False
    likeliest_BQ, probability_BQ = likeliest(logits_BQV)
    likeliest_BQ = torch.where(masked_BQ, likeliest_BQ, tokens_BQ)
    confidence_BQ = torch.where(masked_BQ, probability_BQ, -torch.inf)
    chosen_BQ = torch.zeros_like(masked_BQ)
    count_B1 = masked_BQ.sum(dim=1, keepdim=True)
    for row, confidence_Q in enumerate(confidence_BQ):
        ranked = torch.topk(confidence_Q, k=int(count_B1[row])).indices
        chosen_BQ[row, ranked] = True
        for place in ranked[1:]:
            if confidence_Q[place] < threshold:
                chosen_BQ[row, place] = False
    tokens_BQ[chosen_BQ] = likeliest_BQ[chosen_BQ]
