"""Fast-dLLM's prefix and dual cache: decodes are those of their definition, and what is frozen is frozen."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

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
from axon.attention import kernel_name
from axon.forward import Forward
from axon.identity import decode_identity
from tests.axon.plain_fast_dllm import plain_decode
from tests.axon.row_laws import check_rows, decode_rows
from tests.axon.test_cache import LONG
from tests.axon.test_golden import GOLDEN
from tests.axon.test_laws import COMBINATIONS, MIXED, VARIED
from tests.axon.toy_model import toy_model

CACHES = ("prefix", "dual")
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


@pytest.mark.skipif(not GOLDEN.is_dir(), reason=f"the recorded cases are not here: {GOLDEN}")
@pytest.mark.parametrize("stops", [False, True])
@pytest.mark.parametrize("block_length", [8, 16, 32])
@pytest.mark.parametrize("family", ["llada", "dream"])
@caches
def test_decodes_are_those_of_the_definition(kind: Any, family: str, block_length: int, stops: bool) -> None:
    config, tensors, model = golden(family)
    prompts = json.loads((GOLDEN / f"{family}.json").read_text())["cases"]
    prompts = [case["prompt"] for case in prompts[:: len(prompts) // 3]][:3]
    threshold, each = 0.2, 4
    tried: list[tuple[Any, Callable[[list[float], int], int]]] = [
        (Confidence(threshold=threshold), lambda found, _: sum(one >= threshold for one in found)),
        (FixedSteps(steps=32 // each), lambda _, within: each if within < block_length // each else 1),
    ]
    for decoder, how_many in tried:
        [end] = model.end_token_ids
        setting = DecodeSettings(
            32,
            block_length,
            end_of_text="stop_at_eos" if stops else "full",
            decoder=decoder,
            axon=OFF,
            cache=kind,
        )
        for prompt, trace in zip(prompts, decode(model, prompts, setting), strict=True):
            expected = plain_decode(
                config, tensors, prompt, kind, 32, block_length, how_many, end if stops else None
            )
            assert (list(trace.tokens), list(trace.revealed_at)) == expected
