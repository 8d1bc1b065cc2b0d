"""The laws that compare decodes of the same prompts: what must make no difference makes none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import isclose
from typing import Any
from unittest.mock import patch

import torch

from axon.decoding import decode
from axon.gates import GATES, Gate
from axon.identity import axon_identity
from axon.laws.rows import check_rows, decode_rows
from axon.models.model import MaskedDiffusionModel
from axon.settings import DecodeSettings
from axon.trace import Trace

LIKELIER = 40  # added to the mask token's logits: beside it every other token is impossible
# What a gate or a policy may read of AXON's settings, with values that make a difference to who does.
CHANGED: dict[str, Any] = {
    "target_nfe": 16,
    "beta_r": 3.0,
    "beta_u": 3.0,
    "alpha": 1.0,
    "warmup": 6,
    "anchors": 4,
    "min_anchors": 4,
    "objective": "graph_cut",
    "conflict_threshold": 0.01,
}
ALIKE = 1e-5  # between the leeways of equal decodes, whose confidences differ by roundings


def check_batch(
    model: MaskedDiffusionModel,
    prompts: Sequence[list[int]],
    setting: DecodeSettings,
    places: Sequence[int] = (),
    together: list[Trace] | None = None,
) -> None:
    """Mixed prompt lengths and finish times, rows that wait for a place, another order (`places`): each as alone.

    `together`: the traces of a batch, where it was decoded before.
    """
    alone = [decode_rows(model, [prompt], setting)[0] for prompt in prompts]
    together = together or decode_rows(model, list(prompts), setting, 3)
    assert together == alone, "a row decodes otherwise in a batch"
    moved = decode_rows(model, [prompts[place] for place in places], setting) if places else []
    assert moved == [alone[place] for place in places], "a row decodes otherwise in another order"


def check_mask_unwritten(
    model: MaskedDiffusionModel, prompts: list[list[int]], setting: DecodeSettings, batch_size: int
) -> None:
    """Every row keeps its laws where the model is certain of the mask token."""
    honest = model.logits

    def certain(*arguments: Any) -> torch.Tensor:
        logits = honest(*arguments)
        logits[..., model.mask_token_id] += LIKELIER
        return logits

    with patch.object(model, "logits", certain):
        check_rows(model, prompts, setting, batch_size)


def check_deaf_gate(
    model: MaskedDiffusionModel, prompts: list[list[int]], setting: DecodeSettings
) -> list[Trace]:
    """A gate that is evaluated every time and never fires leaves the traces of gate `never`, which are returned."""
    base = decode_rows(model, prompts, replace(setting, axon=replace(setting.axon, gate="never")))
    assert all(trace.gate_checks == 0 and trace.axon_steps == () for trace in base)
    deaf = Gate(lambda state, _: torch.zeros_like(state.masked_RK[:, 0]), needs_attention=True)
    with patch.dict(GATES, coverage_gap=deaf):
        asked = decode_rows(model, prompts, replace(setting, axon=replace(setting.axon, gate="coverage_gap")))
    if setting.axon.budget_counts == "interventions":  # asked wherever something is masked
        assert all(trace.gate_checks == sum(map(bool, trace.reveals())) for trace in asked)
    assert [replace(trace, gate_checks=0) for trace in asked] == base, "a gate that doesn't fire changes it"
    return base


def check_silent_rows(model: MaskedDiffusionModel, prompts: list[list[int]], setting: DecodeSettings) -> None:
    """A row in which the gate never fires decodes as the base decoder alone."""
    base = decode_rows(model, prompts, replace(setting, axon=replace(setting.axon, gate="never")))
    for alone, trace in zip(base, decode_rows(model, prompts, setting), strict=True):
        assert trace.axon_steps or replace(trace, gate_checks=0) == alone, (
            "a row in which the gate never fires decodes otherwise than without AXON"
        )


def check_undeclared_settings(
    model: MaskedDiffusionModel, prompts: list[list[int]], setting: DecodeSettings
) -> None:
    """AXON's settings that neither gate nor policy declares in `settings_read` change nothing, all changed at once."""
    read = axon_identity(setting.axon, [], setting.block)
    changed = {name: value for name, value in CHANGED.items() if name not in read}
    other = replace(setting, axon=replace(setting.axon, **changed))
    assert decode_rows(model, prompts, other) == decode_rows(model, prompts, setting), (
        f"one of {', '.join(changed)} changes a decode; declare it in settings_read"
    )


def check_seeds_unread(
    model: MaskedDiffusionModel, prompts: list[list[int]], setting: DecodeSettings
) -> None:
    """At temperature 0, where the decoder draws nothing, seeds change nothing, and none is needed."""
    unseeded = decode(model, prompts, setting)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)  # of what draws without saying so
        seeded = decode(model, prompts, setting, seeds=range(1, len(prompts) + 1))
    assert seeded == unseeded, "a seed changes what draws nothing; declare needs_seeds, and draw from noise()"


def check_leeway(
    model: MaskedDiffusionModel, prompts: list[list[int]], setting: DecodeSettings, shares: Sequence[float]
) -> int:
    """Under each value within its leeway a decode is the same, and tells the same leeway.

    Or what a search asks for would depend on which of two equal decodes was made first. `shares`: where in the leeway
    the values lie, between 0 and 1. Returns how many were tried that are not the setting's own.
    """
    decoder: Any = setting.decoder
    key: str = decoder.leeway_of
    value, moved = getattr(decoder, key), 0
    seeds = range(len(prompts))
    for row, trace in enumerate(decode(model, prompts, setting, seeds, batch_size=3, leeway=True)):
        assert trace.leeway is not None
        above, below = trace.leeway
        assert above <= value <= below, f"the leeway {trace.leeway} lacks the value of the decode, {value}"
        low, high = max(0.0, above), min(1.0, below)
        for other in (low + share * (high - low) for share in shares):
            if above < other < below:
                beside = replace(setting, decoder=replace(decoder, **{key: other}))
                [again] = decode(model, [prompts[row]], beside, [row], leeway=True)
                assert again == trace, f"{key}={other} is in the leeway of {value}, and decodes otherwise"
                assert again.leeway is not None
                pairs = zip(trace.leeway, again.leeway, strict=True)
                assert all(isclose(own, found, rel_tol=0, abs_tol=ALIKE) for own, found in pairs), (
                    f"{key}={other} decodes as {value}, and tells the leeway {again.leeway}, not {trace.leeway}"
                )
                moved += abs(other - value) > 0.01
    return moved
