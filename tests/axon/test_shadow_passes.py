"""Shadows of a block: what they see, what sees them, and what their probabilities are of. `wino` reads them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

from axon import AxonSettings, Confidence, DecodeSettings, Wino, decode
from axon.blocks import row_blocks
from axon.decoding import _fresh
from axon.shadow_passes import ShadowPasses
from axon.waiting import Prompt
from tests.axon.test_laws import MIXED
from tests.axon.test_wino import ALWAYS, OFF, TWICE, done
from tests.axon.toy_model import EOS, MASK, toy_model

FAMILIES = ("llada", "sdar")


@dataclass(frozen=True, kw_only=True)
class Shadowed(Confidence):
    """As `confidence`, beside shadows that it does not ask."""

    needs_shadow: ClassVar[bool] = True


@pytest.mark.slow
@pytest.mark.parametrize(
    "axon", [OFF, ALWAYS, replace(ALWAYS, attention_layers="all")], ids=["off", "one", "all"]
)
@pytest.mark.parametrize("lengths", [(8, 4), (24, 12)], ids=str)
@pytest.mark.parametrize("family", FAMILIES)
def test_nothing_of_the_canvas_tells_that_there_are_shadows(
    family: str, lengths: tuple[int, int], axon: AxonSettings
) -> None:
    """Confidences to the last bit, and all that AXON finds in attention: sinks, anchors, where it has support."""
    model, prompts = toy_model(family), [*MIXED, list(range(20))]
    for alignment in ("prompt", "absolute"):
        settings = DecodeSettings(*lengths, block_alignment=alignment, axon=axon)  # type: ignore[arg-type]
        plain = decode(model, prompts, replace(settings, decoder=Confidence(threshold=0.6)), batch_size=3)
        beside = decode(model, prompts, replace(settings, decoder=Shadowed(threshold=0.6)), batch_size=3)
        assert [trace.confidences for trace in beside] == [trace.confidences for trace in plain]
        assert [replace(trace, computed_positions=0, attention_pairs=0) for trace in beside] == [
            replace(trace, computed_positions=0, attention_pairs=0) for trace in plain
        ]
        assert all(b.computed_positions > p.computed_positions for b, p in zip(beside, plain, strict=True))


class Shadows:
    """Of a pass over rows of random tokens, in their second block."""

    LENGTHS, GEN, BLOCK = (3, 5), 12, 4

    def __init__(self, family: str, layers: int) -> None:
        self._model = toy_model(family, layers=layers)
        settings = DecodeSettings(self.GEN, self.BLOCK, decoder=Wino(), axon=OFF)
        rows = [Prompt(row, list(range(1, 1 + length)), None) for row, length in enumerate(self.LENGTHS)]
        blocks = [row_blocks(length, self.GEN, self.BLOCK, "prompt") for length in self.LENGTHS]
        with torch.inference_mode():
            self.batch = _fresh(self._model, settings, rows, blocks, leeway=False)
            self.batch.pace.block_B.fill_(1)
            random = torch.Generator().manual_seed(0)
            self.batch.tokens_BG.copy_(torch.randint(0, MASK, self.batch.tokens_BG.shape, generator=random))
        self._passes = ShadowPasses(self._model, self.batch, settings)

    def __call__(self, row: int | None = None, place: int = 0) -> tuple[Tensor, Tensor]:
        """Final states of the block on the canvas and of its shadows; with another token at that place of that row."""
        with torch.inference_mode():
            tokens_BG = self.batch.tokens_BG
            before = tokens_BG.clone()
            if row is not None:
                tokens_BG[row, place] = (tokens_BG[row, place] + 1) % MASK
            found = self._passes.next([1, 1], ())
            tokens_BG.copy_(before)
            assert found.shadow_BKD is not None
            block = slice(found.layout.prefix + self.BLOCK, found.layout.prefix + 2 * self.BLOCK)
            return found.hidden_BWD[:, block], found.shadow_BKD


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_shadow_sees_what_its_position_sees_and_not_its_token(family: str, layers: int) -> None:
    """Where others have seen that token before, in an earlier layer, a shadow sees what they have made of it."""
    shadows = Shadows(family, layers)
    canvas_BKD, shadow_BKD = shadows()
    for place in range(shadows.GEN):
        moved_BKD, moved_shadow_BKD = shadows(1, place)
        assert torch.equal(moved_BKD[0], canvas_BKD[0]) and torch.equal(moved_shadow_BKD[0], shadow_BKD[0])
        in_sight = family == "llada" or place < 2 * shadows.BLOCK
        seen = [in_sight] * shadows.BLOCK
        assert (moved_BKD[1] != canvas_BKD[1]).any(1).tolist() == seen
        if layers == 1 and 0 <= place - shadows.BLOCK < shadows.BLOCK:
            seen[place - shadows.BLOCK] = False
        assert (moved_shadow_BKD[1] != shadow_BKD[1]).any(1).tolist() == seen


@pytest.mark.parametrize("family", FAMILIES)
def test_a_step_is_one_pass(family: str) -> None:
    """Counted at the layers, whatever is called to get there."""
    model, calls = toy_model(family), list[int]()
    model.body.register_forward_hook(lambda module, inputs, output: calls.append(inputs[0].numel()))
    for axon in (OFF, TWICE):
        for prompt in MIXED:
            calls.clear()
            [trace] = decode(model, [prompt], DecodeSettings(8, 4, decoder=Wino(threshold=0.4), axon=axon))
            assert calls == [len(prompt) + 8 + 4] * trace.nfe
            assert trace.computed_positions == sum(calls)


def test_what_is_never_chosen_at_the_end_of_a_text_has_no_part_in_a_shadow() -> None:
    settings = DecodeSettings(16, 8, decoder=Wino(threshold=0.3), axon=OFF, end_of_text="logits_eos_inf")
    model = toy_model()
    plain, honest = decode(model, MIXED, settings), model.logits
    assert any(trace.nfe > 4 for trace in plain)

    def sure_of_the_end(*arguments: Any) -> Tensor:
        logits = honest(*arguments)
        logits[..., EOS] += 40
        return logits

    model.logits = sure_of_the_end  # type: ignore[method-assign]
    assert decode(model, MIXED, settings) == plain
    assert decode(model, MIXED, replace(settings, end_of_text="full")) != plain


def test_the_mask_token_keeps_its_share_of_a_shadow() -> None:
    """As it does of a confidence: a shadow that is sure of the mask is sure of nothing else."""
    settings, model = (
        DecodeSettings(16, 8, decoder=Wino(threshold=0.0, threshold_back=1e-9), axon=OFF),
        toy_model(),
    )
    honest = model.logits
    assert not any(masked for trace in decode(model, MIXED, settings) for _, masked in done(trace))

    def sure_of_the_mask(*arguments: Any) -> Tensor:
        logits = honest(*arguments)
        logits[..., MASK] += 60
        return logits

    model.logits = sure_of_the_mask  # type: ignore[method-assign]
    settings = replace(settings, decoder=Wino(threshold=0.0, threshold_back=1e-9))
    assert any(masked for trace in decode(model, MIXED, settings) for _, masked in done(trace))
