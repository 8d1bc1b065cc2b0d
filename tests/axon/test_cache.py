"""The exact block cache: a cached decode is the uncached one, and computes and counts only what it has to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

import axon.key_values
import axon.sampler
from axon import (
    AxonSettings,
    Confidence,
    Dawn,
    DecodeSettings,
    Klass,
    MaskedDiffusionModel,
    Overrides,
    Trace,
    decode,
    load_model,
)
from axon.attention import kernel_name
from axon.cached_passes import BlockPasses
from axon.forward import Forward
from axon.key_values import Columns
from axon.laws.rows import blocks_of, decode_rows, passes_told
from axon.models.fast_dllm import FAST_DLLM
from axon.verify import case_settings, disagreement, read_cases
from tests.axon import published
from tests.axon.published_experts import write_published
from tests.axon.test_golden import GOLDEN
from tests.axon.test_laws import COMBINATIONS, MIXED, drawn_prompts
from tests.axon.toy_model import EOS, MASK, toy_model

CACHED = {
    name: setting
    for name, setting in COMBINATIONS.items()
    if not setting.decoder.reads_later_blocks and not setting.decoder.wider
}
LONG = [[1, 2, 3], [4, 5, 6, 7, 8, 9], [10], [11, 12, 13, 14], [15, 16, 17, 18, 19, 20, 21, 0, 1, 2]]
ALIGNMENTS = ["prompt", "absolute"]
# What a cache saves, and so what differs.
COSTS = {"prefill_passes": 0, "store_passes": 0, "computed_positions": 0, "attention_pairs": 0}


def shifted(seed: int = 0) -> MaskedDiffusionModel:
    """Fast-dLLM v2: block-causal, each position predicted from the one before, sub-blocks."""
    return MaskedDiffusionModel(
        toy_model("dream", seed).network, replace(FAST_DLLM, sub_block=2), MASK, (EOS,), 64
    ).eval()


FAMILIES: dict[str, Callable[[int], MaskedDiffusionModel]] = {
    "sdar": lambda seed: toy_model("sdar", seed),
    "fast_dllm_v2": shifted,
}
shared = cache(lambda family, seed: FAMILIES[family](seed))  # for tests that leave it as it is


def both(setting: DecodeSettings, alignment: Any) -> tuple[DecodeSettings, DecodeSettings]:
    """Without and with the cache; sinks are sought over the same rows."""
    plain = replace(setting, sink_rows="visible", block_alignment=alignment)
    return plain, replace(plain, cache="block")


def outcomes(traces: list[Trace]) -> list[Trace]:
    """Everything but what the passes cost."""
    return [replace(trace, **COSTS) for trace in traces]


@pytest.mark.parametrize(
    ("number", "name"),
    [
        pytest.param(number, name, id=name, marks=[pytest.mark.slow] * bool(number % 3))
        for number, name in enumerate(CACHED)
    ],
)
def test_a_cached_decode_is_the_uncached_one(number: int, name: str) -> None:
    """Tokens, events, steps, AXON's steps and all that is counted of them; in a batch, and with rows that wait."""
    plain, cached = both(CACHED[name], ALIGNMENTS[number // 2 % 2])
    model, prompts = shared(list(FAMILIES)[number % 2], 0), MIXED[:3]
    expected = decode_rows(model, prompts, plain)
    found = decode_rows(model, prompts, cached, 2)
    assert outcomes(found) == outcomes(expected)
    assert all(trace.prefill_passes == trace.store_passes == 0 for trace in expected)
    assert found == [decode_rows(model, [prompt], cached)[0] for prompt in prompts]
    assert found == list(reversed(decode_rows(model, prompts[::-1], cached, 3)))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["llada2", "sdar_moe"])
@pytest.mark.parametrize("decoder", [Confidence(threshold=0.5), Dawn(tau_edge=0.1, tau_low=0.3)])
def test_it_is_with_experts(kind: str, decoder: Any, tmp_path: Path) -> None:
    model = load_model(write_published(tmp_path, kind))
    axon = AxonSettings(tau_sink="2x", target_nfe=2, attention_layers="all", max_anchor_steps=2)
    plain, cached = both(DecodeSettings(12, 4, decoder=decoder, axon=axon), "absolute")
    found = decode(model, LONG, cached, batch_size=3)
    assert outcomes(found) == outcomes(decode(model, LONG, plain))
    assert any(trace.axon_steps for trace in found)


@pytest.mark.slow
def test_it_is_with_a2ds_block_diffusion_model(tmp_path: Path) -> None:
    """Of a bd3lm release's config and tensor names, told to attend by blocks; in float32, as roundings move tokens."""
    folder = published.write_published(tmp_path, "a2d_qwen2_5_coder_0_5b")
    model = load_model(folder, dtype="float32", overrides=Overrides(attention="block_causal", block_size=4))
    axon = AxonSettings(tau_sink="2x", target_nfe=2, attention_layers="all", gate="always")
    for decoder in (Confidence(threshold=0.2), Dawn(tau_edge=0.05, tau_low=0.1)):
        plain, cached = both(DecodeSettings(8, 4, decoder=decoder, axon=axon), "absolute")
        found = decode(model, LONG, cached, batch_size=3)
        assert outcomes(found) == outcomes(decode(model, LONG, plain))
        assert all(trace.store_passes and trace.axon_steps for trace in found)


@pytest.mark.slow
@pytest.mark.skipif(not GOLDEN.is_dir(), reason=f"the recorded cases are not here: {GOLDEN}")
def test_the_references_decodes_are_reproduced() -> None:
    cases = read_cases(GOLDEN / "sdar_absolute.json")
    model, checked = load_model(GOLDEN / "sdar-tiny"), 0
    for case in cases["cases"]:
        setting = case_settings(case, cases)
        if setting.decoder.reads_later_blocks or (setting.reads_attention and setting.sink_rows != "visible"):
            continue
        [trace] = decode(model, [case["prompt"]], replace(setting, cache="block"))
        assert disagreement(trace, case) is None
        checked += 1
    assert checked > 10


def known_in_steps(
    model: MaskedDiffusionModel, prompts: list[list[int]], setting: DecodeSettings, batch_size: int
) -> tuple[list[list[Tensor]], list[Trace]]:
    """What every step knows, up to the end of the furthest block: logits, p*, attention rows and column means.

    And the traces.
    """
    steps: list[list[Tensor]] = []

    class Spied(Forward):
        def __init__(self, *given: Any) -> None:
            super().__init__(*given)
            width = int(self.columns_BK.max()) + 1
            steps.append([self.logits_BKV.clone()])
            if setting.decoder.reads == "sequence":  # whose passes leave the states of all columns
                decoded_BW = self.decoded()
                decoded_BW[:, width:] = False
                steps[-1] += [self.p_max_at(decoded_BW, int(decoded_BW.sum()))[:, :width]]
            if given[5]:  # layers whose attention is captured
                rows_BKW, means_BW = self.attention.rows(), self.attention.column_means()
                steps[-1] += [rows_BKW[:, :, :width].clone(), means_BW[:, :width].clone()]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(axon.sampler, "Forward", Spied)
        return steps, decode_rows(model, prompts, setting, batch_size)


def check_steps(
    model: MaskedDiffusionModel, prompts: list[list[int]], setting: DecodeSettings, alignment: Any, batch: int
) -> list[list[Tensor]]:
    """Every step knows with the cache what a whole pass would, and what comes of them is the same."""
    plain, cached = both(setting, alignment)
    found, traces = known_in_steps(model, prompts, cached, batch)
    expected, plain_traces = known_in_steps(model, prompts, plain, batch)
    assert outcomes(traces) == outcomes(plain_traces)
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        for own, known in zip(ours, theirs, strict=True):
            torch.testing.assert_close(own, known, rtol=1e-5, atol=5e-5)
    return found


@pytest.mark.parametrize("alignment", ALIGNMENTS)
@pytest.mark.parametrize("family", FAMILIES)
def test_every_step_knows_what_a_whole_pass_would(family: str, alignment: Any) -> None:
    setting = replace(COMBINATIONS["dawn, coverage_gap"], gen_length=16)
    steps = check_steps(shared(family, 1), LONG, setting, alignment, 3)
    assert len(steps) > 8 and all(len(step) == 4 for step in steps)


@pytest.mark.slow
@pytest.mark.parametrize(("number", "name"), enumerate(CACHED))
def test_so_do_every_step_and_decode_of_every_decoder_network_prompt_and_batch(
    number: int, name: str
) -> None:
    """Any two of decoder, family, alignment, end of text and batch size meet."""
    for place, family in enumerate(FAMILIES):
        drawn = Random(f"{name}, {family}")
        setting = replace(CACHED[name], end_of_text=("full", "stop_at_eos")[number % 2])
        if setting.decoder.name != "fixed_steps":  # whose steps suit two blocks
            setting = replace(setting, gen_length=12)
        model, alignment = shared(family, drawn.randrange(51)), ALIGNMENTS[(number + place) % 2]
        batch_size = 1 + (number // 2 + 2 * number + place) % 4
        check_steps(model, drawn_prompts(drawn), setting, alignment, batch_size)


@pytest.mark.parametrize("alignment", ALIGNMENTS)
@pytest.mark.parametrize("name", ["confidence, always", "dawn, coverage_gap", "remasking, never"])
def test_passes_and_positions_are_counted_as_they_happen(name: str, alignment: Any) -> None:
    _, cached = both(replace(COMBINATIONS[name], gen_length=12), alignment)
    model = toy_model("sdar")
    shapes: list[tuple[int, int]] = []  # rows and columns that each call of the network computes
    model.register_forward_pre_hook(lambda module, inputs: shapes.append(inputs[0].shape))
    for prompt in LONG:
        shapes.clear()
        [trace] = decode_rows(model, [prompt], cached)
        blocks = blocks_of(prompt, cached)
        assert trace.prefill_passes == (blocks.prefix > 0)
        assert trace.store_passes == blocks.count - 1
        assert len(shapes) == trace.nfe + trace.store_passes + trace.prefill_passes
        assert sum(columns for _, columns in shapes) == trace.computed_positions
        assert trace.computed_positions == blocks.prefix + (trace.nfe + trace.store_passes) * cached.block
    shapes.clear()
    traces = decode_rows(model, LONG, cached, 3)
    counted = sum(trace.nfe + trace.store_passes + trace.prefill_passes for trace in traces)
    assert sum(rows for rows, _ in shapes) == counted > len(shapes)


@pytest.mark.parametrize("family", FAMILIES)
def test_flops_are_those_that_torch_counts(family: str) -> None:
    """One row, so no padding; eager attention, whose products torch's counter sees, and no capture beside it."""
    model = FAMILIES[family](0)
    model.network.set_attn_implementation(kernel_name("eager"))
    _, cached = both(
        DecodeSettings(8, 4, decoder=Confidence(threshold=0.4), axon=AxonSettings(gate="never")), "prompt"
    )
    with FlopCounterMode(display=False) as counter:
        [trace] = decode(model, [[1, 2, 3, 4, 5]], cached)
    assert counter.get_total_flops() == model.flops(trace)


@pytest.mark.slow
def test_memory_grows_with_the_text_and_a_text_that_is_over_takes_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With room for 4,096 tokens a text that ends early is decoded in its own blocks alone."""
    monkeypatch.setattr(axon.key_values, "STEP", 8)
    model, needed = toy_model("sdar"), [0]
    model.max_length = 5000
    plain_next = BlockPasses.next

    def next_(self: BlockPasses, blocks: list[int], *given: Any) -> Any:
        done = plain_next(self, blocks, *given)
        needed.append(self._batch.prefix + 4 * (max(blocks) + 1))
        assert needed[-1] <= self._kept.width < max(needed) + 8
        return done

    monkeypatch.setattr(BlockPasses, "next", next_)
    honest = model.logits

    def ends(*arguments: Any) -> Tensor:
        logits = honest(*arguments)
        logits[..., EOS] += 6
        return logits

    model.logits = ends  # type: ignore[method-assign]
    _, cached = both(
        DecodeSettings(4096, 4, end_of_text="stop_at_eos", axon=AxonSettings(gate="never")), "absolute"
    )
    for trace in decode(model, LONG, cached, batch_size=3):
        end = trace.tokens.index(EOS)
        blocks = blocks_of(trace.prompt, cached)
        decoded = -(-(blocks.given + end + 1) // 4)
        assert trace.store_passes == decoded - 1
        assert trace.computed_positions <= blocks.prefix + 4 * (trace.nfe + decoded - 1)
    assert len(set(needed)) > 3 and max(needed) < 200


@pytest.mark.parametrize("prompts", [LONG[:1], [LONG[0], LONG[0]]])
def test_nothing_kept_is_copied_where_a_pass_is_of_all_rows(
    prompts: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of prefill, steps and store passes alike: a text of thousands of tokens would be copied in every layer."""
    copied: list[bool] = []
    plain = Columns.exchange

    def exchange(self: Columns, layer: int, *given: Tensor) -> tuple[Tensor, Tensor]:
        seen = plain(self, layer, *given)
        kept = self.kept.keys_BLGWA, self.kept.values_BLGWA
        homes = [one.untyped_storage().data_ptr() for one in kept]
        copied.extend(one.untyped_storage().data_ptr() not in homes for one in seen)
        return seen

    monkeypatch.setattr(Columns, "exchange", exchange)
    _, cached = both(COMBINATIONS["dawn, coverage_gap"], "prompt")
    traces = decode_rows(toy_model("sdar"), prompts, cached)
    assert all(trace.prefill_passes and trace.store_passes for trace in traces)
    assert copied and not any(copied)


@pytest.mark.parametrize("alignment", ALIGNMENTS)
@pytest.mark.parametrize("cached", [False, True])
def test_no_position_sees_nothing(cached: bool, alignment: Any) -> None:
    """Not even padding: in float16 a softmax over nothing may be NaN, and NaN times a weight of 0 is NaN."""
    setting = both(COMBINATIONS["confidence, always"], alignment)[cached]
    masks: list[Tensor | None] = []
    model = toy_model("sdar")
    with passes_told(model, lambda tokens, layout: masks.append(layout.mask)):
        decode_rows(model, LONG, setting, 3)
    known = [mask for mask in masks if mask is not None]
    assert len(known) > 3 and all((mask == 0).any(-1).all() for mask in known)


def test_what_is_not_exact_is_refused() -> None:
    off = AxonSettings(gate="never")
    with pytest.raises(
        ValueError,
        match=r"^cache='block': .* decoder klass compares what they find in later ones; use none or",
    ):
        DecodeSettings(8, 4, cache="block", decoder=Klass(), axon=off)
    for settings in ({"decoder": Dawn(), "axon": off}, {"axon": AxonSettings()}):
        with pytest.raises(
            ValueError, match=r"^cache='block': .* sinks by; with a block-causal model set sink_rows=visible"
        ):
            DecodeSettings(8, 4, cache="block", **settings)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^cache='full': unknown; one of block, dual, none, prefix$"):
        DecodeSettings(8, 4, cache="full")  # type: ignore[arg-type]
    cached = DecodeSettings(8, 4, cache="block", axon=off)
    for family in ("llada", "dream"):
        with pytest.raises(
            ValueError,
            match=r"^cache='block': needs a block-causal model,.*; use cache=none, or prefix or dual, which",
        ):
            decode(toy_model(family), [[1]], cached)
