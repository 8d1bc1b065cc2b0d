"""Fast-dLLM's prefix and dual cache: decodes are those of their definition, and what is frozen is frozen."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, ClassVar

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

import axon.sampler
from axon import (
    AxonSettings,
    Confidence,
    Dawn,
    DecodeSettings,
    FixedSteps,
    Klass,
    MaskedDiffusionModel,
    Trace,
    decode,
    load_model,
)
from axon.attention import Capture, kernel_name
from axon.decoders import Decoder
from axon.forward import Forward
from axon.frozen_passes import FrozenPasses
from axon.identity import decode_identity
from axon.laws.rows import check_rows, decode_rows, passes_told
from axon.proposal import Proposal
from axon.state import StepState
from tests.axon.plain_fast_dllm import HowMany, plain_decode
from tests.axon.test_cache import LONG
from tests.axon.test_golden import GOLDEN
from tests.axon.test_laws import COMBINATIONS, MIXED, VARIED
from tests.axon.toy_model import shared_model, toy_model

CACHES, GEN = ("prefix", "dual"), 32
CACHED = [name for name, setting in COMBINATIONS.items() if not setting.decoder.wider]
OFF = AxonSettings(gate="never")
caches = pytest.mark.parametrize("kind", CACHES)


def cached(setting: DecodeSettings, kind: Any) -> DecodeSettings:
    return replace(setting, cache=kind)


def possible(setting: DecodeSettings, kind: str) -> bool:
    return kind == "prefix" or not setting.decoder.reads_later_blocks


def outcomes(traces: list[Trace]) -> list[Trace]:
    """Everything but what the passes cost."""
    costs = dict.fromkeys(("full_passes", "computed_positions", "attention_pairs"), 0)
    return [replace(trace, **costs) for trace in traces]


@cache
def golden(family: str) -> tuple[dict[str, Any], dict[str, Tensor], MaskedDiffusionModel]:
    folder = GOLDEN / f"{family}-tiny"
    config = json.loads((folder / "config.json").read_text())
    return config, load_file(folder / "model.safetensors"), load_model(folder)


@pytest.mark.slow
@pytest.mark.skipif(not GOLDEN.is_dir(), reason=f"the recorded cases are not here: {GOLDEN}")
@pytest.mark.parametrize("block_length", [8, 16, 32])
@pytest.mark.parametrize("family", ["llada", "dream"])
@caches
def test_decodes_are_those_of_the_definition(
    kind: Any, family: str, block_length: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tokens and steps; and again where a token that was decoded ends the text."""
    config, tensors, model = golden(family)
    cases = json.loads((GOLDEN / f"{family}.json").read_text())["cases"]
    prompts = [case["prompt"] for case in (cases[0], cases[40])][: 1 + (block_length == 16)]
    tried: list[tuple[Any, HowMany]] = [
        (Confidence(threshold=0.5), lambda found, _: sum(one >= 0.5 for one in found)),
        (FixedSteps(steps=8), lambda _, within: 4 if within < block_length // 4 else 1),
    ]
    for decoder, how_many in tried:
        setting = DecodeSettings(GEN, block_length, decoder=decoder, axon=OFF, cache=kind)

        def plain(prompt: list[int], end: int | None, rule: HowMany = how_many) -> Any:
            return plain_decode(config, tensors, prompt, kind, GEN, block_length, rule, end)

        expected = [plain(prompt, None) for prompt in prompts]
        assert [shown(trace) for trace in decode(model, prompts, setting)] == expected
        end = expected[0][0][GEN // 2]
        monkeypatch.setattr(model, "end_token_ids", (end,))
        [trace] = decode(model, prompts[:1], replace(setting, end_of_text="stop_at_eos"))
        assert shown(trace) == plain(prompts[0], end)


def shown(trace: Trace) -> tuple[list[int], list[int]]:
    return list(trace.tokens), list(trace.revealed_at)


@pytest.mark.slow
@pytest.mark.parametrize(("number", "name"), enumerate(CACHED))
def test_every_row_obeys_the_laws_and_a_batch_decodes_as_its_rows(number: int, name: str) -> None:
    """Families, caches and variations in turns: any two of them meet, and each of them every decoder."""
    setting = (COMBINATIONS, VARIED)[(number + number // 4) % 2][name]
    family, kind = ("llada", "dream")[number % 2], CACHES[(number + number // 2) % 2]
    model, setting = shared_model(family), cached(setting, kind if possible(setting, kind) else "prefix")
    found = check_rows(model, MIXED, setting, 3)
    assert found[:2] == [decode_rows(model, [prompt], setting)[0] for prompt in MIXED[:2]]
    assert found[2:] == decode_rows(model, MIXED[2:], setting)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "name"), enumerate(name for name in CACHED if COMBINATIONS[name].decoder.name != "dawn")
)
def test_where_no_frozen_column_would_change_decodes_are_those_without_a_cache(
    number: int, name: str
) -> None:
    """With one layer keys and values are of a column's own token; no sinks, whose means are over hidden states, too.

    Caches in turns: every decoder meets each that it can do with.
    """
    setting, kind = COMBINATIONS[name], CACHES[number % 2]
    kind = kind if possible(setting, kind) else "prefix"
    model = toy_model("llada", layers=1)
    setting = replace(setting, axon=replace(setting.axon, tau_sink=1.0))
    assert outcomes(decode_rows(model, LONG, cached(setting, kind), 3)) == outcomes(
        decode_rows(model, LONG, setting)
    )


@caches
def test_with_one_pass_a_block_a_cache_changes_nothing(kind: str, model: MaskedDiffusionModel) -> None:
    setting = DecodeSettings(16, 4, decoder=FixedSteps(steps=4), axon=OFF)
    expected = decode_rows(model, LONG, setting)
    found = decode_rows(model, LONG, cached(setting, kind), 3)
    assert [trace.full_passes for trace in found] == [4] * len(LONG)
    assert [replace(trace, full_passes=0) for trace in found] == expected


def spied(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Tensor]]:
    """What every step of one row knows."""
    steps: list[dict[str, Tensor]] = []

    class Spied(Forward):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            rows, means, decoded = self.attention.rows()[0], self.attention.column_means()[0], self.decoded()
            steps.append(
                {
                    "block": self.columns_BK[0].clone(),
                    "rows": rows,
                    "means": means,
                    "p_max": self.p_max_at(decoded, int(decoded.sum()))[0],
                    "logits": self.logits_BKV[0].clone(),
                }
            )

    monkeypatch.setattr(axon.sampler, "Forward", Spied)
    return steps


@pytest.mark.parametrize("sink_rows", ["canvas", "visible"])
@pytest.mark.parametrize("family", ["llada", "dream"])
@caches
def test_what_lies_outside_the_block_is_known_from_its_first_pass(
    kind: str, family: str, sink_rows: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Attention rows are the block's own in every pass; sums over the other positions' rows, and their p*, are kept.

    Of the other positions, those that `sink_rows` names.
    """
    axon = replace(COMBINATIONS["dawn, coverage_gap"].axon, gate="always")
    decoder = Dawn(tau_low=0.9, tau_induce=0.9)
    setting = DecodeSettings(16, 4, decoder=decoder, axon=axon, sink_rows=sink_rows)
    steps, model = spied(monkeypatch), toy_model(family, 1)
    tokens: list[list[int]] = []
    model.register_forward_pre_hook(lambda module, inputs: tokens.append(inputs[0][0].tolist()))
    decode(model, [LONG[1]], cached(setting, kind))
    found, canvases = steps.copy(), [list(part) for part in tokens]
    width, later = len(LONG[1]) + 16, 0
    for step, (now, canvas) in enumerate(zip(found, canvases, strict=True)):
        block = now["block"]
        counted = width if sink_rows == "canvas" else int(block[-1]) + 1
        torch.testing.assert_close(now["rows"].sum(1), torch.ones(len(block)))
        if len(canvas) == width:
            start, whole = step, first_pass(model, canvas, setting)
            torch.testing.assert_close(now["rows"], whole[block], rtol=1e-5, atol=1e-6)
            torch.testing.assert_close(now["means"], whole[:counted].mean(0), rtol=1e-5, atol=1e-6)
            continue
        later += 1
        assert len(canvas) == (width - int(block[0]) if kind == "prefix" else len(block))
        kept, fresh = (counted * one["means"] - one["rows"].sum(0) for one in (found[start], now))
        torch.testing.assert_close(kept, fresh, rtol=1e-5, atol=1e-5)
        assert not torch.equal(found[start]["rows"], now["rows"])
        before = torch.arange(width) < block[0]
        assert torch.equal(found[start]["p_max"][before], now["p_max"][before])
    assert later >= 4


def first_pass(model: MaskedDiffusionModel, canvas: list[int], setting: DecodeSettings) -> Tensor:
    """Attention of a whole pass over the canvas, (W, W), of the last layer."""
    layout = model.layout([len(canvas) - 16], 16, 4)
    capture = Capture((model.num_layers - 1,), layout.real_BW)
    with torch.inference_mode():
        model.forward(torch.tensor([canvas]), layout, capture)
        return capture.rows(torch.zeros(1, dtype=torch.long), torch.arange(len(canvas))[None])[0]


@pytest.mark.parametrize("family", ["llada", "dream"])
@caches
def test_passes_and_flops_are_counted_as_they_happen(kind: str, family: str) -> None:
    """One row, so no padding; eager attention, whose products torch's counter sees, and no capture beside it.

    A block of three is too short for the last layer to compute it alone, which counts as whole.
    """
    model = toy_model(family)
    model.network.set_attn_implementation(kernel_name("eager"))
    widths: list[int] = []
    model.register_forward_pre_hook(lambda module, inputs: widths.append(inputs[0].shape[1]))
    setting = cached(DecodeSettings(12, 3, decoder=Confidence(threshold=0.6), axon=OFF), kind)
    with FlopCounterMode(display=False) as counter:
        [trace] = decode(model, [LONG[1]], setting)
    assert counter.get_total_flops() == model.flops(trace)
    assert sum(widths) == trace.computed_positions and len(widths) == trace.nfe > trace.full_passes == 4
    assert trace.prefill_passes == trace.store_passes == 0


def test_a_row_pays_for_its_own_columns_alone() -> None:
    """Rows that start a block beside rows within one, and shorter rows beside longer ones: counts are as alone."""
    model = toy_model("llada")
    for kind in CACHES:
        setting = cached(
            replace(VARIED["confidence, always"], gen_length=12, block_alignment="absolute"), kind
        )
        shapes: list[tuple[int, int]] = []
        with passes_told(model, lambda tokens, layout, found=shapes: found.append(tokens.shape)):
            traces = decode_rows(model, LONG, setting, 3)
        assert sum(rows for rows, _ in shapes) == sum(trace.nfe for trace in traces) > len(shapes)
        assert sum(rows * columns for rows, columns in shapes) > sum(one.computed_positions for one in traces)
        assert len({len(trace.events) for trace in traces}) > 1, "prompt remainders differ"


@caches
def test_a_step_is_one_pass_where_no_rounding_tells(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows at their own pace, so that some start a block beside others within one."""
    monkeypatch.setattr(
        "axon.models.model.rows_round_alone", lambda _: True
    )  # as few rows are on some processors
    prompts = [[1, 2, 3], [4, 5, 6, 7, 8, 9], [7, 7], [9, 2, 4, 1]]
    setting = cached(DecodeSettings(28, 4, decoder=Confidence(threshold=0.5), axon=OFF), kind)
    extra = {}
    for dtype in (torch.float32, torch.bfloat16):
        model, passes = toy_model("llada").to(dtype), []
        model.body.register_forward_pre_hook(
            lambda module, inputs, found=passes: found.append(len(inputs[3]))
        )
        traces = decode_rows(model, prompts, setting)
        extra[dtype] = len(passes) - max(trace.nfe for trace in traces)
        assert (max(passes) == 2) == (dtype is torch.float32)
    assert extra[torch.float32] == 0 < extra[torch.bfloat16]


@caches
def test_no_more_is_kept_than_the_canvas(kind: str, model: MaskedDiffusionModel) -> None:
    """All of it is copied whenever a row leaves or enters."""
    kept: list[tuple[int, int]] = []

    class Spied(FrozenPasses):
        def next(self, *given: Any) -> Any:
            found = super().next(*given)
            kept.append((self._kept.width, self._layout.seen))
            return found

    settings = cached(DecodeSettings(8, 4, axon=OFF), kind)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(axon.sampler, "FrozenPasses", Spied)
        decode(model, [[1, 2, 3, 4, 5], [6], [7, 8, 9], [10]], settings, batch_size=2)
    assert len(kept) > 4 and all(width == seen for width, seen in kept), kept


@dataclass(frozen=True, kw_only=True)
class Reopening(Decoder):
    """One token a step; a block's first position is masked again in its second step."""

    revises: ClassVar[bool] = True
    name: str = "reopening"
    opened: list[tuple[int, int]] = field(default_factory=list)  # step of the block, positions open in it

    def propose(self, state: StepState) -> Proposal:
        self.opened.append((int(state.block_step_B), int(state.masked_BK.sum())))
        first_BK = state.places_BK == state.places_BK[:, :1]
        again_BK = first_BK & ~state.masked_BK & (state.block_step_B == 1)[:, None]
        return Proposal(state.top_one(), again_BK)


@caches
def test_under_a_shift_the_first_position_is_alone_in_a_blocks_first_step_only(kind: str) -> None:
    """Masked again, it is one of those that are open."""
    decoder: Any = Reopening()
    decode(toy_model("dream"), [[1, 2, 3]], cached(DecodeSettings(8, 4, decoder=decoder, axon=OFF), kind))
    assert decoder.opened == 2 * [(0, 1), (1, 3), (2, 3), (3, 2), (4, 1)]


def test_what_has_no_meaning_is_refused() -> None:
    with pytest.raises(
        ValueError,
        match=r"^cache='dual': .* decoder klass compares what they find in later ones; use prefix, none or",
    ):
        DecodeSettings(8, 4, cache="dual", decoder=Klass(), axon=OFF)
    assert DecodeSettings(8, 4, cache="prefix", decoder=Klass(), axon=OFF).cache == "prefix"
    for kind in CACHES:
        with pytest.raises(ValueError, match=rf"^cache='{kind}': .*block-causal; use cache=block"):
            decode(toy_model("sdar"), [[1]], DecodeSettings(8, 4, cache=kind, axon=OFF))  # type: ignore[arg-type]


def test_a_cache_is_a_setting_of_its_own() -> None:
    plain = DecodeSettings(8, 4, decoder=Dawn())
    identities = [decode_identity(one, 4) for one in (plain, *(cached(plain, kind) for kind in CACHES))]
    assert "cache" not in identities[0]
    assert [one.pop("cache") for one in identities[1:]] == list(CACHES)
    assert identities == [identities[0]] * 3
