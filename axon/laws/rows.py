"""The laws that every decoded row keeps, whatever its decoder, gate and settings; AXON's budget is 2 a block."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from unittest.mock import patch

import torch

from axon.blocks import RowBlocks, row_blocks
from axon.decoders import DECODERS
from axon.decoding import decode
from axon.laws.events import check_events
from axon.laws.network import MASK, VOCAB
from axon.models.layout import Layout
from axon.models.model import MaskedDiffusionModel, PassPart
from axon.policies import policy_of
from axon.settings import DecodeSettings
from axon.trace import Trace


def _seeds(prompts: list[list[int]]) -> list[int]:
    return [sum((place + 1) * token for place, token in enumerate(prompt)) for prompt in prompts]


def decode_rows(
    model: MaskedDiffusionModel, prompts: list[list[int]], setting: DecodeSettings, batch_size: int = 32
) -> list[Trace]:
    return decode(model, prompts, setting, seeds=_seeds(prompts), batch_size=batch_size)


def blocks_of(prompt: Sequence[int], setting: DecodeSettings) -> RowBlocks:
    return row_blocks(len(prompt), setting.gen_length, setting.block, setting.block_alignment)


def check_rows(
    model: MaskedDiffusionModel, prompts: list[list[int]], setting: DecodeSettings, batch_size: int
) -> list[Trace]:
    """Prompt unchanged, no mask token, nfe == calls seen, rules of proposals kept, at least one position per step.

    But for the steps of a full block, where the decoder declares them. Decoders that never take a token back reveal
    every position once; the others end by the cap on their steps.
    """
    decoder = setting.decoder
    calls: Counter[int | None] = Counter()  # by a prompt's first token; None: a pass without the prompt

    def count(tokens_BW: torch.Tensor, layout: Layout) -> None:
        part = tokens_BW.shape[1] < layout.real_BW.shape[1] or layout.positions_BQ[:, 0].any()
        if part or setting.cache == "block":
            calls[None] += len(tokens_BW)
            return
        for row, start in zip(tokens_BW.tolist(), layout.starts_B.tolist(), strict=True):
            [prompt] = (prompt for prompt in prompts if prompt[0] == row[start])
            assert row[start : start + len(prompt)] == prompt
            calls[prompt[0]] += 1

    with passes_told(model, count):
        traces = decode_rows(model, prompts, setting, batch_size)
    passes = [trace.nfe + trace.prefill_passes + trace.store_passes for trace in traces]
    further = [
        _further(trace, setting, blocks_of(prompt, setting))
        for prompt, trace in zip(prompts, traces, strict=True)
    ]
    assert calls.total() == sum(passes) + sum(further)
    for prompt, trace, more in zip(prompts, traces, further, strict=True):
        blocks = blocks_of(prompt, setting)
        length, first = blocks.area - blocks.given, setting.block - blocks.given
        assert list(trace.prompt) == prompt
        assert len(trace.tokens) == len(trace.revealed_at) == length >= setting.gen_length
        assert all(0 <= token < VOCAB and token != MASK for token in trace.tokens)
        assert setting.end_of_text != "logits_eos_inf" or not {*trace.tokens} & {*model.eos_token_ids}
        reveals = trace.reveals()
        assert len(reveals) == trace.nfe <= blocks.count * setting.most_steps(all_open=False)
        assert decoder.post_steps or all(reveals)
        shown = list(chain.from_iterable(reveals))
        assert set(shown) == set(range(len(prompt), len(prompt) + length))
        assert decoder.revises or len(trace.events) == len(shown) == length
        ahead = decoder.branches > 1
        block_of = check_events(trace, setting.block, MASK, blocks.given, decoder.post_steps, ahead)
        assert max(trace.revealed_at[:first]) < min(trace.revealed_at[first:])
        assert calls[prompt[0]] == trace.nfe + more or setting.cache != "none"
        _check_final(trace, setting, blocks, block_of)
        _check_budget(trace, setting, blocks, block_of)
        _check_counts(trace, setting, blocks, block_of)
    return traces


def _further(trace: Trace, setting: DecodeSettings, blocks: RowBlocks) -> int:
    """Canvases that were computed beside those of the steps: branches, but for each block's first step."""
    begun = len({(blocks.given + event.position) // setting.block for event in trace.events})
    return (setting.decoder.branches - 1) * (trace.nfe - begun)


def _check_final(trace: Trace, setting: DecodeSettings, blocks: RowBlocks, block_of: Sequence[int]) -> None:
    """What a decoder revises is final when its block has ended, and not before."""
    for position in range(len(trace.tokens)):
        last = max(event.step for event in trace.events if event.position <= position)
        if setting.decoder.revises:
            last = max(
                step
                for step, block in enumerate(block_of)
                if block == (blocks.given + position) // setting.block
            )
        assert trace.steps_to(position + 1) == last + 1
    assert trace.steps_to(len(trace.tokens) + 1) == trace.nfe == trace.nfe_to_eos([])


def _check_budget(trace: Trace, setting: DecodeSettings, blocks: RowBlocks, block_of: Sequence[int]) -> None:
    """The gate is asked while its budget lasts, of interventions or of the steps of a block, and it isn't full."""
    open_steps = {step for step, shown in enumerate(trace.reveals()) if shown}
    assert len(trace.axon_steps) <= trace.gate_checks <= len(open_steps)
    assert len(trace.axon_steps) <= 2 * blocks.count
    if setting.axon.gate != "never" and setting.axon.budget_counts == "steps":
        early = {step for step in range(trace.nfe) if step < 2 or block_of[step - 2] != block_of[step]}
        assert trace.gate_checks == len(early & open_steps)
        assert set(trace.axon_steps) <= early


def _check_counts(trace: Trace, setting: DecodeSettings, blocks: RowBlocks, block_of: Sequence[int]) -> None:
    """AXON's anchors, DAWN's graph and what attention holds back are counted in the steps that had any."""
    taken = len(trace.axon_steps)
    assert set(trace.unsupported_steps) <= set(trace.axon_steps)
    seeks_sinks = taken and policy_of(setting.axon).reads == "sequence"
    assert trace.axon_columns == (taken * setting.block if seeks_sinks else 0)
    assert 0 <= trace.axon_sinks <= trace.axon_columns
    revealed = sum(event.by != "decoder" for event in trace.events)
    assert taken <= trace.anchors <= revealed
    assert trace.anchors == revealed or setting.axon.combine == "union"
    if setting.decoder.name in DECODERS:  # one of another package may have a graph of its own
        assert trace.graph_steps == (trace.nfe if setting.decoder.name == "dawn" else 0)
    assert 0 <= trace.empty_graph_steps <= trace.graph_steps <= trace.nfe
    most = trace.graph_steps * blocks.canvas
    assert trace.graph_columns == most or (setting.sink_rows == "visible" and trace.graph_columns < most)
    assert 0 <= trace.graph_sinks <= trace.graph_columns
    if setting.decoder.name in DECODERS:
        compares = (
            setting.decoder.name in ("clad", "dapd") or getattr(setting.decoder, "attention_discount", 0) > 0
        )
        assert trace.compared_steps == (trace.nfe if compares else 0)
    assert 0 <= trace.held_back_steps <= trace.compared_steps <= trace.nfe
    assert trace.held_back_steps <= trace.held_back <= trace.held_back_steps * setting.block
    kinds = Counter(event.kind for event in trace.events)
    assert (trace.remasked, trace.replaced) == (kinds["remask"], kinds["replace"])
    assert trace.post_steps == trace.reveals().count([])
    assert 0 <= trace.ahead <= (trace.nfe if setting.decoder.branches > 1 else 0)
    _check_passes(trace, setting, blocks, block_of)
    logits = trace.nfe * (setting.block + (blocks.area if setting.decoder.reads_later_blocks else 0))
    logits += trace.nfe * (setting.block if setting.decoder.needs_shadow else 0)
    logits += _further(trace, setting, blocks) * setting.block
    beyond = (
        setting.decoder.reads == "sequence" and not setting.decoder.reads_later_blocks
    )  # at single positions
    assert trace.logit_positions == logits or (beyond and trace.logit_positions > logits)


def _check_passes(trace: Trace, setting: DecodeSettings, blocks: RowBlocks, block_of: Sequence[int]) -> None:
    """Every pass computes the canvas; with a cache only each block's first one does, and with an exact one none."""
    if setting.cache == "block":
        assert (trace.prefill_passes, trace.store_passes) == (blocks.prefix > 0, blocks.count - 1)
        passes = trace.nfe + trace.store_passes
        assert (trace.full_passes, trace.computed_positions) == (0, blocks.prefix + passes * setting.block)
        return
    assert trace.prefill_passes == trace.store_passes == 0
    full, positions, pairs = 0, 0, 0
    for step, block in enumerate(block_of):
        first = setting.cache == "none" or step == 0 or block_of[step - 1] != block
        left = setting.block if setting.cache == "dual" else blocks.area - block * setting.block
        computed = blocks.canvas if first else left
        full += first and setting.cache != "none"
        positions, pairs = positions + computed, pairs + computed * blocks.canvas
        if setting.decoder.needs_shadow:
            positions, pairs = (
                positions + setting.block,
                pairs + setting.block * (blocks.canvas + setting.block),
            )
    further = _further(trace, setting, blocks) * blocks.canvas
    positions, pairs = positions + further, pairs + further * blocks.canvas
    assert (trace.full_passes, trace.computed_positions, trace.attention_pairs) == (full, positions, pairs)
    assert trace.full_passes == (0 if setting.cache == "none" else blocks.count)


@contextmanager
def passes_told(model: MaskedDiffusionModel, tell: Callable[[torch.Tensor, Layout], None]) -> Iterator[None]:
    """Within it, `tell` is called with tokens and layout of each pass, and of each part of one."""
    plain = model.in_one_pass

    def in_one_pass(parts: Sequence[PassPart]) -> list[torch.Tensor]:
        for part in parts:
            tell(part.tokens_BQ, part.layout)
        return plain(parts)

    hook = model.register_forward_pre_hook(lambda module, inputs: tell(*inputs[:2]))
    with patch.object(model, "in_one_pass", in_one_pass):
        try:
            yield
        finally:
            hook.remove()
