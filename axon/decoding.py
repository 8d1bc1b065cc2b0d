"""`decode` and `stream`: prompts in, traces out. Pure: no clock, no file, no global random state.

Decoding is batched and row-independent: a batch decodes exactly as its rows would one by one. Finished rows leave the
batch and waiting ones take their places at once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from inspect import signature
from itertools import islice, repeat
from math import isnan
from operator import index
from pathlib import Path
from typing import TypeVar

import torch

from axon.batch import Batch
from axon.blocks import RowBlocks, row_blocks, widest_area
from axon.checks import check_made, check_takes, check_whole, shown
from axon.key_values import KeyValues
from axon.layers import resolve_layers
from axon.leeway import Leeway
from axon.models.model import MaskedDiffusionModel
from axon.python_values import as_python
from axon.sampler import Sampler
from axon.settings import DecodeSettings, check_cache, check_ends, check_shadow
from axon.state import PartTimer
from axon.trace import Trace
from axon.waiting import Prompt, longest_first
from axon.watch import Watcher

Item = TypeVar("Item")


def decode(
    model: MaskedDiffusionModel,
    prompts: Iterable[Sequence[int]],
    settings: DecodeSettings,
    seeds: Sequence[int] | None = None,
    batch_size: int = 32,
    on_finish: Callable[[int, Trace], None] | None = None,
    timer: PartTimer | None = None,
    watcher: Watcher | None = None,
    leeway: bool = False,
) -> list[Trace]:
    """Decode every prompt (token ids) and return the traces in the prompts' order.

    seeds: one for each prompt, needed where temperature > 0 or the decoder draws random numbers; what a row
    draws depends on its seed alone.
    on_finish(index, trace) is called as each row finishes; the longest prompts start first.
    timer(part) is entered around the parts "model", "capture" (attention) and "select" of every step.
    watcher is told of every step (axon/watch.py).
    leeway: whether traces say it (axon/leeway.py); only of decoders that declare `leeway_of`.
    Raises ValueError for a prompt that does not fit the model, missing seeds, settings that do not suit the model
    (layers it lacks, a cache for another kind of attention, an end-of-text it does not name), or logits that are no
    numbers.
    """
    check_made("settings", settings, DecodeSettings, "DecodeSettings(gen_length=256)")
    _check_objects(model, on_finish, timer, watcher)
    settings = settings.for_model(model.block_size)
    check_whole("batch_size", batch_size := as_python(batch_size), 1)
    prompts = _listed("prompts", prompts)
    seeds = None if seeds is None else _whole("seeds", seeds)
    _check(model, settings)
    if seeds is None and _draws(settings):
        raise ValueError(
            f"seeds=none: random draws need one for each of the {len(prompts)} prompts; give them"
        )
    if seeds is not None and len(seeds) != len(prompts):
        raise ValueError(
            f"seeds={len(seeds)}: there must be one for each of the {len(prompts)} prompts; give as many"
        )
    waiting = [
        Prompt(row, _whole(f"prompts[{row}]", tokens), seed)
        for row, (tokens, seed) in enumerate(zip(prompts, seeds or repeat(None, len(prompts)), strict=True))
    ]
    for prompt in waiting:
        _check_prompt(model, settings, prompt)
    traces: dict[int, Trace] = {}
    entering = iter(longest_first(waiting))
    for row, trace in stream(
        model, entering, settings, lambda: batch_size, timer, watcher=watcher, leeway=leeway
    ):
        traces[row] = trace
        if on_finish is not None:
            on_finish(row, trace)
    return [traces[row] for row in range(len(prompts))]


def stream(
    model: MaskedDiffusionModel,
    prompts: Iterator[Prompt],
    settings: DecodeSettings,
    batch_size: Callable[[], int],
    timer: PartTimer | None = None,
    on_batch: Callable[[int, int], None] | None = None,
    watcher: Watcher | None = None,
    leeway: bool = False,
) -> Iterator[tuple[int, Trace]]:
    """Decode prompts as they come: (index, trace) of each, as soon as it is finished.

    A prompt is taken from `prompts` only when it enters the batch at once, so that the order is the iterator's and
    what has been taken and not yielded is what the batch holds. Little is padded if neighbours are about as long.
    batch_size(): how many rows there may be at once, one or more where there are none; asked before a prompt is taken.
    timer, watcher, leeway: as in `decode`.
    on_batch(rows, columns): how many rows the next steps have and how many columns their canvas, before they begin.
    Raises ValueError as `decode` does, for a prompt when it is taken.
    """
    settings = settings.for_model(model.block_size)
    _check(model, settings)
    spec = settings.axon.attention_layers
    layers = resolve_layers(spec, model.num_layers) if settings.reads_attention else ()
    sampler = Sampler(model, settings, layers, _checked(timer) if timer else nullcontext, watcher)
    batch: Batch | None = None
    while True:
        entering: list[Prompt] = []
        while len(batch.rows if batch else ()) + len(entering) < (room := batch_size()):
            if not (taken := list(islice(prompts, 1))):
                break
            _check_prompt(model, settings, *taken)
            entering += taken
        if batch is None and not entering:
            if next(prompts, None) is not None:  # there are prompts, and no room for one
                raise ValueError(
                    f"batch_size()={room!r}: must be 1 or more where no row is being decoded; give such a number"
                )
            return
        with torch.inference_mode(), _own_dtype(model):  # never across a yield: it would be the caller's, too
            blocks = [_blocks(settings, row) for row in entering]
            if on_batch is not None:
                both = [*(batch.blocks if batch else ()), *blocks]
                on_batch(len(both), max(row.prefix for row in both) + max(row.area for row in both))
            if entering:
                fresh = _fresh(model, settings, entering, blocks, leeway)
                batch = batch.join(fresh) if batch else fresh
            assert batch is not None
            finished = sampler.until_finish(batch)
            done = [
                (batch.rows[place], batch.trace(place, model.end_token_ids, settings.decoder.revises))
                for place in finished
            ]
            for row, trace in done:
                _check_numbers(model, settings, row, trace)
            left = sorted(set(range(len(batch.rows))) - set(finished))
            batch = batch.keep(left) if left else None
        yield from done


def row_seed(seed: int, name: str) -> int:
    """A row's own seed, derived from its name: the same whatever batch or run the row is in."""
    return int.from_bytes(hashlib.sha256(f"{seed} {name}".encode()).digest()[:7])


def _fresh(
    model: MaskedDiffusionModel,
    settings: DecodeSettings,
    rows: list[Prompt],
    blocks: list[RowBlocks],
    leeway: bool,
) -> Batch:
    """Rows that enter, everything masked, each with a generator of its own where tokens are sampled."""
    generators, area = [], widest_area(settings.gen_length, settings.block, settings.block_alignment)
    if _draws(settings):
        generators = [torch.Generator(model.device).manual_seed(_seed(row)) for row in rows]
    decoder_state = settings.decoder.new_state(
        len(rows), area, settings.block, model.vocab_size, model.device
    )
    return Batch.start(
        [row.index for row in rows],
        [tuple(row.tokens) for row in rows],
        blocks,
        generators,
        area,
        model.mask_token_id,
        decoder_state,
        KeyValues.none(model, len(rows)) if settings.cache != "none" else None,
        Leeway.whole(len(rows), model.device) if leeway and settings.decoder.leeway_of else None,
        model.device,
    )


def _blocks(settings: DecodeSettings, row: Prompt) -> RowBlocks:
    return row_blocks(len(row.tokens), settings.gen_length, settings.block, settings.block_alignment)


def _draws(settings: DecodeSettings) -> bool:
    return settings.temperature > 0 or settings.decoder.needs_seeds


def _seed(row: Prompt) -> int:
    if row.seed is None:
        raise ValueError(f"prompts[{row.index}]: has no seed, and random draws need one; give it")
    if not -(2**63) <= row.seed < 2**64:
        raise ValueError(
            f"prompts[{row.index}]: seed={row.seed}: must lie in [-2**63, 2**64 - 1]; choose a value there"
        )
    return row.seed


def _own_dtype(model: MaskedDiffusionModel) -> AbstractContextManager[object]:
    """A caller's autocast is not the model's, which has a dtype of its own; masks and caches have that."""
    kind = model.device.type
    return torch.autocast(kind, enabled=False) if torch.amp.is_autocast_available(kind) else nullcontext()


def _listed(name: str, values: Iterable[Item]) -> list[Item]:
    try:
        return list(values)
    except TypeError as error:
        raise ValueError(f"{name}={shown(values)}: must be a list ({error}); give such a list") from error


def _whole(name: str, numbers: Sequence[int]) -> list[int]:
    """Those of a list, or of a tensor or array, as plain numbers."""
    try:
        return [index(number) for number in numbers]
    except TypeError as error:
        raise ValueError(
            f"{name}={shown(numbers)}: must be a list of whole numbers ({error}); give such a list"
        ) from error


def _check_numbers(model: MaskedDiffusionModel, settings: DecodeSettings, row: int, trace: Trace) -> None:
    """Raises ValueError where a token was chosen by logits that are NaN or infinite: it would mean nothing."""
    if any(map(isnan, trace.confidences)):
        kind, narrow = str(model.dtype).removeprefix("torch."), model.dtype is torch.float16
        remedy = "load it in bfloat16 or float32" if narrow else "look for such numbers in its weights"
        if settings.decoder.boosts:
            remedy += f", and in what decoder {settings.decoder.name} makes of the logits (boosted)"
        raise ValueError(f"prompts[{row}]: the model's logits are NaN or infinite in {kind}; {remedy}")


def _check_objects(model: object, on_finish: object, timer: object, watcher: object) -> None:
    """Raises ValueError for those that would fail in the midst of a decode, or before it without a word of what."""
    if not isinstance(model, MaskedDiffusionModel):
        named = repr(str(model)) if isinstance(model, str | Path) else '"FOLDER"'
        if isinstance(model, torch.nn.Module):
            remedy = f"give load_model({named}), or of a network in memory MaskedDiffusionModel(network, family, ...)"
            raise ValueError(f"model={type(model).__name__}: must be a MaskedDiffusionModel; {remedy}")
        raise ValueError(f"model={shown(model)}: must be a loaded model; give load_model({named})")
    for name, given, such in (
        ("on_finish", on_finish, "(row, trace)"),
        ("timer", timer, "(part) that returns a context manager"),
    ):
        if given is not None and not callable(given):
            raise ValueError(f"{name}={shown(given)}: must be a function of {such}; give one, or None")
    if on_finish is not None:
        check_takes("on_finish", on_finish, "row", "trace")
    if timer is not None:
        check_takes("timer", timer, "part")
    _check_watcher(watcher)


def _check_watcher(watcher: object) -> None:
    if watcher is None:
        return
    methods = [name for name in vars(Watcher) if not name.startswith("_")]
    lacking = [name for name in methods if not callable(getattr(watcher, name, None))]
    if lacking or isinstance(watcher, type):
        what = "is a class" if isinstance(watcher, type) else f"has no method {', '.join(lacking)}"
        raise ValueError(
            f"watcher={shown(watcher)}: {what}; give an object with {', '.join(methods)} (axon/watch.py), or None"
        )
    for name in methods:
        _, *names = signature(getattr(Watcher, name)).parameters
        check_takes(f"watcher.{name}", getattr(watcher, name), *names)


def _checked(timer: PartTimer) -> PartTimer:
    """What it returns is known only when it is called, and a `with` would not say whose fault it is."""

    def timed(part: str) -> AbstractContextManager[object]:
        found = timer(part)
        if not isinstance(found, AbstractContextManager):
            remedy = "decorate one that yields with contextlib.contextmanager"
            raise ValueError(
                f"timer({part!r}): returns {shown(found)}: must return a context manager; {remedy}, or give None"
            )
        return found

    return timed


def _check(model: MaskedDiffusionModel, settings: DecodeSettings) -> None:
    check_cache(settings, model.block_causal)
    check_shadow(settings, model.shifted)
    check_ends(settings, model.eos_token_ids, model.end_token_ids)


def _check_prompt(model: MaskedDiffusionModel, settings: DecodeSettings, row: Prompt) -> None:
    name, count, room = f"prompts[{row.index}]", len(row.tokens), settings.longest_prompt(model.max_length)
    if room < 1:
        raise ValueError(
            f"gen_length={settings.gen_length}: the model takes {model.max_length} tokens, prompt and answer together; "
            "lower it"
        )
    if count > room:
        raise ValueError(
            f"{name}: {count} tokens: at most {room} fit before gen_length={settings.gen_length} "
            f"in the model's {model.max_length}; shorten one of them"
        )
    if set(row.tokens) <= {model.mask_token_id}:
        what = "holds nothing but mask tokens" if count else "is empty"
        raise ValueError(
            f"{name}: {what}: on a canvas of nothing but masks every position is tied; give at least a start token"
        )
    if not 0 <= min(row.tokens) <= max(row.tokens) < model.vocab_size:
        raise ValueError(
            f"{name}: holds a token outside the vocabulary of {model.vocab_size}; "
            "encode it with the model's tokenizer"
        )
