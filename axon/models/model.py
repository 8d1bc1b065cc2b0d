"""A masked diffusion language model: tokens in, logits at chosen positions out.

Shapes: B batch, W canvas width, D hidden size, V vocabulary.
The canvas is padded on the left, so that generated positions have the same columns in every row of the batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from axon.attention import KERNELS, Capture, kernel_name
from axon.blocks import row_blocks
from axon.checks import shown
from axon.key_values import Canvas, Columns, Exchange
from axon.models.attend import RowAttention
from axon.models.body import Body
from axon.models.experts import weights_per_position
from axon.models.family import Family
from axon.models.layer import Narrow
from axon.models.layout import Layout, additive, positions
from axon.models.shape import NetworkShape
from axon.roundings import rows_round_alone
from axon.settings import BlockAlignment
from axon.trace import Trace


@dataclass(frozen=True)
class PassPart:
    """What a pass computes of some rows: as many columns of each. See `MaskedDiffusionModel.forward`."""

    tokens_BQ: Tensor
    layout: Layout
    capture: Capture
    columns: Columns | Canvas
    read_BR: Tensor | None  # among the Q columns of each row, those whose final states are read; None: any

    @property
    def captured(self) -> Capture | None:
        """None where the attention of no layer is asked for, which would cost time."""
        return self.capture if self.capture.layers else None


class MaskedDiffusionModel(nn.Module):
    """A network of one family. What differs between families (shift, mask) is handled here, not by decoders."""

    def __init__(
        self,
        network: PreTrainedModel,
        family: Family,
        mask_token_id: int,
        end_token_ids: tuple[int, ...],
        max_length: int,
        block_size: int | None = None,
        *,
        eos_token_ids: tuple[int, ...] | None = None,
    ) -> None:
        super().__init__()
        _check_made_of(network, family)
        self.network = network
        self.body = Body(network)
        self._head = (network.get_submodule("lm_head"),)  # in a tuple: no part of this module
        self._family = family
        self.mask_token_id = mask_token_id
        self.end_token_ids = end_token_ids  # each of them ends the text; empty if the checkpoint names none
        # End-of-text proper: without the tokens that end a turn of a chat.
        self.eos_token_ids = end_token_ids if eos_token_ids is None else eos_token_ids
        self.max_length = max_length
        self.block_size = block_size  # that the model was trained with; None where nothing names it

    @property
    def block_causal(self) -> bool:
        """Whether a position sees nothing beyond the end of its block."""
        return bool(self._family.block_causal)

    @property
    def shifted(self) -> bool:
        """Whether a position is predicted from the hidden state before it."""
        return self._family.shift > 0

    @property
    def num_layers(self) -> int:
        return int(self.network.config.num_hidden_layers)

    @property
    def hidden_size(self) -> int:
        return int(self.network.config.hidden_size)

    @property
    def key_value_shape(self) -> tuple[int, int, int]:
        """Layers, key heads, and the size of one: what a cache keeps a key and a value for at every position."""
        config = self.network.config
        heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
        return self.num_layers, int(heads), self._head_size

    @property
    def _head_size(self) -> int:
        config = self.network.config
        return int(getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads)

    @property
    def shape(self) -> NetworkShape:
        """Of the network."""
        config = self.network.config
        layers, key_heads, head = self.key_value_shape
        experts = getattr(config, "num_experts_per_tok", None)
        width = getattr(config, "moe_intermediate_size", None)
        return NetworkShape(
            layers=layers,
            hidden=self.hidden_size,
            heads=int(config.num_attention_heads),
            key_heads=key_heads,
            head=head,
            feed_forward=int(experts * width if experts and width else config.intermediate_size),
            vocabulary=self.vocab_size,
            block_causal=self.block_causal,
        )

    @cached_property
    def vocab_size(self) -> int:
        """Rows of the embedding, which may be a few more than the tokenizer has tokens."""
        return int(self.network.config.vocab_size)

    @property
    def device(self) -> torch.device:
        return self.body.home

    @property
    def devices(self) -> tuple[torch.device, ...]:
        """Those that have a part of it: first `device`, from which everything is read."""
        return self.body.devices

    @property
    def dtype(self) -> torch.dtype:
        return self.network.dtype

    def compile_network(self) -> None:
        """torch.compile the layers, at the first pass and for any shape. The kernels may round differently."""
        self.body.compile(dynamic=True)

    def layout(
        self,
        prompt_lengths: Sequence[int],
        gen_length: int,
        block_length: int,
        alignment: BlockAlignment = "prompt",
    ) -> Layout:
        """The layout of a batch of prompts, each with `gen_length` positions, or to fill a block more, to generate."""
        rows = [row_blocks(length, gen_length, block_length, alignment) for length in prompt_lengths]
        prefix, area = max(row.prefix for row in rows), max(row.area for row in rows)
        columns_W = torch.arange(prefix + area, device=self.device)
        starts_B, ends_B = torch.tensor(
            [(prefix - row.prefix, prefix + row.area) for row in rows], device=self.device
        ).T
        real_BW = (columns_W >= starts_B[:, None]) & (columns_W < ends_B[:, None])
        # Blocks are numbered from 0 at the start of the area (integer division rounds down below zero, too).
        blocks_W = (columns_W - prefix) // block_length
        if alignment == "prompt":  # the prompt is one block
            blocks_W = blocks_W.clamp(min=-1)
        seen = real_BW[:, None, None, :]
        if self.block_causal:
            seen = seen & (blocks_W[None, :] <= blocks_W[:, None])
            # Padding would see no real position; it may see everything, so that no softmax is empty.
            seen = seen | ~real_BW[:, None, :, None]
        elif len({(row.prefix, row.area) for row in rows}) == 1:
            return Layout(prefix, starts_B, real_BW, positions(columns_W, starts_B), None)
        return Layout(prefix, starts_B, real_BW, positions(columns_W, starts_B), additive(seen, self.dtype))

    def open(self, masked_BK: Tensor) -> Tensor:
        """Which masked positions of a block may be revealed now: all, unless the family goes by sub-blocks."""
        length = self._family.sub_block
        if length is None:
            return masked_BK
        first_B1 = masked_BK.long().argmax(1, keepdim=True)
        places_K = torch.arange(masked_BK.shape[1], device=masked_BK.device)
        alone = (first_B1 > 0) | (places_K == 0)
        return masked_BK & (places_K // length == first_B1 // length) & alone

    def forward(
        self,
        tokens_BW: Tensor,
        layout: Layout,
        capture: Capture | None = None,
        columns: Exchange | None = None,
        read_BQ: Tensor | None = None,
    ) -> Tensor:
        """Final hidden states (B, W, D) of one pass.

        With `columns` the tokens are those of some columns only, which see what is kept of others. With `read_BQ` only
        the states of those columns will be read: what stands at others is undefined.
        """
        part = self._attention(tokens_BW, layout, capture, columns)
        hidden_BWD: Tensor = self.body(tokens_BW, layout.positions_BQ, layout.seen, (part,), read_BQ)
        return hidden_BWD

    @property
    def rounds_alone(self) -> bool:
        """Whether no rounding of a position tells which others are computed beside it, where their number suits.

        Products of matrices round each of their rows by itself in float32; experts see few positions, perhaps one.
        """
        return self.dtype is torch.float32 and self.body.dense

    def together(self, parts: Sequence[PassPart]) -> list[Tensor]:
        """Final hidden states of the parts, each as of a pass of its own: of one pass, where no rounding tells."""
        suits = all(rows_round_alone(part.tokens_BQ.numel()) for part in parts)
        if len(parts) > 1 and suits and self.rounds_alone:
            return self.in_one_pass(parts)
        return [
            self(part.tokens_BQ, part.layout, part.captured, part.columns, part.read_BR) for part in parts
        ]

    def in_one_pass(self, parts: Sequence[PassPart]) -> list[Tensor]:
        """See `together`: their positions lie one after the other, and attend to those of their own rows."""
        tokens_1N = torch.cat([part.tokens_BQ.flatten() for part in parts])[None]
        positions_1N = torch.cat([part.layout.positions_BQ.flatten() for part in parts])[None]
        attentions = [
            self._attention(part.tokens_BQ, part.layout, part.captured, part.columns) for part in parts
        ]
        sizes = [part.tokens_BQ.numel() for part in parts]
        starts = accumulate(sizes, initial=0)
        read = [
            start + Narrow.of(part.read_BR, part.tokens_BQ.shape[1]).places_M
            for start, part in zip(starts, parts, strict=False)
            if part.read_BR is not None
        ]
        read_1M = torch.cat(read)[None] if len(read) == len(parts) else None
        reach = max(part.layout.seen for part in parts)
        hidden_1ND: Tensor = self.body(tokens_1N, positions_1N, reach, attentions, read_1M)
        return [
            states_ND.view(*part.tokens_BQ.shape, -1)
            for states_ND, part in zip(hidden_1ND[0].split(sizes), parts, strict=True)
        ]

    def _attention(
        self, tokens_BQ: Tensor, layout: Layout, capture: Capture | None, columns: Exchange | None
    ) -> RowAttention:
        kernel = ALL_ATTENTION_FUNCTIONS[self.network.config._attn_implementation]
        rows, width = tokens_BQ.shape
        return RowAttention(kernel, rows, width, layout.mask, capture, columns, layout.shadow_mask)

    def logits(self, hidden_BWD: Tensor, rows: Tensor, columns: Tensor, layout: Layout) -> Tensor:
        """Logits (..., V) that predict the positions (rows, columns), two index tensors of the same shape.

        The shift of a family that predicts position i from i-1 is applied here. A row's first position has no i-1
        and is predicted from itself, as in the reference implementation.
        """
        if self.shifted:
            columns = self.read_columns(columns, layout.starts_B[rows])
        [head] = self._head
        logits: Tensor = head(hidden_BWD[rows, columns])
        return logits

    def read_columns(self, columns: Tensor, starts: Tensor) -> Tensor:
        """The columns whose hidden states predict `columns`, of rows whose first real ones are `starts`."""
        shift = self._family.shift
        return torch.maximum(columns - shift, starts) if shift else columns

    @cached_property
    def _linear_weights(self) -> int:
        """Number of weights below lm_head that a position is multiplied with: of experts, the chosen ones."""
        body = self.network.get_submodule("model")
        linear = sum(part.weight.numel() for part in body.modules() if isinstance(part, nn.Linear))
        return linear + weights_per_position(body)

    def flops(self, trace: Trace) -> float:
        """Floating-point operations of the network in that decode: see `NetworkShape.flops`.

        The last layer counts as whole, also where it computes the block alone.
        """
        counts = trace.computed_positions, trace.attention_pairs, trace.logit_positions
        return self.shape.flops(self._linear_weights, *counts)


def _check_made_of(network: object, family: object) -> None:
    """Raises ValueError for what is no such network, or would decode without ever showing its attention."""
    if not isinstance(family, Family):
        remedy = "give one, such as axon.models.dream.DREAM"
        raise ValueError(
            f"family={shown(family)}: must be a Family, which says how its networks predict; {remedy}"
        )
    if not isinstance(network, PreTrainedModel):
        rule = "must be a network of transformers, with weights as the family's have"
        raise ValueError(
            f"network={type(network).__name__}: {rule}; copy yours into one that family.build makes"
        )
    kernel = network.config._attn_implementation
    if kernel not in map(kernel_name, KERNELS):
        remedy = f'call network.set_attn_implementation("{kernel_name("sdpa")}")'
        raise ValueError(
            f"network={type(network).__name__}: its attention {kernel!r} can't be captured; {remedy} first"
        )
