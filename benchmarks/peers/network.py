"""What the releases' model classes answer, from our network: logits of every position, attention maps, past keys.

Shapes: B rows, Q positions of a pass, L columns that they see, V vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from axon import MaskedDiffusionModel

ATTENTION_LAYERS = 4  # the last ones: 28 to 31 of LLaDA's 32 (lizhuo-luo/DAWN: llada/model/modeling_llada.py)


@dataclass(frozen=True)
class Decoded:
    """What a loop leaves: the generated tokens (B, G), and how often it called the network."""

    tokens_BG: Tensor
    passes: int


class Past:
    """Keys and values by layer, given to transformers' layers as `past_key_values`.

    They are kept rotated. The releases' LLaDA keeps them as projected and rotates all of them anew in every pass, finds
    the positions to replace row by row in every layer, and cuts a causal bias that it does not use; that is left out.
    """

    def __init__(self) -> None:
        self.kept: dict[int, tuple[Tensor, Tensor]] = {}
        self.keeps = True  # whether a pass adds its own
        self.window: slice | None = None  # columns whose keys and values a pass replaces, in place

    def update(self, key: Tensor, value: Tensor, layer: int, *_: object) -> tuple[Tensor, Tensor]:
        """Called by a layer with what it has just computed: what its queries are to see."""
        seen = key, value
        if self.window is not None:
            seen = self.kept[layer]
            for old, new in zip(seen, (key, value), strict=True):
                old[:, :, self.window] = new
        elif layer in self.kept:
            old_key, old_value = self.kept[layer]
            seen = torch.cat([old_key, key], 2), torch.cat([old_value, value], 2)
        if self.keeps:
            self.kept[layer] = seen
        return seen

    def cut(self, length: int) -> None:
        """Forget all columns from `length` on."""
        self.kept = {
            layer: (key[:, :, :length], value[:, :, :length]) for layer, (key, value) in self.kept.items()
        }

    def get_seq_length(self, layer: int = 0) -> int:
        """As transformers' caches tell it."""
        return self.kept[layer][0].shape[2] if layer in self.kept else 0


class _Maps:
    """Computes a layer's attention map beside the kernel, as the releases do: all heads, all rows, then their mean."""

    def __init__(self, layers: int) -> None:
        self.layers = frozenset(range(layers - ATTENTION_LAYERS, layers))
        self.of_layers: list[Tensor] = []

    def keep(self, query: Tensor, key: Tensor, mask: Tensor | None, scaling: float) -> None:
        key = key.repeat_interleave(query.shape[1] // key.shape[1], dim=1)
        weights = torch.matmul(query, key.transpose(-2, -1)) * scaling
        self.of_layers.append(torch.softmax(weights, dim=-1).mean(dim=1))


class Network:
    """Our network, called as a release calls its own; counts the calls."""

    def __init__(self, model: MaskedDiffusionModel) -> None:
        self.mask_id = model.mask_token_id
        self.dtype = model.dtype
        self.calls = 0
        self._model = model

    def __call__(
        self, tokens_BQ: Tensor, past: Past | None = None, first: int = 0, mask: Tensor | None = None
    ) -> Tensor:
        """Logits (B, Q, V). `first` is the position of the first token, `mask` is added to the scores (1, 1, Q, L)."""
        return self._run(tokens_BQ, first, attention_mask=mask, past_key_values=past)

    def with_attention(self, tokens_BL: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (B, L, V), and the attention (B, L, L) averaged over heads and the last layers."""
        maps = _Maps(self._model.num_layers)
        logits_BLV = self._run(tokens_BL, 0, axon_capture=maps)
        return logits_BLV, torch.stack(maps.of_layers).mean(dim=0)

    def canvas(self, prompt_BP: Tensor, gen_length: int) -> Tensor:
        """The prompts followed by masks, (B, P + gen_length)."""
        masks = prompt_BP.new_full((len(prompt_BP), gen_length), self.mask_id)
        return torch.cat([prompt_BP, masks], 1)

    def _run(self, tokens_BQ: Tensor, first: int, **extra: Any) -> Tensor:
        self.calls += 1
        positions = torch.arange(first, first + tokens_BQ.shape[1], device=tokens_BQ.device)[None]
        network = self._model.network
        hidden = network.get_submodule("model")(
            input_ids=tokens_BQ, position_ids=positions, use_cache=False, is_causal=False, **extra
        ).last_hidden_state
        logits: Tensor = network.get_submodule("lm_head")(hidden)
        return logits
