"""Checkpoints whose tensors are not the network's: stacked, fused and split on the way in, wherever the shards are."""

from __future__ import annotations

import json
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import Tensor
from transformers import PretrainedConfig, Qwen3MoeConfig, Qwen3MoeForCausalLM

from axon import AxonSettings, CheckpointError, DecodeSettings, MaskedDiffusionModel, decode, load_model
from axon.attention import kernel_name
from axon.models import description
from axon.models.conversion import Conversion, same_names
from axon.models.family import Family
from axon.models.folder import INDEX
from axon.models.sdar import SDAR
from axon.models.stored import StoredTensors
from axon.models.weights import read_weights
from tests.axon.toy_model import EOS, MASK, VOCAB

EXPERTS, WIDTH, HIDDEN = 4, 5, 3
Q, K, V = (f"layers.0.{name}.weight" for name in "qkv")
PARTS = {Q: (0, 4), K: (4, 6), V: (6, 8)}  # rows of the fused tensor
FUSED, STACKED, NORM = "layers.0.qkv.weight", "layers.0.experts", "norm.weight"
SINGLE = [f"layers.0.experts.{number}.weight" for number in range(EXPERTS)]


def joined(expected: Mapping[str, torch.Size]) -> dict[str, Conversion]:
    """A network with stacked experts and fused projections, from a checkpoint that has each on its own."""
    several = {STACKED: Conversion(tuple(SINGLE), torch.stack), FUSED: Conversion(tuple(PARTS), torch.cat)}
    return {name: several.get(name, Conversion((name,))) for name in expected}


def parted(expected: Mapping[str, torch.Size]) -> dict[str, Conversion]:
    """A network with single projections, from a checkpoint that has them in one tensor."""

    def rows(first: int, last: int) -> Conversion:
        return Conversion((FUSED,), lambda sources: sources[0][first:last])

    return {name: rows(*PARTS[name]) if name in PARTS else Conversion((name,)) for name in expected}


def family(convert: Any) -> Family:
    return Family("toy", PretrainedConfig, Qwen3MoeForCausalLM, lambda config: {}, convert)


def draw_tensors(shapes: dict[str, tuple[int, ...]], seed: int = 0) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}


LOOSE = {NORM: (WIDTH,), Q: (4, WIDTH), K: (2, WIDTH), V: (2, WIDTH)} | dict.fromkeys(SINGLE, (HIDDEN, WIDTH))
JOINED = {
    NORM: torch.Size([WIDTH]),
    FUSED: torch.Size([8, WIDTH]),
    STACKED: torch.Size([EXPERTS, HIDDEN, WIDTH]),
}
TIGHT = {NORM: (WIDTH,), FUSED: (8, WIDTH)}
PARTED = {
    NORM: torch.Size([WIDTH]),
    Q: torch.Size([4, WIDTH]),
    K: torch.Size([2, WIDTH]),
    V: torch.Size([2, WIDTH]),
}


def write(place: Path, tensors: dict[str, Tensor], shards: dict[str, int] | None = None) -> Path:
    place.mkdir(parents=True, exist_ok=True)
    files = {name: f"model-{(shards or {}).get(name, 0)}.safetensors" for name in tensors}
    for file in set(files.values()):
        held = {name: tensor.contiguous() for name, tensor in tensors.items() if files[name] == file}
        save_file(held, place / file)
    (place / INDEX).write_text(json.dumps({"weight_map": files}))
    return place


def read(
    place: Path, convert: Any, expected: dict[str, torch.Size], dtype: torch.dtype = torch.float32
) -> dict[str, Tensor]:
    return read_weights(place, family(convert), expected, dtype, torch.device("cpu"))


def fault(place: Path, convert: Any, expected: dict[str, torch.Size]) -> str:
    with pytest.raises(CheckpointError) as caught:
        read(place, convert, expected)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 1000),
    shards=st.fixed_dictionaries({name: st.integers(0, 2) for name in (*LOOSE, FUSED)}),
    stored=st.sampled_from([torch.float32, torch.bfloat16, torch.float64]),
    dtype=st.sampled_from([torch.float32, torch.bfloat16]),
)
def test_what_is_joined_and_parted_holds_the_same_numbers_in_any_shards(
    seed: int, shards: dict[str, int], stored: torch.dtype, dtype: torch.dtype, tmp_path: Path
) -> None:
    loose = {name: tensor.to(stored) for name, tensor in draw_tensors(LOOSE, seed).items()}
    found = read(write(tmp_path / f"{stored}{seed}{shards}"[:200], loose, shards), joined, JOINED, dtype)
    assert list(found) == list(JOINED)
    assert torch.equal(found[NORM], loose[NORM].to(dtype))
    assert torch.equal(found[FUSED], torch.cat([loose[Q], loose[K], loose[V]]).to(dtype))
    for number, name in enumerate(SINGLE):
        assert torch.equal(found[STACKED][number], loose[name].to(dtype))

    tight = {name: tensor.to(stored) for name, tensor in draw_tensors(TIGHT, seed).items()}
    again = read(write(tmp_path / f"tight{stored}{seed}{shards}"[:200], tight, shards), parted, PARTED, dtype)
    assert torch.equal(torch.cat([again[Q], again[K], again[V]]), tight[FUSED].to(dtype))


def test_a_part_does_not_keep_the_whole_in_memory(tmp_path: Path) -> None:
    found = read(write(tmp_path, draw_tensors(TIGHT)), parted, PARTED)
    assert all(t.untyped_storage().nbytes() == t.nbytes and t.is_contiguous() for t in found.values())


def test_only_the_sources_of_one_tensor_are_in_memory_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = {f"layers.{layer}.experts": torch.Size([EXPERTS, HIDDEN, WIDTH]) for layer in range(3)}
    single = {name: [f"{name}.{number}" for number in range(EXPERTS)] for name in names}
    tensors = draw_tensors({source: (HIDDEN, WIDTH) for sources in single.values() for source in sources})
    alive: weakref.WeakSet[Tensor] = weakref.WeakSet()
    most, plain = 0, StoredTensors.read

    def watched(self: StoredTensors, name: str) -> Tensor:
        nonlocal most
        tensor = plain(self, name)
        alive.add(tensor)
        most = max(most, len(alive))
        return tensor

    monkeypatch.setattr(StoredTensors, "read", watched)
    stack = {name: Conversion(tuple(sources), torch.stack) for name, sources in single.items()}
    read(write(tmp_path, tensors), lambda expected: stack, names)
    assert most == EXPERTS and not alive


def without(name: str) -> dict[str, Tensor]:
    return {other: tensor for other, tensor in draw_tensors(LOOSE).items() if other != name}


@pytest.mark.parametrize(
    ("tensors", "told"),
    [
        (without(SINGLE[2]), f"1 missing tensors ({STACKED} made from {SINGLE[2]})"),
        (without(K), f"1 missing tensors ({FUSED} made from {K})"),
        (without(NORM), f"1 missing tensors ({NORM})"),
        (without("") | {"extra": torch.zeros(1)}, "1 surplus tensors (extra)"),
        (
            without("") | {SINGLE[1]: torch.zeros(2, WIDTH)},
            f"1 wrongly shaped tensors ({STACKED} made from {SINGLE[1]} [2, 5] and {SINGLE[0]}, {SINGLE[2]}, "
            "and 1 more [3, 5]: ",
        ),
        (
            without("") | {K: torch.zeros(3, WIDTH)},
            f"1 wrongly shaped tensors ({FUSED} [9, 5] instead of [8, 5], made from ",
        ),
        (without("") | {NORM: torch.zeros(4)}, f"1 wrongly shaped tensors ({NORM} [4] instead of [5])"),
        (without("") | {V: torch.zeros(2, WIDTH, dtype=torch.int8)}, f"1 quantized tensors ({V} I8)"),
        (without("") | {V: torch.full((2, WIDTH), torch.nan)}, f"1 NaN or infinite tensors ({V} in float32)"),
    ],
)  # fmt: skip
def test_a_faulty_source_is_named(tensors: dict[str, Tensor], told: str, tmp_path: Path) -> None:
    assert told in fault(write(tmp_path, tensors), joined, JOINED)


@pytest.mark.parametrize(
    ("fused", "told"),
    [
        (torch.zeros(7, WIDTH), f"1 wrongly shaped tensors ({V} [1, 5] instead of [2, 5], made from {FUSED} [7, 5])"),
        (torch.zeros(8, WIDTH, dtype=torch.uint8), f"1 quantized tensors ({FUSED} U8)"),
        (torch.full((8, WIDTH), torch.inf), f"1 NaN or infinite tensors ({FUSED} in float32); copy"),
    ],
)  # fmt: skip
def test_a_faulty_source_of_several_tensors_is_named_once(fused: Tensor, told: str, tmp_path: Path) -> None:
    assert told in fault(write(tmp_path, draw_tensors(TIGHT) | {FUSED: fused}), parted, PARTED)


def test_a_tensor_that_only_its_conversion_makes_infinite_is_named_itself(tmp_path: Path) -> None:
    scaled = {NORM: Conversion(("scale",), lambda sources: sources[0] * 1e39)}
    place = write(tmp_path, {"scale": torch.ones(WIDTH)})
    assert f"({NORM} in float32)" in fault(place, lambda expected: scaled, {NORM: torch.Size([WIDTH])})


def test_a_misfit_is_told_before_any_number_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(StoredTensors, "read", lambda self, name: pytest.fail(f"{name} was read"))
    assert "1 missing tensors" in fault(write(tmp_path, without(Q)), joined, JOINED)


MOE: dict[str, Any] = {
    "vocab_size": VOCAB,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 4,
    "num_experts": EXPERTS,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 8,
    "intermediate_size": 8,
    "max_position_embeddings": 64,
    "rms_norm_eps": 1e-6,
    "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0},
    "tie_word_embeddings": False,
    "pad_token_id": None,
    "bos_token_id": None,
    "eos_token_id": None,
}


def mixture(expected: Mapping[str, torch.Size]) -> dict[str, Conversion]:
    """Qwen's published mixture-of-experts checkpoints, whose experts transformers stacks."""
    found = same_names(expected)
    for name in expected:
        place, _, stacked = name.rpartition(".experts.")
        inside = {"gate_up_proj": ("gate_proj", "up_proj"), "down_proj": ("down_proj",)}.get(stacked, ())
        if inside:
            sources = [f"{place}.experts.{n}.{part}.weight" for n in range(EXPERTS) for part in inside]
            found[name] = Conversion(tuple(sources), _stack_of(len(inside)))
    return found


def _stack_of(parts: int) -> Any:
    return lambda sources: torch.stack(
        [torch.cat(sources[first : first + parts]) for first in range(0, len(sources), parts)]
    )


def test_a_mixture_of_experts_loads_and_decodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A family beside the three: its checkpoint of single experts decodes like the network it was taken from."""
    toy_moe = Family(
        "toy_moe", Qwen3MoeConfig, Qwen3MoeForCausalLM, lambda config: MOE, mixture, block_causal=True
    )
    monkeypatch.setattr(description, "FAMILIES", (*description.FAMILIES, toy_moe))
    config = Qwen3MoeConfig(**MOE)
    config._attn_implementation = kernel_name("sdpa")
    torch.manual_seed(0)
    network = Qwen3MoeForCausalLM(config).eval().requires_grad_(False)
    stored: dict[str, Tensor] = {}
    for name, tensor in network.state_dict().items():
        tensor.copy_(torch.randn(tensor.shape) * 0.5)
        place, _, stacked = name.rpartition(".experts.")
        parts = {"gate_up_proj": ("gate_proj", "up_proj"), "down_proj": ("down_proj",)}.get(stacked)
        if parts is None:
            stored[name] = tensor
            continue
        for number, expert in enumerate(tensor):
            for part, piece in zip(parts, expert.chunk(len(parts)), strict=True):
                stored[f"{place}.experts.{number}.{part}.weight"] = piece.clone()
    write(tmp_path, stored, {name: number % 3 for number, name in enumerate(stored)})
    described = {"model_type": "toy_moe", "mask_token_id": MASK, "eos_token_id": EOS}
    (tmp_path / "config.json").write_text(json.dumps(described))

    settings = DecodeSettings(gen_length=8, block_length=4, axon=AxonSettings(attention_layers="all"))
    direct = MaskedDiffusionModel(network, SDAR, MASK, (EOS,), 64)
    assert decode(load_model(tmp_path), [[1, 2], [3]], settings) == decode(direct, [[1, 2], [3]], settings)
