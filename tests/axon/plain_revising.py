"""Decoders that take tokens back, from their releases' loops, one row and one position at a time.

Facts: autonomousvision/mdpo: src/mdlm_generation_utils.py (`diffusion_generate` with `rcr`, kept to one block);
inclusionAI/dInfer: python/dinfer/decoding/parallel_strategy.py (`get_transfer_index_hierarchy_remask`).
No line is shared with axon/.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import torch

from tests.axon.plain_fast_dllm import Kept
from tests.axon.second import Tensors, forward


@dataclass
class Block:
    """A block in one of its steps. Places are those of the canvas."""

    open: set[int]  # masked, and may be revealed
    shown: set[int]  # revealed in earlier steps
    c: Sequence[float]
    best: Sequence[int]  # the token that the model would write
    entropy: Sequence[float]
    attention: Sequence[
        Sequence[float]
    ]  # whom each place attends to, the mean over heads and the chosen layers
    canvas: Sequence[int]
    step: int
    start: int  # its first place
    length: int
    running: dict[int, float] = field(default_factory=dict)  # kept from step to step
    left: float = 1.0  # the share of the whole answer that is masked

    def surest(self, places: set[int]) -> list[int]:
        return sorted(places, key=lambda place: (-self.c[place], place))


# What is revealed, masked again, and overwritten with the model's token.
Changes = tuple[set[int], set[int], set[int]]
Rule = Callable[[Block], Changes]


def rcr(steps: int) -> Rule:
    """Everything masked is filled in, then as many positions as later steps will fill are masked: the least certain."""

    def rule(block: Block) -> Changes:
        quotas = [block.length // steps + (step < block.length % steps) for step in range(steps)]
        block.running.update((place, block.c[place]) for place in block.open)
        known = block.open | block.shown
        left = max(0, len(known) - sum(quotas[: block.step + 1]))
        again = set(sorted(known, key=lambda place: (block.running[place], -place))[:left])
        return block.open - again, block.shown & again, set()

    return rule


def hierarchy(high: float, low: float, doubt: float) -> Rule:
    """The areas between what is certain are divided, and at least one more is chosen than is doubted."""

    def rule(block: Block) -> Changes:
        doubted = {place for place in block.shown if block.c[place] < doubt}
        areas = block.open | doubted
        chosen = {place for place in areas if block.c[place] > high}
        for _, run in groupby(sorted(areas), key=lambda place: place - sorted(areas).index(place)):
            lead = block.surest(set(run))[0]
            if block.c[lead] > low:
                chosen.add(lead)
        missing = len(doubted) + 1 - len(chosen)
        chosen |= set(block.surest(areas - chosen)[: max(0, missing)])
        rewritten = {place for place in doubted & chosen if block.best[place] != block.canvas[place]}
        return block.open & chosen, doubted - chosen, rewritten

    return rule


@dataclass(frozen=True)
class Plain:
    """A checkpoint and how it decodes."""

    config: Mapping[str, Any]
    tensors: Tensors
    gen_length: int
    block_length: int
    cache: str = "none"
    absolute: bool = False
    block_causal: bool = False
    last_layers: int = 4  # that attention is the mean over

    def decode(
        self, prompt: list[int], rule: Rule, anchors: Mapping[int, set[int]]
    ) -> tuple[list[int], list[tuple[int, int, int, str]]]:
        """The answer, and its events: step, position of the answer, token, kind. `anchors`: what AXON chose instead of
        the rule's reveals in some steps, positions of the answer."""
        mask, shift = self.config["mask_token_id"], self.config.get("model_type") == "Dream"
        first = len(prompt) // self.block_length * self.block_length if self.absolute else len(prompt)
        size = -(-(len(prompt) + self.gen_length - first) // self.block_length) * self.block_length
        canvas = prompt + [mask] * (first + size - len(prompt))
        events: list[tuple[int, int, int, str]] = []
        step = 0
        for start in range(first, len(canvas), self.block_length):
            places = set(range(max(start, len(prompt)), start + self.block_length))
            looked = self._passes(canvas, first, start, shift)
            running: dict[int, float] = {}
            for within, seen in enumerate(looked):
                open_now = {place for place in places if canvas[place] == mask}
                shown = places - open_now
                if shift and self.cache in ("prefix", "dual") and not within:
                    open_now &= {start}
                left = canvas[len(prompt) :].count(mask) / (len(canvas) - len(prompt))
                block = Block(open_now, shown, *seen, canvas, within, start, self.block_length, running, left)
                reveal, remask, replace = rule(block)
                reveal = reveal or {block.surest(open_now)[0]}
                if step in anchors:
                    reveal = {len(prompt) + position for position in anchors[step]}
                kinds = dict.fromkeys(reveal, "reveal") | dict.fromkeys(remask, "remask")
                kinds |= dict.fromkeys(replace, "replace")
                for place, kind in sorted(kinds.items()):
                    canvas[place] = mask if kind == "remask" else block.best[place]
                    events.append((step, place - len(prompt), canvas[place], kind))
                step += 1
                if mask not in (canvas[place] for place in places):
                    break
        return canvas[len(prompt) :], events

    def _passes(
        self, canvas: list[int], first: int, start: int, shift: bool
    ) -> Iterator[tuple[list[float], list[int], list[float], list[list[float]]]]:
        """Passes over the canvas as it is by then: each place's c, likeliest token, entropy and attention."""
        end = len(canvas) if self.cache == "prefix" else start + self.block_length
        layers = self.config["n_layers" if "d_model" in self.config else "num_hidden_layers"]
        kept = {"replaced": Kept(slice(start, end))} if self.cache in ("prefix", "dual") else {}
        allowed = before = None
        if self.block_causal:
            begins = 0 if self.absolute else first  # an aligned prompt is one block
            of = torch.tensor(
                [max(-1, (place - begins) // self.block_length) for place in range(len(canvas))]
            )
            allowed = of[None] <= of[:, None]
        while True:
            maps = dict.fromkeys(range(layers - self.last_layers, layers), torch.empty(0))
            ids = torch.tensor([canvas])
            logits = forward(self.config, self.tensors, ids, allowed, maps=maps, **kept)[0].double()
            if shift:
                if kept:  # the state that a block's first position is predicted from lies before it
                    before = logits[start - 1] if before is None else before
                    logits[start - 1] = before
                logits = torch.cat([logits[:1], logits[:-1]])
            beliefs = logits.softmax(1)
            entropy = -beliefs.xlogy(beliefs).sum(1)
            beliefs[:, self.config["mask_token_id"]] = 0  # which is no answer
            c, best = beliefs.max(1)
            attention_WW = torch.cat(list(maps.values())).mean((0, 1))
            yield c.tolist(), best.tolist(), entropy.tolist(), attention_WW.tolist()
