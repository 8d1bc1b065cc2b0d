"""Fast-dLLM v2: a block's first token alone, then sub-blocks; compared with its generation written as a plain loop."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from axon import (
    AxonSettings,
    Confidence,
    Dawn,
    DecodeSettings,
    Dus,
    FixedSteps,
    HierarchyRemasking,
    MaskedDiffusionModel,
    Rcr,
    decode,
    load_model,
)
from axon.decoders import Decoder
from axon.models.description import describe
from axon.models.fast_dllm import FAST_DLLM
from tests.axon.published import CONFIGS
from tests.axon.toy_decoders import TOYS
from tests.axon.toy_model import EOS, MASK, VOCAB

BLOCK, SUB, GEN, THRESHOLD = 16, 8, 48, 0.55

PUBLISHED: dict[str, Any] = json.loads((CONFIGS / "fast_dllm_v2_7b.json").read_text())
SMALL = PUBLISHED | {
    "bd_size": BLOCK,
    "hidden_size": 16,
    "intermediate_size": 24,
    "layer_types": ["full_attention"] * 2,
    "max_position_embeddings": 128,
    "num_attention_heads": 4,
    "num_hidden_layers": 2,
    "num_key_value_heads": 2,
    "vocab_size": VOCAB,
    "mask_token_id": MASK,
    "eos_token_id": EOS,
}


def write_fast_dllm(folder: Path, **changes: object) -> Path:
    """A random checkpoint with the release's keys and tensor names, which are Qwen2's."""
    folder.mkdir(parents=True, exist_ok=True)
    config = SMALL | changes
    (folder / "config.json").write_text(json.dumps(config))
    network = FAST_DLLM.build(FAST_DLLM.read_config(config))
    generator = torch.Generator().manual_seed(0)
    tensors = {}
    for name, tensor in network.state_dict().items():
        scale = 1.0 if "norm" in name else 1.2 if name == "lm_head.weight" else 0.45
        if not (config["tie_word_embeddings"] and name == "lm_head.weight"):
            tensors[name] = torch.randn(tensor.shape, generator=generator) * scale
    save_file(tensors, folder / "model.safetensors")
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> MaskedDiffusionModel:
    return load_model(write_fast_dllm(tmp_path_factory.mktemp("fast_dllm")))


def _settings(decoder: Decoder, **axon: Any) -> DecodeSettings:
    plain = AxonSettings(gate="never") if not axon else AxonSettings(**axon)
    return DecodeSettings(gen_length=GEN, block_alignment="absolute", decoder=decoder, axon=plain)


def _beliefs(model: MaskedDiffusionModel) -> Callable[[list[int]], Tensor]:
    """Probabilities (positions, vocabulary) of the token after each position, under Fast-dLLM v2's own mask."""

    def of(tokens: list[int]) -> Tensor:
        block = torch.arange(len(tokens)) // BLOCK
        mask = torch.zeros(len(tokens), len(tokens)).masked_fill(block[None] > block[:, None], float("-inf"))
        with torch.inference_mode():
            logits = model.network(
                torch.tensor([tokens]), attention_mask=mask[None, None], use_cache=False
            ).logits[0]
            beliefs = logits.softmax(1)
            beliefs[:, MASK] = 0  # which is no answer
            return beliefs

    return of


def _batch_sample(next_of: Callable[[list[int]], Tensor], prompt: list[int]) -> tuple[list[int], int]:
    """The release's batch_sample for one prompt, without its caches: tokens after the prompt, and calls.

    The call that stores a finished block is the one that predicts the next block's first token. A prompt of exactly
    one block, whose prefill the release skips (`min_len > block_size`), is treated like those of two blocks.
    """
    tokens, calls = list(prompt), 0
    while len(tokens) < len(prompt) + GEN:
        if len(tokens) % BLOCK == 0:
            tokens.append(int(next_of(tokens)[-1].argmax()))
            calls += 1
        start = len(tokens) // BLOCK * BLOCK
        tokens += [MASK] * (start + BLOCK - len(tokens))
        for first in range(start, start + BLOCK, SUB):
            while MASK in (inside := tokens[first : first + SUB]):
                beliefs = next_of(tokens)
                calls += 1
                masked = [first + place for place, token in enumerate(inside) if token == MASK]
                sure = {place: float(beliefs[place - 1].max()) for place in masked}
                best = max(masked, key=lambda place: sure[place])
                for place in masked:
                    if sure[place] > THRESHOLD or place == best:
                        tokens[place] = int(beliefs[place - 1].argmax())
    return tokens[len(prompt) :], calls


@pytest.mark.parametrize("length", [1, 5, 15, 16, 17, 32, 40])
def test_it_decodes_as_the_releases_loop(length: int, model: MaskedDiffusionModel) -> None:
    prompt = [(7 * place + length) % 20 for place in range(length)]
    [trace] = decode(model, [prompt], _settings(Confidence(threshold=THRESHOLD)))
    tokens, calls = _batch_sample(_beliefs(model), prompt)
    assert list(trace.tokens) == tokens
    assert trace.nfe == calls
    assert GEN / BLOCK < calls < len(tokens)  # some pass revealed several


@pytest.mark.slow
@pytest.mark.parametrize(
    "decoder",
    [
        Confidence(threshold=0.0),
        FixedSteps(),
        Dawn(tau_edge=0.1, tau_low=0.3),
        Rcr(),
        Dus(),
        HierarchyRemasking(remask_threshold=0.7),
        *TOYS.values(),
    ],
)
def test_every_decoder_goes_by_sub_blocks(decoder: Decoder, model: MaskedDiffusionModel) -> None:
    """A block's first position is alone in its step; nothing is revealed before all to the left of its sub-block."""
    prompts = [[1, 2, 3], [4] * BLOCK, [5] * 21]
    settings = replace(
        _settings(decoder, gate="always", tau_sink="2x", attention_layers="all", max_anchor_steps=99),
        gen_length=2 * BLOCK,
    )
    together = decode(model, prompts, settings)
    assert together == [trace for prompt in prompts for trace in decode(model, [prompt], settings)]
    for prompt, trace in zip(prompts, together, strict=True):
        first_step: dict[int, int] = {}
        last_step: dict[int, int] = {}
        for event in trace.events:
            place = len(prompt) + event.position
            assert event.token != MASK or event.kind == "remask"
            if event.kind == "reveal":
                first_step.setdefault(place // SUB, event.step)
                last_step[place // SUB] = event.step
        opened = sorted(first_step)
        if not decoder.revises:
            assert all(last_step[left] < first_step[right] for left, right in pairwise(opened))
        firsts = [event.step for event in trace.events if (len(prompt) + event.position) % BLOCK == 0]
        for step in firsts if not decoder.revises else ():
            assert [event.step for event in trace.events].count(step) == 1


def test_other_families_have_no_sub_blocks(model: MaskedDiffusionModel) -> None:
    masked_BK = torch.tensor([[False, True, True, True], [True] * 4])
    sub = model.open(masked_BK)
    assert sub.tolist() == [[False, True, True, True], [True, False, False, False]]


def test_the_published_config_is_understood(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(PUBLISHED))
    found = describe(tmp_path)
    assert (found.family, found.mask_token_id, found.end_token_ids, found.block_size) == (
        FAST_DLLM,
        151665,
        (151645,),
        32,
    )


def test_tied_embeddings_load(tmp_path: Path) -> None:
    """The 1.5B release's."""
    network = load_model(write_fast_dllm(tmp_path, tie_word_embeddings=True)).network
    head, embedding = (network.get_submodule(name) for name in ("lm_head", "model.embed_tokens"))
    assert head.weight is embedding.weight
