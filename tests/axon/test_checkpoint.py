"""Checkpoints: what fits is loaded, and what does not is refused by name."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from transformers.convert_slow_tokenizer import bytes_to_unicode

from axon import AxonSettings, CheckpointError, DecodeSettings, decode, load_model, load_tokenizer
from tests.axon.toy_model import llada_tensors, write_checkpoint

NORM = "model.transformer.ln_f.weight"
HEAD = "model.transformer.ff_out.weight"
DREAM_CONFIG = {
    "model_type": "Dream",
    "vocab_size": 300,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 64,
    "rms_norm_eps": 1e-6,
    "mask_token_id": 260,
}
SHORT = DecodeSettings(gen_length=4, block_length=4, axon=AxonSettings(attention_layers="all"))


def test_a_sharded_checkpoint_gives_the_same_model(tmp_path: Path) -> None:
    tensors = llada_tensors()
    whole = load_model(write_checkpoint(tmp_path / "whole", tensors))
    folder = write_checkpoint(tmp_path / "sharded", tensors)
    (folder / "model.safetensors").unlink()
    shards = {name: f"model-{number % 2}.safetensors" for number, name in enumerate(tensors)}
    for file in set(shards.values()):
        save_file({name: tensors[name] for name in tensors if shards[name] == file}, folder / file)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": shards}))

    assert decode(load_model(folder), [[1, 2]], SHORT) == decode(whole, [[1, 2]], SHORT)
    (folder / "model-1.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"lacks model-1\.safetensors"):
        load_model(folder)


def test_one_file_of_weights_beside_shards_is_refused(tmp_path: Path) -> None:
    """Of a folder that was saved to twice, transformers reads the one file, and the shards were read here."""
    folder = write_checkpoint(tmp_path, llada_tensors(seed=1))
    save_file(llada_tensors(seed=2), folder / "model-1.safetensors")
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": dict.fromkeys(llada_tensors(), "model-1.safetensors")}))
    with pytest.raises(
        CheckpointError, match=r"holds model\.safetensors beside the shards .*; remove the others"
    ):
        load_model(folder)
    index.write_text(json.dumps({"weight_map": dict.fromkeys(llada_tensors(), "model.safetensors")}))
    load_model(folder)


def test_a_tensor_in_two_shards_is_refused(tmp_path: Path) -> None:
    """Which of them is the model's is not said: the one in the later file was read."""
    folder = write_checkpoint(tmp_path, tensors := llada_tensors())
    (folder / "model.safetensors").rename(folder / "model-1.safetensors")
    save_file({HEAD: tensors[HEAD] + 1}, folder / "model-2.safetensors")
    shards = dict.fromkeys(tensors, "model-1.safetensors") | {HEAD: "model-2.safetensors"}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": shards}))
    with pytest.raises(
        CheckpointError, match=rf"{HEAD}: in model-1\.safetensors and in model-2\.safetensors, .*; copy"
    ):
        load_model(folder)


def test_a_tied_head_is_the_embedding(tmp_path: Path) -> None:
    tensors = llada_tensors()
    tensors[HEAD] = tensors["model.transformer.wte.weight"].clone()
    untied = load_model(write_checkpoint(tmp_path / "untied", tensors))
    del tensors[HEAD]
    tied = load_model(write_checkpoint(tmp_path / "tied", tensors, weight_tying=True))
    assert decode(tied, [[1, 2]], SHORT) == decode(untied, [[1, 2]], SHORT)


def test_missing_surplus_and_misshapen_tensors_are_named(tmp_path: Path) -> None:
    tensors = llada_tensors()
    del tensors[NORM]
    tensors["model.transformer.extra.weight"] = torch.zeros(1)
    tensors[HEAD] = torch.zeros(3, 16)
    with pytest.raises(CheckpointError) as caught:
        load_model(write_checkpoint(tmp_path, tensors))
    text = str(caught.value)
    assert "1 missing tensors (model.norm.weight" in text
    assert "1 surplus tensors (model.transformer.extra.weight)" in text
    assert f"1 wrongly shaped tensors ({HEAD} [3, 16] instead of [24, 16])" in text
    assert "\n" not in text


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"model_type": "gpt"}, "model_type='gpt'"),
        ({"block_type": "sequential"}, "block_type='sequential'"),
        ({"alibi": True}, "alibi=True"),
        ({"rms_norm_eps": None}, "rms_norm_eps=None"),
        ({"rms_norm_eps": 0}, "rms_norm_eps=0"),
        ({"rope_theta": 0.0}, "rope_theta=0.0"),
        ({"n_layers": "two"}, "n_layers='two'"),
        ({"n_heads": 3}, "d_model=16"),
        ({"n_kv_heads": 3}, "3 key heads for 4 heads: their number must divide that of all"),
        ({"n_kv_heads": 8}, "8 key heads for 4 heads"),
        (
            {"n_heads": 16, "n_kv_heads": 16},
            "heads of size 1, of which 1 is rotated: must be a pair or several",
        ),
        ({"embedding_size": 23}, "embedding_size=23: must be at least vocab_size=24"),
        ({"mask_token_id": None}, "mask_token_id=None"),
        ({"mask_token_id": 99}, "mask_token_id=99"),
    ],
)
def test_a_config_that_the_modules_do_not_compute_is_refused(
    tmp_path: Path, changes: dict[str, object], named: str
) -> None:
    with pytest.raises(CheckpointError) as caught:
        load_model(write_checkpoint(tmp_path, llada_tensors(), **changes))
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)


def test_broken_and_absent_files_are_refused_in_one_line(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "model", llada_tensors())
    for name in ("model.safetensors", "config.json"):
        (folder / name).write_bytes(b"\x08nonsense")
        with pytest.raises(CheckpointError) as caught:
            load_model(folder)
        assert name in str(caught.value)
        assert "\n" not in str(caught.value)
    with pytest.raises(CheckpointError, match="is not a folder"):
        load_model(tmp_path / "nowhere")
    with pytest.raises(CheckpointError, match="has no tokenizer"):
        load_tokenizer(write_checkpoint(tmp_path / "fresh", llada_tensors()))


def test_a_device_without_float64_is_refused_before_a_weight_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Apple's MPS: confidences are float64, and a Mac would say so in the midst of the first pass."""
    plain = torch.empty

    def empty(
        *shape: int, dtype: torch.dtype | None = None, device: torch.device | None = None
    ) -> torch.Tensor:
        if device is not None and dtype is torch.float64:
            raise TypeError(
                "Cannot convert a MPS Tensor to float64 dtype as the MPS framework doesn't support float64."
            )
        return plain(*shape, dtype=dtype, device="cpu")

    folder = write_checkpoint(tmp_path, llada_tensors())
    (folder / "model.safetensors").unlink()
    monkeypatch.setattr(torch, "empty", empty)
    with pytest.raises(
        CheckpointError, match=r"^model\.device='mps': cannot be used here \(.*float64.*; try cpu$"
    ):
        load_model(folder, device="mps")


@pytest.mark.parametrize(
    ("own", "generation", "ends"),
    [
        (22, None, (22,)),
        ([21, 22], None, (21, 22)),
        (22, [20, 22], (22, 20)),
        (None, 3, (3,)),
        (None, None, ()),
    ],
)
def test_every_named_end_of_text_counts(
    tmp_path: Path, own: object, generation: object, ends: tuple[int, ...]
) -> None:
    folder = write_checkpoint(tmp_path, llada_tensors(), eos_token_id=own)
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": generation}))
    assert load_model(folder).end_token_ids == ends


@pytest.mark.parametrize("wrong", ["22", 24, [1, -1]])
def test_an_impossible_end_of_text_is_refused(tmp_path: Path, wrong: object) -> None:
    with pytest.raises(CheckpointError, match=r"eos_token_id=.*: must be token numbers below 24"):
        load_model(write_checkpoint(tmp_path, llada_tensors(), eos_token_id=wrong))


def test_dreams_tokenizer_is_made_from_its_vocabulary_and_merges(tmp_path: Path) -> None:
    """Its releases have no tokenizer.json, and their tokenizer_config.json names a class of remote code."""
    vocabulary = [*bytes_to_unicode().values(), "he", "ll"]
    specials = ["<|endoftext|>", "<|im_end|>", "<|mask|>"]
    added = {
        str(len(vocabulary) + n): {"content": text, "special": True, "normalized": False}
        for n, text in enumerate(specials)
    }
    (tmp_path / "vocab.json").write_text(json.dumps({token: n for n, token in enumerate(vocabulary)}))
    (tmp_path / "merges.txt").write_text("#version: 0.2\nh e\nl l\n")
    described = {
        "tokenizer_class": "DreamTokenizer",
        "auto_map": {"AutoTokenizer": ["tokenization_dream.DreamTokenizer", None]},
        "added_tokens_decoder": added,
        "eos_token": specials[0],
        "pad_token": specials[0],
        "mask_token": specials[2],
        "chat_template": "{{ messages[0].content }}<|im_end|>",
    }
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(described))
    (tmp_path / "config.json").write_text(json.dumps(DREAM_CONFIG))
    tokenizer = load_tokenizer(tmp_path)
    assert tokenizer.tokenize("hell o", add_special_tokens=False) == ["he", "ll", "Ġ", "o"]
    assert tokenizer.convert_tokens_to_ids(specials) == [len(vocabulary) + n for n in range(3)]
    assert tokenizer.mask_token == "<|mask|>"
    text = tokenizer.apply_chat_template([{"role": "user", "content": "é"}], tokenize=False)
    assert tokenizer.decode(tokenizer.encode(text, add_special_tokens=False)) == "é<|im_end|>"
    (tmp_path / "merges.txt").unlink()
    with pytest.raises(CheckpointError, match=r"has no tokenizer\.json"):
        load_tokenizer(tmp_path)


@pytest.mark.parametrize(
    "choice",
    [
        {"dtype": "int8"},
        {"device": "abacus"},
        {"attention_kernel": "magic"},
    ],
)
def test_unknown_choices_are_refused(tmp_path: Path, choice: dict[str, str]) -> None:
    folder = write_checkpoint(tmp_path, llada_tensors())
    with pytest.raises(CheckpointError, match=next(iter(choice.values()))):
        load_model(folder, **choice)


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        (
            {"overrides": {"block_size": 4}},
            r"overrides=\{'block_size': 4\}: must be of type Overrides; give one",
        ),
        ({"dtype": ["float32"]}, r"model.dtype=\['float32'\]: unknown; one of float32"),
        ({"attention_kernel": {}}, r"model.attention_kernel=\{\}: unknown; one of sdpa"),
    ],
)
def test_arguments_of_a_wrong_type_are_refused(tmp_path: Path, wrong: dict[str, Any], line: str) -> None:
    with pytest.raises(ValueError, match=line):
        load_model(write_checkpoint(tmp_path, llada_tensors()), **wrong)


@pytest.mark.parametrize("path", [None, 123, b"folder", ["folder"]])
def test_what_no_folder_can_be_named_by_is_refused(path: Any) -> None:
    for load in (load_model, load_tokenizer):
        with pytest.raises(
            CheckpointError, match=f"^path={re.escape(repr(path))}: must be a text or a Path; give"
        ):
            load(path)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_decodes(tmp_path: Path, dtype: str) -> None:
    model = load_model(write_checkpoint(tmp_path, llada_tensors()), dtype=dtype)
    assert model.dtype == getattr(torch, dtype)
    traces = decode(model, [[1, 2, 3], [4]], SHORT)
    assert all(len(trace.tokens) == 4 for trace in traces)
