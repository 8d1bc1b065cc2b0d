"""Every released key set loads, is described as its release means it, decodes, and computes what the references do."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from axon import (
    AxonSettings,
    CheckpointError,
    DecodeSettings,
    MaskedDiffusionModel,
    Overrides,
    decode,
    load_model,
)
from axon.models.description import describe
from tests.axon.published import ATTENTION, NAMES, small, write_published
from tests.axon.second import forward

# Family, mask token, end-of-text proper, everything that ends a text, block size.
DESCRIBED = {
    "llada_8b": ("llada", 126336, (126081,), (126081, 126348), None),
    "dream_7b": ("dream", 151666, (151643,), (151643, 151645), None),
    "sdar_8b": ("sdar", 151669, (151643,), (151643, 151645), 4),
    "sdar_8b_finetuned": ("sdar", 151669, (151643,), (151643, 151645), 4),
    "a2d_qwen3_0_6b": ("a2d-qwen3", 151669, (151645,), (151645,), None),
    "a2d_qwen2_5_coder_0_5b": ("a2d-qwen2", 151665, (151645,), (151645,), None),
    "open_dcoder_0_5b": ("open-dcoder", 151665, (151643,), (151643, 151645), None),
    "fast_dllm_v2_7b": ("fast_dllm_v2", 151665, (151645,), (151645,), 32),
    "illada_8b": ("illada", 5, (2,), (2,), None),
}
names = pytest.mark.parametrize("name", NAMES)
TOKENS, BLOCK = torch.arange(100, 124)[None], 8


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("published")


@cache
def folder(folders: Path, name: str) -> Path:
    return write_published(folders / name, name)


def load(folders: Path, name: str, dtype: str, kernel: str = "sdpa") -> MaskedDiffusionModel:
    return load_model(
        folder(folders, name),
        dtype,
        attention_kernel=kernel,
        overrides=Overrides(attention=ATTENTION.get(name)),
    )


def seen(model: MaskedDiffusionModel) -> Tensor | None:
    """Which columns a row sees: the first 8 positions are the prompt, as one block."""
    if not model.block_causal:
        return None
    block = torch.arange(TOKENS.shape[1]) // BLOCK
    return block[None, :] <= block[:, None]


@pytest.mark.slow
@names
def test_a_release_is_described_as_it_means_itself(name: str, folders: Path) -> None:
    found = describe(folder(folders, name), Overrides(attention=ATTENTION.get(name)))
    ends = (found.eos_token_ids, found.end_token_ids)
    assert (found.family.name, found.mask_token_id, *ends, found.block_size) == DESCRIBED[name]


@pytest.mark.slow
@names
def test_a_release_decodes(name: str, folders: Path) -> None:
    model = load(folders, name, "bfloat16")
    settings = DecodeSettings(gen_length=8, block_length=4, axon=AxonSettings(attention_layers="all"))
    traces = decode(model, [[1, 2, 3], [4]], settings)
    assert [len(trace.tokens) for trace in traces] == [8, 8]
    assert not any(model.mask_token_id in trace.tokens for trace in traces)


@pytest.mark.slow
@names
@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
def test_the_forward_pass_is_the_second_implementations(name: str, dtype: str, folders: Path) -> None:
    """Bit for bit with the fused kernel: the same operations in the same order and precision."""
    model = load(folders, name, dtype)
    layout = model.layout([BLOCK], TOKENS.shape[1] - BLOCK, BLOCK)
    stored = load_file(folder(folders, name) / "model.safetensors")
    tensors = {key: value.to(model.dtype) for key, value in stored.items()}
    with torch.inference_mode():
        ours = model.network.get_submodule("lm_head")(model(TOKENS, layout))
        theirs = forward(small(name), tensors, TOKENS, seen(model))
    assert torch.equal(ours, theirs)


@pytest.mark.slow
def test_the_precision_of_lladas_rotation_is_its_configs(tmp_path: Path) -> None:
    """In bfloat16 it shows, and each is the reference's; a config without the key means float32, as the reference's."""
    logits = {}
    for full in (True, False):
        path = write_published(tmp_path / str(full), "llada_8b", rope_full_precision=full)
        model = load_model(path, "bfloat16")
        layout = model.layout([BLOCK], TOKENS.shape[1] - BLOCK, BLOCK)
        stored = load_file(path / "model.safetensors")
        with torch.inference_mode():
            logits[full] = model.network.get_submodule("lm_head")(model(TOKENS, layout))
            theirs = forward(small("llada_8b") | {"rope_full_precision": full}, stored, TOKENS)
        assert torch.equal(logits[full], theirs)
    assert not torch.equal(logits[True], logits[False])


def test_a_stored_head_of_a_tied_checkpoint_must_be_the_embedding(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    path = write_published(tmp_path, "illada_8b")
    stored = load_file(path / "model.safetensors")
    embedding = stored["model.embed_tokens.weight"]
    save_file(stored | {"lm_head.weight": embedding.clone()}, path / "model.safetensors")
    head = load_model(path, "bfloat16").network.get_submodule("lm_head").weight
    assert torch.equal(head, embedding)
    save_file(stored | {"lm_head.weight": embedding * 2}, path / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"lm_head\.weight is stored and differs"):
        load_model(path, "bfloat16")
