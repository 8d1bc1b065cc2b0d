"""WINO from its definition, one row at a time, on one canvas of prompt, answer and shadow block under one mask.

Facts: Feng-Hong/WINO-DLLM: LLaDA/decoding.py (decoding_wino). It has no block-causal model: there the mask is the
model's own, and a shadow sees what its block sees. No line is shared with axon/.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from tests.axon.second import Tensors, forward

# A step's number and the positions that WINO would reveal in it -> those that are revealed, as AXON may choose others.
Overrule = Callable[[int, list[int]], list[int]]
Step = tuple[list[int], list[int]]  # positions of the answer: revealed, masked again


def sight(width: int, start: int, length: int, causal_from: int | None) -> tuple[Tensor, Tensor]:
    """The places of canvas and shadow, and whom each of them sees, bool.

    `causal_from`: where the first block of a block-causal model begins.
    """
    places = torch.cat([torch.arange(width), torch.arange(start, start + length)])
    sees = torch.ones(width + length, width + length, dtype=torch.bool)
    if causal_from is not None:
        block = ((places - causal_from) // length).clamp(min=-1)
        sees = block[None] <= block[:, None]
    sees[:width, width:] = False
    for own in range(length):
        sees[width + own, start + own] = False
    return places, sees


def plain_wino(
    config: Mapping[str, Any],
    tensors: Tensors,
    prompt: list[int],
    lengths: tuple[int, int],
    thresholds: tuple[float, float],
    overrule: Overrule = lambda step, positions: positions,
) -> tuple[list[int], list[Step]]:
    """The answer, and what each step has done; of a whole answer's length and a block's."""
    mask, causal, first = config["mask_token_id"], "d_model" not in config, len(prompt)
    text, steps = prompt + [mask] * lengths[0], list[Step]()
    for start in range(first, len(text), lengths[1]):
        block = range(start, start + lengths[1])
        places, sees = sight(len(text), start, lengths[1], first if causal else None)
        accepted = 30
        while masked := [place for place in block if text[place] == mask]:
            canvas = torch.tensor([text + [mask] * lengths[1]])
            chances = forward(config, tensors, canvas, sees, places_W=places)[0].double().softmax(1)
            c, token = (found.tolist() for found in chances[:, :mask].max(1))
            assert mask == chances.shape[1] - 1, "no choice of the likeliest"
            by_c = sorted(masked, key=lambda place: -c[place])
            sure = [place for place in by_c if c[place] > thresholds[0]] or by_c[:1]
            proposed = sure[: min(max(int(len(masked) * 0.7), 5), 20)]
            again: list[int] = []
            if len(proposed) > 1:
                back = {
                    place: float(chances[len(text) + place - start, text[place]])
                    for place in set(block) - set(masked)
                }
                again = [place for place in back if back[place] < thresholds[1]]
                if len(again) >= accepted:
                    again = sorted(again, key=back.__getitem__)[: accepted - 1]
            revealed = overrule(len(steps), sorted(place - first for place in proposed))
            for place in revealed:
                text[first + place] = token[first + place]
            for place in again:
                text[place] = mask
            accepted = len(revealed)
            steps.append((revealed, sorted(place - first for place in again)))
    return text[first:], steps
