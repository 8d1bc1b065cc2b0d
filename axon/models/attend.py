"""The attention of a pass, as its layers meet it: of positions that lie one row's after the other's.

A pass may consist of several parts, of other rows and as many columns each: to all but attention they are one.

Shapes: B rows, Q columns of a part, N = B x Q positions, H heads, G key heads, C = H + G, A head size.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from axon.attention import Capture
from axon.key_values import Exchange
from axon.models.split import SentCapture, SentColumns

# Not cuDNN's, which torch prefers on Hopper: it makes a plan for each number of columns, and a decode's widths change
# from batch to batch and, where the text grows, from block to block.
_UNPLANNED = [SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]


def without_plans(device: torch.device) -> AbstractContextManager[None]:
    """Within, no attention kernel of that device is one that is slow to meet a new width."""
    kernels: AbstractContextManager[None] = (
        sdpa_kernel(_UNPLANNED) if device.type == "cuda" else nullcontext()
    )
    return kernels


@dataclass(frozen=True)
class RowAttention:
    """Of rows whose columns see those of their own row."""

    kernel: Callable[..., tuple[Tensor, Tensor | None]]  # among transformers' attention functions
    rows: int  # B
    width: int  # Q
    mask: (
        Tensor | None
    )  # added to the scores, (B, 1, 1 or Q, columns seen); None: every position sees every column
    capture: Capture | SentCapture | None
    columns: Exchange | None
    # Added to the scores of as many columns at the end, which nobody else sees, (B, 1, K, Q); None: there are none.
    shadow_mask: Tensor | None = None

    def __call__(self, own: Any, query_key_NCA: Tensor, value_NGA: Tensor) -> Tensor:
        """What the positions see in a layer with the module `own`, (N, H x A)."""
        count, both, size = query_key_NCA.shape
        groups = value_NGA.shape[1]
        query_key_BCQA = query_key_NCA.view(self.rows, self.width, both, size).transpose(1, 2)
        query_BHQA, key_BGQA = query_key_BCQA.split_with_sizes([both - groups, groups], 1)
        value_BGQA = value_NGA.view(self.rows, self.width, groups, size).transpose(1, 2)
        query_key_value = query_BHQA, key_BGQA, value_BGQA
        if self.shadow_mask is None:
            mixed_BQHA = self._mixed(own, *query_key_value, self.mask, self.capture)
        else:
            canvas = self.width - self.shadow_mask.shape[2]
            query_BHKA = query_BHQA[:, :, canvas:]
            beside_BKHA = self._mixed(own, query_BHKA, key_BGQA, value_BGQA, self.shadow_mask, None)
            query_BHWA, key_BGWA, value_BGWA = (both[:, :, :canvas] for both in query_key_value)
            on_it_BWHA = self._mixed(own, query_BHWA, key_BGWA, value_BGWA, self.mask, self.capture)
            mixed_BQHA = torch.cat([on_it_BWHA, beside_BKHA], 1)
        mixed_ND: Tensor = mixed_BQHA.view(count, -1)
        return mixed_ND

    def _mixed(
        self,
        own: Any,
        query_BHQA: Tensor,
        key_BGSA: Tensor,
        value_BGSA: Tensor,
        mask: Tensor | None,
        capture: Capture | SentCapture | None,
    ) -> Tensor:
        """What those queries see in those columns, (B, Q, H, A)."""
        mixed_BQHA, _ = self.kernel(
            own,
            query_BHQA,
            key_BGSA,
            value_BGSA,
            attention_mask=mask,
            scaling=own.scaling,
            is_causal=False,
            axon_capture=capture,
            axon_columns=self.columns,
        )
        return mixed_BQHA

    def at(self, device: torch.device, home: torch.device) -> RowAttention:
        """Of layers that are on another device than what is kept and captured."""
        assert not isinstance(self.capture, SentCapture), "what is at home is sent, once"
        return replace(
            self,
            mask=None if self.mask is None else self.mask.to(device),
            capture=None if self.capture is None else SentCapture(self.capture, self.mask),
            columns=None if self.columns is None else SentColumns(self.columns, home),
            shadow_mask=None if self.shadow_mask is None else self.shadow_mask.to(device),
        )


class Attention:
    """Of the several parts of a pass."""

    def __init__(self, parts: Sequence[RowAttention]) -> None:
        self._parts = parts

    def __call__(self, own: Any, query_key_NCA: Tensor, value_NGA: Tensor) -> Tensor:
        """See `RowAttention`; the positions of the parts lie one after the other."""
        sizes = [part.rows * part.width for part in self._parts]
        given = zip(query_key_NCA.split(sizes), value_NGA.split(sizes), strict=True)
        return torch.cat([part(own, *of_part) for part, of_part in zip(self._parts, given, strict=True)])

    def at(self, device: torch.device, home: torch.device) -> Attention:
        """See `RowAttention`."""
        return Attention([part.at(device, home) for part in self._parts])
