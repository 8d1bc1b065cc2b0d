"""LLaDA2.1's decoding, written as its release's loop over a plain network, beside what a decode does step by step."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from axon import AxonSettings, Confidence, DecodeSettings, FixedSteps, JointThreshold, Trace, decode
from axon.laws.rows import blocks_of, check_rows
from tests.axon import second
from tests.axon.plain_fast_dllm import Kept
from tests.axon.test_frozen_passes import golden
from tests.axon.test_golden import GOLDEN
from tests.axon.test_laws import MIXED
from tests.axon.toy_model import toy_model

GEN, BLOCK = 16, 8
OFF = AxonSettings(gate="never")
ANCHORED = AxonSettings(gate="always", attention_layers="all", tau_sink="3x", max_anchor_steps=2)
RULES = [
    JointThreshold(threshold=0.3, editing_threshold=0.9, max_post_steps=8),
    JointThreshold(threshold=0.5, editing_threshold=0.0, max_post_steps=5),
    JointThreshold(threshold=0.2, editing_threshold=0.8, max_post_steps=1),
    JointThreshold(threshold=0.6, editing_threshold=0.4, max_post_steps=0),
]


@dataclass
class Plain:
    """One row: a network from its formulas, and the loop of the release around it, with AXON if asked."""

    config: dict[str, Any]
    tensors: dict[str, Tensor]
    settings: DecodeSettings
    met: Counter[str] = field(default_factory=Counter)

    def decode(self, prompt: list[int]) -> list[set[tuple[int, int, str]]]:
        """Of each call of the network the changes: position, token, kind."""
        rule, mask, size = self.settings.decoder, self.config["mask_token_id"], BLOCK
        assert isinstance(rule, JointThreshold)
        blocks, steps = blocks_of(prompt, self.settings), list[set[tuple[int, int, str]]]()
        x = prompt + [mask] * (blocks.canvas - len(prompt))
        for first in range(blocks.prefix, blocks.canvas, size):
            block, post, axon_left, kept = range(first, first + size), 0, 2, self._kept(first)
            frozen: tuple[float, int] | None = None
            while True:
                masked = [i for i in block if x[i] == mask]
                post += not masked
                if post > rule.max_post_steps:
                    self.met["cap"] += rule.max_post_steps > 0
                    break
                self.met["post"] += not masked
                c, x0, seen = self._beliefs(x, blocks.prefix, kept)
                if kept and self.config["model_type"] == "Dream":
                    if frozen is None:  # what predicts the first position is computed in the first pass alone
                        frozen, masked = (c[first], x0[first]), [i for i in masked if i == first] or masked
                    c[first], x0[first] = frozen
                reveal = [i for i in masked if c[i] > rule.threshold]
                reveal = reveal or sorted(masked, key=lambda i: -c[i])[:1]
                if masked and axon_left and self.settings.axon.gate == "always":
                    axon_left -= 1
                    reveal = [self._anchor(masked, c, seen)]
                edit = [i for i in block if x[i] != mask and x[i] != x0[i] and c[i] > rule.editing_threshold]
                self.met["prompt spared"] += any(i < len(prompt) for i in edit)
                edit = [i for i in edit if i >= len(prompt)]
                self.met["edited beside masks"] += bool(masked and edit)
                self.met["edited when full"] += bool(edit and not masked)
                steps.append(
                    {(i - len(prompt), x0[i], "reveal") for i in reveal}
                    | {(i - len(prompt), x0[i], "replace") for i in edit}
                )
                for i in reveal + edit:
                    x[i] = x0[i]
                if not masked and not edit:
                    self.met["settled"] += 1
                    break
        assert x[: len(prompt)] == prompt
        return steps

    def _kept(self, first: int) -> Any:
        cache = self.settings.cache
        return Kept(slice(first, None if cache == "prefix" else first + BLOCK)) if cache != "none" else None

    def _beliefs(self, x: list[int], prefix: int, kept: Any) -> tuple[list[float], list[int], Tensor]:
        """c, x0, and whom each position attends to: the mean over layers and heads."""
        allowed, maps = None, list[Tensor]()
        if self.config.get("model_type") == "sdar":
            block = (torch.arange(len(x)) - prefix).div(BLOCK, rounding_mode="floor")
            if self.settings.block_alignment == "prompt":
                block = block.clamp(min=-1)
            allowed = block[None] <= block[:, None]

        def attend(q: Tensor, k: Tensor, v: Tensor, attn_mask: Tensor | None) -> Tensor:
            scores = q @ k.transpose(2, 3) / q.shape[3] ** 0.5
            maps.append((scores if attn_mask is None else scores + attn_mask).softmax(3).mean(1)[0])
            return F.scaled_dot_product_attention(q, k, v, attn_mask=attn_mask)

        own = SimpleNamespace(silu=F.silu, linear=F.linear, scaled_dot_product_attention=attend)
        further = () if kept is None else (kept,)
        with patch.object(second, "F", own):
            logits = second.forward(self.config, self.tensors, torch.tensor([x]), allowed, *further)[
                0
            ].double()
        if self.config.get("model_type") == "Dream":
            logits = torch.cat([logits[:1], logits[:-1]])
        beliefs = logits.softmax(1)
        beliefs[:, self.config["mask_token_id"]] = 0
        confidence, token = (found.tolist() for found in beliefs.max(1))
        return confidence, token, torch.stack(maps).mean(0)

    def _anchor(self, masked: list[int], c: list[float], seen: Tensor) -> int:
        sink = (seen.mean(0) > 3 / len(seen)).tolist()

        def support(j: int) -> float:
            return sum(float(seen[i, j]) * (1 - c[i]) * c[j] for i in masked if i != j and not sink[j])

        best = max(masked, key=support)
        self.met["anchored"] += support(best) > 0
        return best if support(best) > 0 else max(masked, key=lambda j: c[j])


def changes(trace: Trace) -> list[set[tuple[int, int, str]]]:
    found: list[set[tuple[int, int, str]]] = [set() for _ in range(trace.nfe)]
    for event in trace.events:
        found[event.step].add((event.position, event.token, event.kind))
    return found


@pytest.mark.slow
@pytest.mark.skipif(not GOLDEN.is_dir(), reason=f"the recorded cases are not here: {GOLDEN}")
@pytest.mark.parametrize(
    ("family", "alignment", "cache", "axon"),
    [
        ("llada", "prompt", "none", ANCHORED),
        ("llada", "absolute", "dual", OFF),
        ("dream", "absolute", "none", OFF),
        ("dream", "prompt", "prefix", ANCHORED),
        ("sdar", "prompt", "none", OFF),
        ("sdar", "absolute", "block", ANCHORED),
        ("sdar", "absolute", "none", ANCHORED),
    ],
)
def test_a_decode_is_the_releases_loop(family: str, alignment: Any, cache: Any, axon: AxonSettings) -> None:
    config, tensors, model = golden(family)
    prompts = [[(7 * i + n * n) % 120 for i in range(n)] for n in (8, 11)]
    met: Counter[str] = Counter()
    for rule in RULES:
        settings = DecodeSettings(
            GEN, BLOCK, decoder=rule, axon=axon, block_alignment=alignment, cache=cache,
            sink_rows="visible" if cache == "block" else "canvas",
        )  # fmt: skip
        plain = Plain(config, tensors, replace(settings, cache="none" if cache == "block" else cache))
        traces = decode(model, prompts, settings, batch_size=2)
        assert [changes(trace) for trace in traces] == [plain.decode(prompt) for prompt in prompts]
        met += plain.met
    expected = {"post", "edited when full", "edited beside masks", "settled", "cap"}
    expected |= {"anchored"} if axon is ANCHORED else set()
    expected |= {"prompt spared"} if alignment == "absolute" else set()
    assert set(+met) == expected


def _decode(decoder: Any, **further: Any) -> list[Trace]:
    """A hook counts the calls of the network, and the laws of a row are checked."""
    settings = DecodeSettings(12, 4, decoder=decoder, **({"axon": OFF} | further))
    return check_rows(toy_model(), MIXED, settings, 2)


def _kinds(traces: list[Trace]) -> Counter[str]:
    return Counter(event.kind for trace in traces for event in trace.events)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("axon", "further", "left_out"),  # of axon, further and thresholds any two meet
    [
        (axon, further, (number + row) % 3)
        for row, axon in enumerate([OFF, ANCHORED])
        for number, further in enumerate(({}, {"cache": "dual"}, {"block_alignment": "absolute"}))
    ],
)
def test_an_editing_threshold_of_1_edits_nothing(axon: AxonSettings, further: Any, left_out: int) -> None:
    """It is `confidence` then, calls and counts included; unless its threshold is 1, too, which no c is above."""
    thresholds = [0.2, 0.5, 0.8]
    for threshold in thresholds[:left_out] + thresholds[left_out + 1 :]:
        plain = _decode(Confidence(threshold=threshold), axon=axon, **further)
        assert (
            _decode(JointThreshold(threshold=threshold, editing_threshold=1.0), axon=axon, **further) == plain
        )
        assert (
            _decode(JointThreshold(threshold=threshold, editing_threshold=0.3), axon=axon, **further) != plain
        )
    one_by_one = _decode(FixedSteps(), axon=axon, **further)
    assert _decode(JointThreshold(threshold=1.0, editing_threshold=1.0), axon=axon, **further) == one_by_one


def test_where_nothing_is_edited_a_block_takes_one_call_more_than_under_confidence() -> None:
    """The one that finds nothing to edit; without any post steps it is not made."""
    plain = _decode(Confidence(threshold=0.5))
    for post_steps in (0, 1, 9):
        found = _decode(JointThreshold(threshold=0.5, editing_threshold=0.9999999, max_post_steps=post_steps))
        assert [trace.events for trace in found] != [] and _kinds(found)["replace"] == 0
        assert [trace.tokens for trace in found] == [trace.tokens for trace in plain]
        more = 3 * min(1, post_steps)
        assert [trace.nfe for trace in found] == [trace.nfe + more for trace in plain]


@pytest.mark.parametrize("most", [0, 1, 2, 5])
def test_a_full_block_takes_no_more_than_its_post_steps(most: int) -> None:
    """With an editing threshold of 0 the toy model changes its mind for ever."""
    traces = _decode(JointThreshold(threshold=0.5, editing_threshold=0.0, max_post_steps=most))
    for trace in traces:
        assert sum(not shown for shown in trace.reveals()) <= 3 * most
        replaced = {event.step for event in trace.events if event.kind == "replace"}
        beside = {step for step in replaced if trace.reveals()[step]}
        assert len(replaced - beside) <= 3 * most
    spent = [sum(not shown for shown in trace.reveals()) for trace in traces]
    assert max(spent) == 3 * most and _kinds(traces)["replace"] > 0


def test_what_lies_exactly_on_a_threshold_stays() -> None:
    step: Any = SimpleNamespace(
        masked_BK=torch.tensor([[True, True, False, False, False]]),
        confidence_BK=torch.tensor([[0.75, 0.8, 0.5, 0.6, 0.9]], dtype=torch.float64),
        written_BK=torch.tensor([[9, 9, 1, 2, 3]]),
        token_BK=torch.tensor([[4, 5, 6, 7, 3]]),
    )
    proposal = JointThreshold(threshold=0.75, editing_threshold=0.5).propose(step)
    assert proposal.reveal_BK.tolist() == [[False, True, False, False, False]]
    assert proposal.replace_BK is not None
    assert proposal.replace_BK.tolist() == [[False, False, False, True, False]]


def test_the_cards_modes_are_told_apart_by_their_settings() -> None:
    """Quality Mode is the default (docs/method.md); what is out of range is told in one line."""
    assert JointThreshold() == JointThreshold(threshold=0.7, editing_threshold=0.5, max_post_steps=16)
    assert (JointThreshold().post_steps, JointThreshold(editing_threshold=1.0).post_steps) == (16, 0)
    for wrong, line in (
        ({"editing_threshold": 1.5}, r"^decoder.editing_threshold=1.5: must lie in \[0, 1\]"),
        ({"max_post_steps": -1}, r"^decoder.max_post_steps=-1: must be a whole number, 0 or more"),
    ):
        with pytest.raises(ValueError, match=line):
            JointThreshold(**wrong)  # type: ignore[arg-type]
