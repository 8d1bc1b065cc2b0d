"""A checkpoint folder -> a model: config.json, safetensors (one file or sharded with an index), tokenizer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor
from transformers import PretrainedConfig, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from axon.attention import KERNELS, kernel_name
from axon.models.dream import DREAM
from axon.models.family import CheckpointError, Family, require
from axon.models.llada import LLADA
from axon.models.model import MaskedDiffusionModel
from axon.models.sdar import SDAR

FAMILIES: dict[str, Family] = {"llada": LLADA, "dream": DREAM, "sdar": SDAR}  # by model_type, lower case

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True)
class Description:
    """A checkpoint but for its tensors."""

    family: Family
    network: PretrainedConfig
    mask_token_id: int
    end_token_ids: tuple[int, ...]  # empty where the checkpoint names none

    @property
    def num_layers(self) -> int:
        return int(self.network.num_hidden_layers)


def load_model(
    path: str | Path, dtype: str = "float32", device: str = "cpu", attention_kernel: str = "sdpa"
) -> MaskedDiffusionModel:
    """Load a checkpoint in the format of LLaDA, Dream or SDAR into transformers' own modules, in evaluation mode.

    Raises CheckpointError where the folder, its config or a tensor is not as it must be, and for an unknown
    dtype, device or attention kernel.
    """
    if dtype not in DTYPES:
        raise CheckpointError(f"model.dtype={dtype!r}: unknown; one of {', '.join(DTYPES)}")
    if attention_kernel not in KERNELS:
        raise CheckpointError(
            f"model.attention_kernel={attention_kernel!r}: unknown; one of {', '.join(KERNELS)}"
        )
    folder = Path(path)
    described = describe(folder)
    family, network_config = described.family, described.network
    network_config._attn_implementation = kernel_name(attention_kernel)
    target = _device(device)
    with torch.device("meta"):
        network = family.network(network_config)
    tied = bool(network_config.tie_word_embeddings)
    expected = {
        name: t.shape for name, t in network.state_dict().items() if not (tied and name == "lm_head.weight")
    }
    tensors = _read_tensors(folder, family, expected, DTYPES[dtype], target)
    network.load_state_dict(tensors, strict=False, assign=True)
    if tied:
        network.get_submodule("lm_head").weight = network.get_submodule("model.embed_tokens").weight
    # The rotary frequencies are computed, not stored: made again here because on "meta" they have no values.
    body = network.get_submodule("model")
    body.rotary_emb = type(body.get_submodule("rotary_emb"))(network_config).to(target)
    network.requires_grad_(False)
    return MaskedDiffusionModel(
        network,
        family,
        described.mask_token_id,
        described.end_token_ids,
        network_config.max_position_embeddings,
    ).eval()


def describe(path: str | Path) -> Description:
    """What the checkpoint's configs say, without reading its tensors. Raises CheckpointError."""
    folder = Path(path)
    config = _read_json(folder, "config.json")
    family = _family(config)
    network = family.read_config(config)
    mask_token_id = require(config, "mask_token_id", int)
    if not 0 <= mask_token_id < network.vocab_size:
        raise CheckpointError(
            f"config.json: mask_token_id={mask_token_id}: lies outside the vocabulary; repair it"
        )
    ends = _end_token_ids(folder, config, network.vocab_size)
    return Description(family, network, mask_token_id, ends)


def load_tokenizer(path: str | Path) -> PreTrainedTokenizerBase:
    """The tokenizer: tokenizer.json, or for Dream and SDAR vocab.json with merges.txt; no remote code runs.

    Raises CheckpointError where there is none or it is broken.
    """
    folder = Path(path)
    kind: type[PreTrainedTokenizerBase] = PreTrainedTokenizerFast
    if not (folder / "tokenizer.json").is_file():
        own = describe(folder).family.tokenizer
        if own is None or not all((folder / name).is_file() for name in ("vocab.json", "merges.txt")):
            raise CheckpointError(
                f"model.path={str(path)!r}: has no tokenizer.json; put the checkpoint's tokenizer there"
            )
        kind = own
    try:
        tokenizer: PreTrainedTokenizerBase = kind.from_pretrained(str(folder))
    except Exception as error:  # tokenizers raises bare Exception on a broken file
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise CheckpointError(
            f"model.path={str(path)!r}: the tokenizer's files are broken ({reason}); copy them again"
        ) from error
    return tokenizer


def _end_token_ids(folder: Path, config: Mapping[str, Any], vocabulary: int) -> tuple[int, ...]:
    """Every end-of-text that config.json and, where there is one, generation_config.json name."""
    named = [("config.json", config.get("eos_token_id"))]
    if (folder / "generation_config.json").is_file():
        generation = _read_json(folder, "generation_config.json")
        named.append(("generation_config.json", generation.get("eos_token_id")))
    found: dict[int, None] = {}
    for name, value in named:
        for token in value if isinstance(value, list) else [] if value is None else [value]:
            if not isinstance(token, int) or not 0 <= token < vocabulary:
                raise CheckpointError(
                    f"{name}: eos_token_id={value!r}: must be token numbers below {vocabulary}; repair it"
                )
            found[token] = None
    return tuple(found)


def _device(name: str) -> torch.device:
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(f"model.device={name!r}: cannot be used here ({reason}); try cpu") from error
    return device


def _family(config: Mapping[str, Any]) -> Family:
    kind = str(config.get("model_type", "")).lower()
    if kind not in FAMILIES:
        raise CheckpointError(
            f"config.json: model_type={config.get('model_type')!r}: unknown; one of {', '.join(FAMILIES)}"
        )
    return FAMILIES[kind]


def _read_json(folder: Path, name: str) -> dict[str, Any]:
    if not (folder / name).is_file():
        reason = f"has no {name}" if folder.is_dir() else "is no folder"
        raise CheckpointError(f"model.path={str(folder)!r}: {reason}; give a checkpoint folder")
    try:
        content = json.loads((folder / name).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"model.path={str(folder)!r}: {name} cannot be read ({error}); copy it again"
        ) from error
    if not isinstance(content, dict):
        raise CheckpointError(f"model.path={str(folder)!r}: {name} holds no object; copy it again")
    return content


def _files(folder: Path) -> list[Path]:
    """The safetensors files: one, or the shards that the index names."""
    if (folder / "model.safetensors.index.json").is_file():
        index = require(_read_json(folder, "model.safetensors.index.json"), "weight_map", dict)
        files = [folder / name for name in sorted(set(index.values()))]
    else:
        files = [folder / "model.safetensors"]
    missing = [file.name for file in files if not file.is_file()]
    if missing:
        raise CheckpointError(
            f"model.path={str(folder)!r}: lacks {_listed(missing)}; copy the checkpoint again"
        )
    return files


def _read_tensors(
    folder: Path, family: Family, expected: Mapping[str, torch.Size], dtype: torch.dtype, device: torch.device
) -> dict[str, Tensor]:
    """Tensors under transformers' names, exactly those expected; shapes are checked before anything is read."""
    tensors: dict[str, Tensor] = {}
    surplus: list[str] = []
    misshapen: list[str] = []
    seen: set[str] = set()
    for file in _files(folder):
        try:
            with safe_open(str(file), framework="pt", device=str(device)) as content:
                for name in content.keys():  # noqa: SIM118 - no mapping, only keys()
                    new, shape = family.rename(name), tuple(content.get_slice(name).get_shape())
                    seen.add(new)
                    if new not in expected:
                        surplus.append(name)
                    elif shape != tuple(expected[new]):
                        misshapen.append(f"{name} {list(shape)} instead of {list(expected[new])}")
                    else:
                        tensors[new] = content.get_tensor(name).to(dtype)
        except (SafetensorError, OSError) as error:
            raise CheckpointError(f"{file}: cannot be read ({error}); copy the checkpoint again") from error
    missing = sorted(set(expected) - seen)
    problems = {"missing": missing, "surplus": surplus, "wrongly shaped": misshapen}
    found = [f"{len(names)} {kind} tensors ({_listed(names)})" for kind, names in problems.items() if names]
    if found:
        raise CheckpointError(
            f"model.path={str(folder)!r}: {'; '.join(found)}; the checkpoint must fit its config.json exactly"
        )
    return tensors


def _listed(names: list[str], limit: int = 5) -> str:
    return ", ".join(names[:limit]) + (f", and {len(names) - limit} more" if len(names) > limit else "")
