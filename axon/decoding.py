"""`decode`: prompts in, traces out. Pure: no clock, no file, no global random state.

Decoding is batched and row-independent: a batch decodes exactly as its rows would one by one. Finished rows leave the
batch and waiting ones take their places.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import nullcontext

import torch

from axon.batch import Batch
from axon.blocks import RowBlocks, row_blocks
from axon.checks import check_whole
from axon.key_values import KeyValues
from axon.layers import resolve_layers
from axon.models.model import MaskedDiffusionModel
from axon.sampler import Sampler
from axon.settings import DecodeSettings, check_cache, check_ends
from axon.state import PartTimer
from axon.trace import Trace


def decode(
    model: MaskedDiffusionModel,
    prompts: Sequence[Sequence[int]],
    settings: DecodeSettings,
    seeds: Sequence[int] | None = None,
    batch_size: int = 32,
    on_finish: Callable[[int, Trace], None] | None = None,
    timer: PartTimer | None = None,
) -> list[Trace]:
    """Decode every prompt (token ids) and return the traces in the prompts' order.

    seeds: one for each prompt, needed where temperature > 0 or the decoder draws random numbers; what a row
    draws depends on its seed alone.
    on_finish(index, trace) is called as each row finishes; the longest prompts start first.
    timer(part) is entered around the parts "model", "capture" (attention) and "select" of every step.
    Raises ValueError for a prompt that does not fit the model, missing seeds, or layers the model lacks.
    """
    settings = settings.for_model(model.block_size)
    needs_attention = settings.decoder.needs_attention or settings.axon.gate != "never"
    layers = resolve_layers(settings.axon.attention_layers, model.num_layers) if needs_attention else ()
    sampler = Sampler(model, settings, layers, timer or nullcontext)
    _check(model, prompts, settings, seeds, batch_size)
    blocks = [
        row_blocks(len(prompt), settings.gen_length, settings.block, settings.block_alignment)
        for prompt in prompts
    ]
    waiting = deque(sorted(range(len(prompts)), key=lambda row: -len(prompts[row])))
    traces: dict[int, Trace] = {}
    batch: Batch | None = None
    with torch.inference_mode():
        while waiting or batch is not None:
            free = batch_size - (len(batch.rows) if batch else 0)
            entering = [waiting.popleft() for _ in range(min(len(waiting), free))]
            if entering:
                fresh = _fresh(model, prompts, settings, seeds, blocks, entering)
                batch = batch.join(fresh) if batch else fresh
            assert batch is not None
            finished = sampler.until_finish(batch)
            for place in finished:
                row, trace = batch.rows[place], batch.trace(place, model.end_token_ids)
                traces[row] = trace
                if on_finish is not None:
                    on_finish(row, trace)
            left = sorted(set(range(len(batch.rows))) - set(finished))
            batch = batch.keep(left) if left else None
    return [traces[row] for row in range(len(prompts))]


def row_seed(seed: int, name: str) -> int:
    """A row's own seed, derived from its name: the same whatever batch or run the row is in."""
    return int.from_bytes(hashlib.sha256(f"{seed} {name}".encode()).digest()[:7])


def _fresh(
    model: MaskedDiffusionModel,
    prompts: Sequence[Sequence[int]],
    settings: DecodeSettings,
    seeds: Sequence[int] | None,
    blocks: Sequence[RowBlocks],
    entering: list[int],
) -> Batch:
    """Rows that enter, everything masked, each with a generator of its own where tokens are sampled."""
    generators, area = [], max(row.area for row in blocks)
    if _draws(settings):
        assert seeds is not None
        generators = [torch.Generator(model.device).manual_seed(seeds[row]) for row in entering]
    texts = [tuple(prompts[row]) for row in entering]
    decoder_state = settings.decoder.new_state(len(entering), area, model.vocab_size, model.device)
    return Batch.start(
        entering,
        texts,
        [blocks[row] for row in entering],
        generators,
        area,
        model.mask_token_id,
        decoder_state,
        KeyValues.none(model, len(entering)) if settings.cache != "none" else None,
        model.device,
    )


def _draws(settings: DecodeSettings) -> bool:
    return settings.temperature > 0 or settings.decoder.needs_seeds


def _check(
    model: MaskedDiffusionModel,
    prompts: Sequence[Sequence[int]],
    settings: DecodeSettings,
    seeds: Sequence[int] | None,
    batch_size: int,
) -> None:
    check_whole("batch_size", batch_size, 1)
    check_cache(settings, model.block_causal)
    check_ends(settings, model.eos_token_ids, model.end_token_ids)
    room = settings.longest_prompt(model.max_length)
    for row, prompt in enumerate(prompts):
        if len(prompt) > room:
            raise ValueError(
                f"prompts[{row}]: {len(prompt)} tokens: at most {room} fit before gen_length={settings.gen_length} "
                f"in the model's {model.max_length}; shorten one of them"
            )
        if not prompt:
            raise ValueError(
                f"prompts[{row}]: is empty: on a canvas of nothing but masks every position is tied; "
                "give at least a start token"
            )
        if not 0 <= min(prompt) <= max(prompt) < model.vocab_size:
            raise ValueError(
                f"prompts[{row}]: holds a token outside the vocabulary of {model.vocab_size}; "
                "encode it with the model's tokenizer"
            )
    if _draws(settings) and (seeds is None or len(seeds) != len(prompts)):
        given = "none" if seeds is None else str(len(seeds))
        raise ValueError(
            f"seeds={given}: random draws need one for each of the {len(prompts)} prompts; give them"
        )
