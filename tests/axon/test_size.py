"""A network's size from its config alone is that of the network which is built."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import PreTrainedModel

from axon import MaskedDiffusionModel, Overrides
from axon.attention import kernel_name
from axon.models.description import FAMILIES, Description, describe
from axon.models.size import size_of
from tests.axon import published
from tests.axon.published_experts import SMALL

CONFIGS: dict[str, dict[str, Any]] = {**{name: published.small(name) for name in published.NAMES}, **SMALL}
TIES = ("tie_word_embeddings", "weight_tying")


def described(folder: Path, name: str, **changes: Any) -> Description:
    (folder / "config.json").write_text(json.dumps(CONFIGS[name] | changes))
    attention = published.ATTENTION.get(name)
    return describe(folder, Overrides(attention=attention, mask_token_id=7))


def built(found: Description) -> PreTrainedModel:
    with torch.device("meta"):
        network = found.family.build(found.network)
    network.tie_weights()
    return network


def test_every_family_is_here(tmp_path: Path) -> None:
    assert {described(tmp_path, name).family.name for name in CONFIGS} == {own.name for own in FAMILIES}


@pytest.mark.parametrize(("tied", "key_heads"), [(False, 1), (True, 4)])
@pytest.mark.parametrize("name", sorted(CONFIGS))
def test_parameters_are_those_of_the_network(name: str, tied: bool, key_heads: int, tmp_path: Path) -> None:
    """An output layer that is the embedding counts once."""
    [key] = [key for key in TIES if key in CONFIGS[name]] or TIES[:1]
    shared = "n_kv_heads" if "n_kv_heads" in CONFIGS[name] else "num_key_value_heads"
    found = described(tmp_path, name, **{key: tied, shared: key_heads})
    network = built(found)
    own = {id(parameter): parameter.numel() for parameter in network.parameters()}
    assert size_of(found).parameters == sum(own.values())
    assert found.network["tie_word_embeddings"] == tied


@pytest.mark.parametrize("name", sorted(CONFIGS))
def test_a_position_goes_through_the_matrices_of_every_layer_and_through_the_chosen_experts(
    name: str, tmp_path: Path
) -> None:
    found = described(tmp_path, name)
    chosen = found.network.get("num_experts_per_tok", 0)
    counted, width = 0, found.network["intermediate_size"]
    for own, weights in built(found).get_submodule("model").get_submodule("layers").named_parameters():
        if weights.ndim == 3:  # of all experts: (experts, out, in)
            counted += chosen * weights[0].numel()
            width = chosen * weights.shape[2] if "down_proj" in own else width
        elif weights.ndim == 2:
            counted += weights.numel()
        else:
            assert "norm" in own or "bias" in own
    assert (size_of(found).linear_per_position, size_of(found).shape.feed_forward) == (counted, width)


@pytest.mark.parametrize("name", sorted(CONFIGS))
def test_the_shape_is_that_of_the_model(name: str, tmp_path: Path) -> None:
    """A plan before loading and the batch after it go by one estimate."""
    found = described(tmp_path, name)
    network = built(found)
    network.config._attn_implementation = kernel_name("sdpa")
    model = MaskedDiffusionModel(network, found.family, 7, (), found.max_length)
    assert model.shape == size_of(found).shape
