"""A checkpoint folder -> a model: config.json, and safetensors in one file or sharded with an index."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from transformers import PretrainedConfig, PreTrainedModel

from axon.attention import KERNELS, kernel_name
from axon.checks import check_made, check_whole
from axon.huge_pages import huge_pages
from axon.models.description import describe
from axon.models.family import CheckpointError, Family
from axon.models.family_code import family_code
from axon.models.folder import check_path
from axon.models.model import MaskedDiffusionModel
from axon.models.overrides import AS_THE_FILES_SAY, Overrides
from axon.models.split import away
from axon.models.weights import read_weights
from axon.python_values import as_python

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
DRAW = ("torch.nn.init", "transformers.initialization")  # whose functions fill new weights
HEAD, EMBEDDING = "lm_head.weight", "model.embed_tokens.weight"


def load_model(
    path: str | Path,
    dtype: str = "float32",
    device: str = "cpu",
    attention_kernel: str = "sdpa",
    overrides: Overrides = AS_THE_FILES_SAY,
    gpus: int = 1,
) -> MaskedDiffusionModel:
    """Load a checkpoint in the format of one of FAMILIES into transformers' own modules, in evaluation mode.

    `gpus`: over how many its layers are split; device `cuda:2` and 2 mean cuda:2 and cuda:3. Raises CheckpointError if
    the folder, its config or a tensor is faulty, and for an unknown dtype, device or attention kernel. Sets an
    environment variable for torch (axon/huge_pages.py).
    """
    check_path(path)
    if dtype not in list(DTYPES):  # a list asks no hash of it
        raise CheckpointError(f"model.dtype={dtype!r}: unknown; one of {', '.join(DTYPES)}")
    if attention_kernel not in list(KERNELS):
        raise CheckpointError(
            f"model.attention_kernel={attention_kernel!r}: unknown; one of {', '.join(KERNELS)}"
        )
    check_made("overrides", overrides, Overrides, "Overrides(block_size=32)")
    check_whole("gpus", gpus := as_python(gpus), 1)
    huge_pages()
    described = describe(path, overrides)
    family = described.family
    with family_code(family.name):
        config = family.configured(described.network)
    config._attn_implementation = kernel_name(attention_kernel)
    network = _load_network(Path(path), family, config, DTYPES[dtype], _devices(device, gpus))
    model = MaskedDiffusionModel(
        network,
        family,
        described.mask_token_id,
        described.end_token_ids,
        described.max_length,
        described.block_size,
        eos_token_ids=described.eos_token_ids,
    )
    return model.eval()


class Unfilled(TorchFunctionMode):
    """Within, modules are made with weights on "meta", which have no values yet, and aren't drawn at random.

    All else is computed on the processor. Under `torch.device("meta")` it would be in Python, on "meta" too, for which
    torch imports its compiler: half a second.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        keywords = dict(kwargs or {})
        if getattr(func, "__module__", None) in DRAW:
            return args[0] if args else keywords["tensor"]
        if func is torch.empty and keywords.get("device") is None:
            keywords["device"] = "meta"
        return func(*args, **keywords)


def _load_network(
    folder: Path,
    family: Family,
    config: PretrainedConfig,
    dtype: torch.dtype,
    devices: Sequence[torch.device],
) -> PreTrainedModel:
    """The network with the checkpoint's weights, which are read straight into place."""
    home = devices[0]
    with Unfilled(), family_code(family.name):
        network = family.network(config)
    expected = {name: tensor.shape for name, tensor in network.state_dict().items()}
    tied = (HEAD, EMBEDDING) if config.tie_word_embeddings else None
    weights = read_weights(folder, family, expected, dtype, home, tied, away(expected, devices))
    network.load_state_dict(weights, strict=False, assign=True)
    if tied:
        network.get_submodule("lm_head").weight = network.get_submodule("model.embed_tokens").weight
    # The rotary frequencies are computed, not stored, so on "meta" they have no values: they are made again here.
    body = network.get_submodule("model")
    body.rotary_emb = type(body.get_submodule("rotary_emb"))(config).to(home)
    return network.requires_grad_(False)


def _devices(name: str, gpus: int) -> list[torch.device]:
    """Raises CheckpointError if one of them can't be used. A processor is but one device."""
    first = _device(name)
    if gpus == 1 or first.type == "cpu":
        return [first]
    return [_device(f"{first.type}:{(first.index or 0) + number}") for number in range(gpus)]


def _device(name: str) -> torch.device:
    try:
        device = torch.device(name)
        # Probabilities are computed in float64, which Apple's MPS, for one, has not.
        torch.empty(0, dtype=torch.float64, device=device)
    except (RuntimeError, AssertionError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(f"model.device={name!r}: cannot be used here ({reason}); try cpu") from error
    return device
