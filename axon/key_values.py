"""What a cached decode keeps of the positions that it has computed, at their columns of the canvas.

Shapes: B rows, R some of them, Q columns that a pass computes, S columns that it sees, W columns that there is room
for, L layers, G key heads, A head size, D hidden size.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Protocol, Self

import torch
from torch import Tensor

from axon.rows import of_rows

if TYPE_CHECKING:
    from axon.models.model import MaskedDiffusionModel

STEP = 128  # columns that room is made for at once where the text grows


@dataclass
class KeyValues:
    """Of every row: keys and values of each layer, final hidden states, and the attention that columns received.

    There is room for what has been computed and few columns more.
    """

    keys_BLGWA: Tensor
    values_BLGWA: Tensor
    hidden_BWD: Tensor  # a position's logits are made of its own or, under a shift, of that before it
    attended_BW1: (
        Tensor  # float32, attention received from all final positions, the mean over heads and chosen layers
    )

    @classmethod
    def none(cls, model: MaskedDiffusionModel, rows: int) -> Self:
        """Nothing of so many rows."""
        layers, heads, size = model.key_value_shape
        keys = torch.zeros((rows, layers, heads, 0, size), dtype=model.dtype, device=model.device)
        hidden = keys.new_zeros((rows, 0, model.hidden_size))
        return cls(keys, keys.clone(), hidden, hidden.new_zeros((rows, 0, 1)).float())

    @property
    def width(self) -> int:
        """Columns that there is room for."""
        return self.hidden_BWD.shape[1]

    def reserve(self, width: int) -> None:
        """Make room for at least `width` columns, and for a few more, since the text grows."""
        if width > self.width:
            self.widen(self.width + -(-(width - self.width) // STEP) * STEP)

    def widen(self, width: int) -> None:
        """Make room for `width` columns, which are at least as many as there is room for."""
        more = width - self.width
        for name in TENSORS:
            setattr(self, name, torch.nn.functional.pad(getattr(self, name), (0, 0, 0, more)))

    def shift(self, columns: int) -> None:
        """Make room for so many columns before all others: padding in every row."""
        for name in TENSORS if columns else ():
            setattr(self, name, torch.nn.functional.pad(getattr(self, name), (0, 0, columns, 0)))

    def without(self, dropped: int) -> Self:
        """These without the first `dropped` columns: padding in every row."""
        return replace(self, **{name: getattr(self, name)[..., dropped:, :] for name in TENSORS})


TENSORS = tuple(field.name for field in fields(KeyValues))


class Exchange(Protocol):
    """What the attention of each layer meets in a pass with a cache."""

    def exchange(self, layer: int, key_RGQA: Tensor, value_RGQA: Tensor) -> tuple[Tensor, Tensor]:
        """Keeps keys and values of the computed columns; returns those of all columns seen, (R, G, S, A) each."""


@dataclass(frozen=True)
class Columns:
    """The columns that one pass computes and sees."""

    kept: KeyValues
    rows_R: Tensor | None  # whose; None: all rows
    columns_RQ: Tensor  # that are computed
    seen: slice  # with the computed ones
    stretch: slice | None = None  # that are computed, where they are the same in all rows of the batch

    def exchange(self, layer: int, key_RGQA: Tensor, value_RGQA: Tensor) -> tuple[Tensor, Tensor]:
        """See `Exchange`."""
        keys_BGWA, values_BGWA = self._layers[layer]
        if self.stretch is not None:
            keys_BGWA[:, :, self.stretch] = key_RGQA
            values_BGWA[:, :, self.stretch] = value_RGQA
        else:
            places = self._rows_R1, slice(None), self.columns_RQ
            keys_BGWA[places] = key_RGQA.transpose(1, 2)
            values_BGWA[places] = value_RGQA.transpose(1, 2)
        return of_rows(keys_BGWA[:, :, self.seen], self.rows_R), of_rows(
            values_BGWA[:, :, self.seen], self.rows_R
        )

    def keep_hidden(self, hidden_RQD: Tensor) -> None:
        """Keeps the final hidden states of the computed columns."""
        if self.stretch is not None:
            self.kept.hidden_BWD[:, self.stretch] = hidden_RQD
        else:
            self.kept.hidden_BWD[self._rows_R1, self.columns_RQ] = hidden_RQD

    def add_attended(self, attended_RS: Tensor) -> None:
        """Adds the attention that the columns seen received from the computed ones, which are final."""
        rows_R = self._rows_R1[:, 0]
        self.kept.attended_BW1[:, self.seen, 0].index_add_(0, rows_R, attended_RS)

    @cached_property
    def _rows_R1(self) -> Tensor:
        rows_R = self.rows_R
        if rows_R is None:
            rows_R = torch.arange(len(self.columns_RQ), device=self.columns_RQ.device)
        return rows_R[:, None]

    @cached_property
    def _layers(self) -> tuple[tuple[Tensor, Tensor], ...]:
        """Keys and values of each layer."""
        return tuple(zip(self.kept.keys_BLGWA.unbind(1), self.kept.values_BLGWA.unbind(1), strict=True))


@dataclass(frozen=True)
class Canvas:
    """A pass over the whole canvas of some rows: nothing of what was kept before is seen."""

    kept: KeyValues
    rows_R: Tensor | None  # None: all rows
    width: int

    def exchange(self, layer: int, key_RGWA: Tensor, value_RGWA: Tensor) -> tuple[Tensor, Tensor]:
        """See `Exchange`."""
        self.kept.keys_BLGWA[self._rows, layer, :, : self.width] = key_RGWA
        self.kept.values_BLGWA[self._rows, layer, :, : self.width] = value_RGWA
        return key_RGWA, value_RGWA

    def keep_hidden(self, hidden_RWD: Tensor) -> None:
        """Keeps the final hidden states."""
        self.kept.hidden_BWD[self._rows, : self.width] = hidden_RWD

    def keep_attended(self, attended_RW: Tensor) -> None:
        """Keeps the attention that the columns received from those whose states stay as they are."""
        self.kept.attended_BW1[self._rows, : self.width, 0] = attended_RW

    @property
    def _rows(self) -> Tensor | slice:
        return slice(None) if self.rows_R is None else self.rows_R
