"""LoPA from its definition, one row at a time: each branch is a canvas of its own, passed over the network by itself.

Facts: zhijie-group/LoPA: scale_diffucoder_d2f/model.py (`_generate_enhanced_speculative`, `evaluate_branch_confidence`
with branch_topp 1 and selection_conf_alpha 0), kept to one block after the other. No line is shared with axon/.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from statistics import fmean
from typing import Any

import torch

from tests.axon.second import Tensors, forward

# A step's number and the positions that the rule would reveal in it -> those that are, as AXON may choose others.
Overrule = Callable[[int, list[int]], list[int]]
Step = tuple[
    list[int], list[int]
]  # positions of the answer: a guess that was kept, and those revealed by the rule


def beliefs(
    config: Mapping[str, Any], tensors: Tensors, text: list[int], sees: Any
) -> tuple[list[float], list[int]]:
    """Of each position c and the likeliest token, predicted in place or from the position before."""
    mask, shift = config["mask_token_id"], "d_model" not in config and config["model_type"] == "Dream"
    chances = forward(config, tensors, torch.tensor([text]), sees)[0].double().softmax(1)
    chances[:, mask] = 0
    c, token = (found.tolist() for found in chances.max(1))
    return ([c[0], *c[:-1]], [token[0], *token[:-1]]) if shift else (c, token)


def plain_lopa(
    config: Mapping[str, Any],
    tensors: Tensors,
    prompt: list[int],
    lengths: tuple[int, int],
    threshold: float,
    branches: int,
    block_causal: bool,
    overrule: Overrule = lambda step, positions: positions,
) -> tuple[list[int], list[Step]]:
    """The answer, and what each step has done; of a whole answer's length and a block's."""
    mask, first = config["mask_token_id"], len(prompt)
    text, steps = prompt + [mask] * lengths[0], list[Step]()
    sees = None
    if block_causal:
        block_of = ((torch.arange(len(text)) - first) // lengths[1]).clamp(min=-1)
        sees = block_of[None] <= block_of[:, None]
    for start in range(first, len(text), lengths[1]):
        block, guesses = range(start, start + lengths[1]), list[tuple[int, int]]()
        while mask in (text[place] for place in block):
            looked = []
            for guess in [*guesses, None]:
                branch = list(text)
                if guess is not None:
                    branch[guess[0]] = guess[1]
                c, token = beliefs(config, tensors, branch, sees)
                masked = [place for place in block if branch[place] == mask]
                looked.append((fmean(c[place] for place in masked), branch, c, token, masked, guess))
            _, text, c, token, masked, kept = max(looked, key=lambda one: one[0])  # of equals the first
            sure = [place for place in masked if c[place] >= threshold] or [max(masked, key=lambda i: c[i])]
            if branches > 1 and len(masked) == len(sure) + 1:
                sure = masked  # a branch without a mask has confidence 1, above any other
            revealed = [first + place for place in overrule(len(steps), [place - first for place in sure])]
            for place in revealed:
                text[place] = token[place]
            left = sorted(set(masked) - set(revealed), key=lambda i: (-c[i], i))
            guesses = [(place, token[place]) for place in left[: branches - 1]] if len(left) > 1 else []
            ahead = [] if kept is None else [kept[0] - first]
            steps.append((ahead, sorted(place - first for place in revealed)))
    return text[first:], steps
