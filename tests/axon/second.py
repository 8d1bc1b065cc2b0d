"""A second implementation of the networks, in plain torch, from the references' formulas; no line is shared with axon/.

LLaDA: GSAI-ML/LLaDA-8B-Instruct: modeling_llada.py (an OLMo block with separate projections).
Dream: Dream-org/Dream-v0-Instruct-7B: modeling_dream.py (a Qwen2 block). SDAR: JetLM/SDAR-8B-Chat: modeling_sdar.py
(a Qwen3 block). iLLaDA: GSAI-ML/iLLaDA-8B-Base: modeling_illada.py (a Llama block).
Tensors have the names of the checkpoints. Shapes: B batch, W width, H heads, D head size.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

Tensors = Mapping[str, Tensor]

LLADA = {
    "embed": "model.transformer.wte",
    "norm": "model.transformer.ln_f",
    "head": "model.transformer.ff_out",
    "layer": "model.transformer.blocks.{}.",
    "attn_norm": "attn_norm",
    "q": "q_proj",
    "k": "k_proj",
    "v": "v_proj",
    "o": "attn_out",
    "ff_norm": "ff_norm",
    "gate": "ff_proj",
    "up": "up_proj",
    "down": "ff_out",
}
QWEN = {
    "embed": "model.embed_tokens",
    "norm": "model.norm",
    "head": "lm_head",
    "layer": "model.layers.{}.",
    "attn_norm": "input_layernorm",
    "q": "self_attn.q_proj",
    "k": "self_attn.k_proj",
    "v": "self_attn.v_proj",
    "o": "self_attn.o_proj",
    "ff_norm": "post_attention_layernorm",
    "gate": "mlp.gate_proj",
    "up": "mlp.up_proj",
    "down": "mlp.down_proj",
}


def forward(
    config: Mapping[str, Any],
    tensors: Tensors,
    tokens_BW: Tensor,
    allowed_WW: Tensor | None = None,
    replaced: Callable[[int, Tensor, Tensor], tuple[Tensor, Tensor]] = lambda layer, k, v: (k, v),
    places_W: Tensor | None = None,
    maps: dict[int, Tensor] | None = None,
) -> Tensor:
    """Logits (B, W, V), in the precision of the tensors, of positions 0 to W-1 or those in `places_W`.

    `allowed_WW`: which columns a row sees; None: all. `replaced`: what takes the place of a layer's keys and values.
    `maps`: gets the attention (B, H, W, W) of those layers that it names.
    """
    is_llada = "d_model" in config
    names = LLADA if is_llada else QWEN
    heads = config["n_heads" if is_llada else "num_attention_heads"]
    width = config["d_model" if is_llada else "hidden_size"]
    size = config.get("head_dim") or width // heads
    layers = config["n_layers" if is_llada else "num_hidden_layers"]
    full_precision = is_llada and config.get("rope_full_precision", True)
    eps = config["rms_norm_eps"]
    sin, cos = _angles(tokens_BW.shape[1], size, config["rope_theta"])
    if places_W is not None:
        sin, cos = sin[places_W], cos[places_W]
    x = tensors[names["embed"] + ".weight"][tokens_BW]
    mask = None
    if allowed_WW is not None:
        lowest = torch.finfo(x.dtype).min
        mask = torch.zeros(allowed_WW.shape, dtype=x.dtype).masked_fill(~allowed_WW, lowest)
    for number in range(layers):
        layer = {
            part: names["layer"].format(number) + names[part] for part in names if part not in ("layer",)
        }
        prefix = names["layer"].format(number)
        h = _norm(x, tensors[layer["attn_norm"] + ".weight"], eps)
        q, k, v = (_heads(_linear(h, tensors, layer[part]), size) for part in "qkv")
        if prefix + "self_attn.q_norm.weight" in tensors:  # Qwen3 normalises each head before it rotates
            q = _norm(q, tensors[prefix + "self_attn.q_norm.weight"], eps)
            k = _norm(k, tensors[prefix + "self_attn.k_norm.weight"], eps)
        q, k = (_rotate(part, sin, cos, full_precision) for part in (q, k))
        k, v = replaced(number, k, v)
        repeats = q.shape[1] // k.shape[1]
        k, v = (part.repeat_interleave(repeats, dim=1) for part in (k, v))
        if maps is not None and number in maps:
            scores = q @ k.transpose(2, 3) / size**0.5
            maps[number] = (scores if mask is None else scores + mask).softmax(-1)
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        x = x + _linear(mixed.transpose(1, 2).flatten(2), tensors, layer["o"])
        h = _norm(x, tensors[layer["ff_norm"] + ".weight"], eps)
        h = F.silu(_linear(h, tensors, layer["gate"])) * _linear(h, tensors, layer["up"])
        x = x + _linear(h, tensors, layer["down"])
    x = _norm(x, tensors[names["norm"] + ".weight"], eps)
    head = names["head"] + ".weight"
    return F.linear(x, tensors[head if head in tensors else names["embed"] + ".weight"])


def _angles(width: int, size: int, theta: float) -> tuple[Tensor, Tensor]:
    frequencies = 1.0 / (theta ** (torch.arange(0, size, 2, dtype=torch.float) / size))
    angles = torch.outer(torch.arange(width, dtype=torch.float), frequencies)
    angles = torch.cat((angles, angles), dim=-1)
    return angles.sin(), angles.cos()


def _rotate(x_BHWD: Tensor, sin: Tensor, cos: Tensor, full_precision: bool) -> Tensor:
    own = x_BHWD.dtype
    x = x_BHWD.float() if full_precision else x_BHWD
    first, second = x.chunk(2, dim=-1)
    turned = torch.cat((-second, first), dim=-1)
    return (x * cos.to(x.dtype) + turned * sin.to(x.dtype)).to(own)


def _norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    wide = x.float()
    return weight * (wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + eps)).to(x.dtype)


def _linear(x: Tensor, tensors: Tensors, name: str) -> Tensor:
    return F.linear(x, tensors[name + ".weight"], tensors.get(name + ".bias"))


def _heads(x: Tensor, size: int) -> Tensor:
    return x.unflatten(2, (-1, size)).transpose(1, 2)
