"""A second implementation of LLaDA-MoE, LLaDA2 and SDAR-MoE, to compare with: functions over the published tensors.

Follows the releases' own code in the order and the type of every step: a loop over the experts, whose results are
added in the model's type (LLaDA-MoE, SDAR-MoE) or in float32 (LLaDA2).
Shapes: W positions, D hidden size, H heads, S head size, E experts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

Tensors = Mapping[str, Tensor]
Config = Mapping[str, Any]


def softmax_logits(tensors: Tensors, config: Config, tokens_W: Tensor, seen_WW: Tensor) -> Tensor:
    """LLaDA-MoE's and SDAR-MoE's (W, vocabulary); `seen_WW` says which positions (second axis) a position sees."""
    size = config.get("head_dim", config["hidden_size"] // config["num_attention_heads"])

    def attend(layer: str, x_WD: Tensor) -> Tensor:
        place = f"{layer}.self_attn"
        parts = [x_WD @ tensors[f"{place}.{part}_proj.weight"].T for part in "qkv"]
        q_WHS, k_WHS, v_WHS = (part.unflatten(1, (-1, size)) for part in parts)
        norms = tensors[f"{place}.q_norm.weight"], tensors[f"{place}.k_norm.weight"]
        mixed = _attention(q_WHS, k_WHS, v_WHS, norms, size, config, seen_WW)
        return mixed @ tensors[f"{place}.o_proj.weight"].T

    def mix(layer: str, x_WD: Tensor) -> Tensor:
        scores_WE = (x_WD @ tensors[f"{layer}.mlp.gate.weight"].T).softmax(1, dtype=torch.float32)
        weights, chosen = scores_WE.topk(config["num_experts_per_tok"], dim=1)
        if config["norm_topk_prob"]:  # SDAR-MoE's
            weights = weights / weights.sum(1, keepdim=True)
        weights, total_WD = weights.to(x_WD.dtype), torch.zeros_like(x_WD)
        for expert in range(config["num_experts"]):
            rows, ranks = (chosen == expert).nonzero(as_tuple=True)
            result = _gated(tensors, f"{layer}.mlp.experts.{expert}", x_WD[rows])
            total_WD[rows] += result * weights[rows, ranks, None]
        return total_WD

    return _logits(tensors, config, "model.embed_tokens.weight", tokens_W, attend, mix)


def llada2_logits(tensors: Tensors, config: Config, tokens_W: Tensor, seen_WW: Tensor) -> Tensor:
    """(W, vocabulary); `seen_WW` says which positions (second axis) a position sees."""
    heads, key_heads, size = (
        config[key] for key in ("num_attention_heads", "num_key_value_heads", "head_dim")
    )

    def attend(layer: str, x_WD: Tensor) -> Tensor:
        place = f"{layer}.attention"
        fused = (x_WD @ tensors[f"{place}.query_key_value.weight"].T).unflatten(1, (-1, size))
        q_WHS, k_WHS, v_WHS = fused.split([heads, key_heads, key_heads], dim=1)
        norms = tensors[f"{place}.query_layernorm.weight"], tensors[f"{place}.key_layernorm.weight"]
        turned = int(size * config["partial_rotary_factor"])
        mixed = _attention(q_WHS, k_WHS, v_WHS, norms, turned, config, seen_WW)
        return mixed @ tensors[f"{place}.dense.weight"].T

    def mix(layer: str, x_WD: Tensor) -> Tensor:
        if f"{layer}.mlp.gate.weight" not in tensors:
            return _gated(tensors, f"{layer}.mlp", x_WD)
        weights, chosen = llada2_route(tensors, config, layer, x_WD)
        total_WD = torch.zeros(x_WD.shape)  # float32
        for expert in range(config["num_experts"]):
            rows, ranks = (chosen == expert).nonzero(as_tuple=True)
            result = _gated(tensors, f"{layer}.mlp.experts.{expert}", x_WD[rows])
            total_WD[rows] += result.float() * weights[rows, ranks, None]
        return total_WD.to(x_WD.dtype) + _gated(tensors, f"{layer}.mlp.shared_experts", x_WD)

    return _logits(tensors, config, "model.word_embeddings.weight", tokens_W, attend, mix)


def llada2_route(tensors: Tensors, config: Config, layer: str, x_WD: Tensor) -> tuple[Tensor, Tensor]:
    """Weights and numbers of each position's experts, one position and one group at a time."""
    scores_WE = (x_WD.float() @ tensors[f"{layer}.mlp.gate.weight"].float().T).sigmoid()
    biased_WE = scores_WE + tensors[f"{layer}.mlp.gate.expert_bias"]
    groups, width = config["n_group"], config["num_experts"] // config["n_group"]
    weights, chosen = [], []
    for scores_E, biased_E in zip(scores_WE, biased_WE, strict=True):
        value = [float(biased_E[g * width : (g + 1) * width].sort().values[-2:].sum()) for g in range(groups)]
        kept = sorted(range(groups), key=lambda group: -value[group])[: config["topk_group"]]
        allowed = [group * width + place for group in kept for place in range(width)]
        best = sorted(allowed, key=lambda expert: -float(biased_E[expert]))[: config["num_experts_per_tok"]]
        share = scores_E[best] / (scores_E[best].sum() + 1e-20) * config["routed_scaling_factor"]
        weights.append(share)
        chosen.append(torch.tensor(best))
    return torch.stack(weights), torch.stack(chosen)


def _logits(
    tensors: Tensors,
    config: Config,
    embedding: str,
    tokens_W: Tensor,
    attend: Callable[[str, Tensor], Tensor],
    mix: Callable[[str, Tensor], Tensor],
) -> Tensor:
    x_WD, eps = tensors[embedding][tokens_W], config["rms_norm_eps"]
    for number in range(config["num_hidden_layers"]):
        layer = f"model.layers.{number}"
        x_WD = x_WD + attend(layer, _rms(x_WD, tensors[f"{layer}.input_layernorm.weight"], eps))
        x_WD = x_WD + mix(layer, _rms(x_WD, tensors[f"{layer}.post_attention_layernorm.weight"], eps))
    return _rms(x_WD, tensors["model.norm.weight"], eps) @ tensors["lm_head.weight"].T


def _rms(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    wide = x.float()
    return weight * (wide * (wide.square().mean(-1, keepdim=True) + eps).rsqrt()).to(x.dtype)


def _gated(tensors: Tensors, place: str, x: Tensor) -> Tensor:
    gate, up, down = (tensors[f"{place}.{part}_proj.weight"] for part in ("gate", "up", "down"))
    return (torch.nn.functional.silu(x @ gate.T) * (x @ up.T)) @ down.T


def _attention(
    q_WHS: Tensor,
    k_WHS: Tensor,
    v_WHS: Tensor,
    norms: tuple[Tensor, Tensor],
    turned: int,
    config: Config,
    seen_WW: Tensor,
) -> Tensor:
    """PyTorch's own attention, as in the releases' default class, heads side by side: (W, H x S)."""
    eps, theta = config["rms_norm_eps"], config["rope_theta"]
    q_WHS = _rotated(_rms(q_WHS, norms[0], eps), turned, theta)
    k_WHS = _rotated(_rms(k_WHS, norms[1], eps), turned, theta)
    shared = q_WHS.shape[1] // k_WHS.shape[1]
    q_HWS, k_HWS, v_HWS = (part.transpose(0, 1) for part in (q_WHS, k_WHS, v_WHS))
    k_HWS, v_HWS = (part.repeat_interleave(shared, 0) for part in (k_HWS, v_HWS))
    mask_WW = torch.zeros(seen_WW.shape, dtype=q_WHS.dtype).masked_fill(
        ~seen_WW, torch.finfo(q_WHS.dtype).min
    )
    mask = None if seen_WW.all() else mask_WW[None, None]
    mixed = torch.nn.functional.scaled_dot_product_attention(q_HWS[None], k_HWS[None], v_HWS[None], mask)
    return mixed[0].transpose(0, 1).flatten(1)


def _rotated(x_WHS: Tensor, turned: int, theta: float) -> Tensor:
    """The first `turned` numbers of each head as turned[: half] + i turned[half :], times e^(i position frequency)."""
    half = turned // 2
    frequency = 1.0 / (theta ** (torch.arange(0, turned, 2, dtype=torch.float32) / turned))
    angle = torch.arange(len(x_WHS), dtype=torch.float32)[:, None, None] * frequency
    cos, sin = angle.cos().to(x_WHS.dtype), angle.sin().to(x_WHS.dtype)
    real, imaginary = x_WHS[..., :half], x_WHS[..., half:turned]
    return torch.cat(
        [real * cos - imaginary * sin, imaginary * cos + real * sin, x_WHS[..., turned:]], dim=-1
    )
