"""How many numbers a network holds, from its config alone: neither the network nor torch need be there.

A test builds every family's network and compares.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from axon.models.description import Description
from axon.models.shape import NetworkShape

# What attention has beside its projections, by transformers' config.
_BIASES = ("Qwen2Config",)  # of the projections of queries, keys and values
_HEAD_NORMS = ("Qwen3Config", "Qwen3MoeConfig", "Glm4MoeConfig")  # of queries and of keys, over one head


@dataclass(frozen=True)
class Size:
    """Its shape, and weights of its parts, in numbers."""

    shape: NetworkShape
    parameters: int  # those that are stored: an output layer tied to the embedding counts once
    linear_per_position: (
        int  # weights below lm_head that a position is multiplied with: of experts, the chosen ones
    )


def size_of(described: Description) -> Size:
    """The size of the checkpoint's network, as `Family.build` makes it."""
    shape, fields = _shape_of(described), described.network
    hidden, layers, kind = shape.hidden, shape.layers, getattr(described.family.config, "name", "")
    projections = 2 * hidden * shape.head * (shape.heads + shape.key_heads)
    norms = 2 * hidden + 2 * shape.head * (kind in _HEAD_NORMS)
    biases = shape.head * (shape.heads + 2 * shape.key_heads) * (kind in _BIASES)
    sparse = _sparse_layers(fields, layers)
    dense = (layers - sparse) * 3 * hidden * int(fields["intermediate_size"])
    expert, experts = 3 * hidden * int(fields.get("moe_intermediate_size", 0)), _experts(fields)
    # The router, and who is never chosen:
    always = hidden * experts + expert * int(fields.get("n_shared_experts", 0))
    chosen = int(fields.get("num_experts_per_tok", 0))
    outside = shape.vocabulary * hidden * (1 if fields["tie_word_embeddings"] else 2) + hidden
    return Size(
        shape,
        outside + layers * (projections + norms + biases) + dense + sparse * (always + expert * experts),
        layers * projections + dense + sparse * (always + expert * chosen),
    )


def _shape_of(described: Description) -> NetworkShape:
    fields = described.network
    hidden, heads = int(fields["hidden_size"]), int(fields["num_attention_heads"])
    chosen = int(fields.get("num_experts_per_tok", 0)) * int(fields.get("moe_intermediate_size", 0))
    return NetworkShape(
        layers=described.num_layers,
        hidden=hidden,
        heads=heads,
        key_heads=int(fields["num_key_value_heads"]),
        head=int(fields.get("head_dim") or hidden // heads),
        feed_forward=chosen or int(fields["intermediate_size"]),
        vocabulary=described.vocab_size,
        block_causal=bool(described.family.block_causal),
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
