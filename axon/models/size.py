"""How many numbers a network holds, from its config alone: neither the network nor torch need be there.

A test builds every family's network and compares.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from axon.models.description import Description

# What attention has beside its projections, by transformers' config.
_BIASES = ("Qwen2Config",)  # of the projections of queries, keys and values
_HEAD_NORMS = ("Qwen3Config", "Qwen3MoeConfig", "Glm4MoeConfig")  # of queries and of keys, over one head


@dataclass(frozen=True)
class Size:
    """Weights of the parts, in numbers."""

    heads: int
    key_heads: int
    head: int  # the size of one
    feed_forward: int  # its width; of experts, of those that a position goes through together
    parameters: int  # those that are stored: an output layer tied to the embedding counts once
    linear_per_position: (
        int  # weights below lm_head that a position is multiplied with: of experts, the chosen ones
    )


def size_of(described: Description) -> Size:
    """The size of the checkpoint's network, as `Family.build` makes it."""
    fields, kind = described.network, getattr(described.family.config, "name", "")
    hidden, layers, heads = (
        int(fields[key]) for key in ("hidden_size", "num_hidden_layers", "num_attention_heads")
    )
    key_heads = int(fields["num_key_value_heads"])
    head = int(fields.get("head_dim") or hidden // heads)
    projections = 2 * hidden * head * (heads + key_heads)
    beside = (
        2 * hidden + 2 * head * (kind in _HEAD_NORMS) + head * (heads + 2 * key_heads) * (kind in _BIASES)
    )
    sparse = _sparse_layers(fields, layers)
    dense = 3 * hidden * int(fields["intermediate_size"])
    width = int(fields.get("moe_intermediate_size", 0))
    expert, experts = 3 * hidden * width, _experts(fields)
    always = hidden * experts + expert * int(
        fields.get("n_shared_experts", 0)
    )  # the router, and who is never chosen
    chosen = int(fields.get("num_experts_per_tok", 0))
    outside = described.vocab_size * hidden * (1 if fields["tie_word_embeddings"] else 2) + hidden
    return Size(
        heads,
        key_heads,
        head,
        width * chosen or int(fields["intermediate_size"]),
        outside
        + layers * (projections + beside)
        + (layers - sparse) * dense
        + sparse * (always + expert * experts),
        layers * projections + (layers - sparse) * dense + sparse * (always + expert * chosen),
    )


def _experts(fields: Mapping[str, Any]) -> int:
    """By the name that Qwen3-MoE's config has for them, or GLM-4-MoE's."""
    return int(fields.get("num_experts") or fields.get("n_routed_experts") or 0)


def _sparse_layers(fields: Mapping[str, Any], layers: int) -> int:
    """How many layers have experts."""
    if not _experts(fields):
        return 0
    dense = int(fields.get("first_k_dense_replace", 0)) or len(fields.get("mlp_only_layers", ()))
    return max(0, layers - dense)
