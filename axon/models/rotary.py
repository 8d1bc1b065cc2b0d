"""Llama with the precision of its rotary embedding chosen by the config, as LLaDA's is.

Under `rope_full_precision` queries and keys are rotated in float32 and cast back (GSAI-ML/LLaDA-8B-Instruct:
modeling_llada.py, RotaryEmbedding). Transformers' Llama rotates in the precision of the weights: in bfloat16 that
moves a confidence by up to 0.08 (LOG.md, 2026-11-26).
"""

from __future__ import annotations

import torch
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding


class RotaryConfig(LlamaConfig):
    """Of a Llama that may rotate in float32."""

    rope_full_precision: bool = False


class FullPrecisionRotary(LlamaRotaryEmbedding):
    """Sines and cosines in float32: what they are multiplied with becomes float32 too.

    `axon.attention` casts the rotated queries and keys to the precision of the values. The frequencies are computed
    where they are used, as in the reference: another device's may differ in the last bit.
    """

    def forward(self, x: Tensor, position_ids: Tensor) -> tuple[Tensor, Tensor]:
        """Of shape (B, W, head size) each, for positions (B, W)."""
        size = self.config.hidden_size // self.config.num_attention_heads
        pairs = torch.arange(0, size, 2, dtype=torch.float, device=x.device) / size
        assert self.config.rope_parameters is not None, "read_config gives them"
        theta = float(self.config.rope_parameters["rope_theta"] or 0)
        angles = position_ids[..., None].float() * (1.0 / theta**pairs)
        angles = torch.cat((angles, angles), dim=-1)
        return angles.cos(), angles.sin()


class LlamaWithRotary(LlamaForCausalLM):
    """Transformers' Llama, rotated in float32 where its config says `rope_full_precision`."""

    def __init__(self, config: RotaryConfig) -> None:
        super().__init__(config)
        if config.rope_full_precision:
            self.model.rotary_emb = FullPrecisionRotary(config)
