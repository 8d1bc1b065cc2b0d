"""Fast-dLLM's caches from their definition, one row at a time: whole passes in which old keys and values are put back.

Facts: NVlabs/Fast-dLLM: llada/generate.py (generate_with_prefix_cache, generate_with_dual_cache) and
dream/model/generation_utils_block.py, where a block's first pass reveals the block's first position and no other.
No line is shared with axon/. Shapes: W canvas width, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from tests.axon.second import Tensors, forward

# Confidences and numbers of the masked positions of the block, the most confident first, and the step within it
# -> how many of them are revealed.
HowMany = Callable[[list[float], int], int]


def plain_decode(
    config: Mapping[str, Any],
    tensors: Tensors,
    prompt: list[int],
    cache: str,
    gen_length: int,
    block_length: int,
    how_many: HowMany,
    stops_at: int | None,
) -> tuple[list[int], list[int]]:
    """The generated tokens, and the step that revealed each (-1: the text was over before)."""
    mask, shift = config["mask_token_id"], "d_model" not in config
    canvas, revealed_at, step = prompt + [mask] * gen_length, [-1] * gen_length, 0
    for start in range(len(prompt), len(canvas), block_length):
        end = start + block_length
        kept = Kept(slice(start, len(canvas) if cache == "prefix" else end))
        within = 0
        while mask in canvas[start:end]:
            logits = forward(config, tensors, torch.tensor([canvas]), None, kept)[0].double()
            if shift:
                logits = torch.cat([logits[:1], logits[:-1]])
            beliefs = logits.softmax(1)
            beliefs[:, mask] = 0  # which is no answer
            confidence, token = (found.tolist() for found in beliefs.max(1))
            masked = [place for place in range(start, end) if canvas[place] == mask]
            masked.sort(key=lambda place: -confidence[place])
            count = how_many([confidence[place] for place in masked], within)
            for place in [start] if shift and not within else masked[: max(1, count)]:
                canvas[place], revealed_at[place - len(prompt)] = token[place], step
            step, within = step + 1, within + 1
            answer = canvas[len(prompt) :]
            if stops_at in answer and mask not in answer[: answer.index(stops_at)]:
                return [stops_at if token == mask else token for token in answer], revealed_at
    return canvas[len(prompt) :], revealed_at


class Kept:
    """Keys and values of a block's first pass; those of the columns `fresh` are replaced in every later one."""

    def __init__(self, fresh: slice) -> None:
        self._fresh = fresh
        self._of_layer: dict[int, tuple[Tensor, Tensor]] = {}

    def __call__(self, layer: int, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        if layer not in self._of_layer:
            self._of_layer[layer] = k.clone(), v.clone()
        for old, new in zip(self._of_layer[layer], (k, v), strict=True):
            old[:, :, self._fresh] = new[:, :, self._fresh]
        return self._of_layer[layer]
