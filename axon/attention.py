"""Attention of chosen layers, computed for chosen rows only, beside the kernel that computes the output.

Shapes: B batch, W canvas width (padding + prompt + generated), K block length, H heads, D head size,
R the rows of the batch whose attention is asked for, L some of the chosen layers.

During a forward pass a registered attention function keeps a reference to the queries and keys of the chosen
layers and passes the call on, untouched, to the kernel: capturing changes no logit, bit for bit, and costs nothing
until a map is asked for. Afterwards `Capture.rows` computes the few rows that a decoder or a gate needs, and
`Capture.column_means` the means that sink detection needs, in chunks of rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from math import floor, log2
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.models.llama.modeling_llama import eager_attention_forward

from axon.chunks import chunk_elements, joined
from axon.columns import Counted, taken
from axon.key_values import Exchange
from axon.roundings import alone_from, rows_round_alone
from axon.rows import of_rows


def _sdpa(
    module: torch.nn.Module, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, **kwargs: Any
) -> tuple[Tensor, Tensor | None]:
    """Transformers' own where heads share keys; where they don't, none of what it asks first applies."""
    if key.shape[1] != query.shape[1]:
        return sdpa_attention_forward(module, query, key, value, mask, **kwargs)
    mixed = scaled_dot_product_attention(query, key, value, attn_mask=mask, scale=kwargs["scaling"])
    return mixed.transpose(1, 2).contiguous(), None


KERNELS: dict[str, Callable[..., tuple[Tensor, Tensor | None]]] = {
    "sdpa": _sdpa,
    "eager": eager_attention_forward,
}

# Scores that are held at once for the column means: so few that they lie where those before them did. New memory takes
# longer than what is computed in it, since the system clears it, and threads wait for each other there.
CACHED_ELEMENTS = 1 << 19
ROW_ELEMENTS = 1 << 21  # a row of the batch is cut only where it has more: a sum of sums rounds otherwise
IN_ORDER = 16  # so many numbers torch adds one after the other; of more it makes partial sums
BYTES = 10  # of one score: 2 as the product leaves it, 4 as float32, 4 as attention


class Capture:
    """Queries and keys of the chosen layers in one forward pass, and the attention computed from them.

    `real_BW` marks the columns that are no padding. Attention is averaged over heads and chosen layers.
    `first_B` is the column of each row's first query, where the pass computes a stretch of the canvas; None: all of it.
    """

    def __init__(self, layers: tuple[int, ...], real_BW: Tensor, first_B: Tensor | None = None) -> None:
        self.layers = frozenset(layers)
        self.real_BW = real_BW
        self._first_B = first_B
        self._kept: list[tuple[Tensor, Tensor, float]] = []
        self._mask: Tensor | None = None
        self._all_rows: list[tuple[Tensor, Tensor, float]] | None = None  # see _layers

    def keep(self, query_BHWD: Tensor, key_BHWD: Tensor, mask: Tensor | None, scaling: float) -> None:
        """Called by the attention function of a chosen layer; keeps references, computes nothing."""
        self._kept.append((query_BHWD, key_BHWD, scaling))
        self._mask = mask

    def of_rows(self, rows_R: Tensor) -> Capture:
        """Of the rows at those places alone."""
        first_R = None if self._first_B is None else self._first_B[rows_R]
        some = Capture(tuple(self.layers), self.real_BW[rows_R], first_R)
        some._kept = [(query[rows_R], key[rows_R], scaling) for query, key, scaling in self._kept]
        some._mask = None if self._mask is None else self._mask[rows_R]
        return some

    def queries(self, columns_BQ: Tensor) -> Iterator[tuple[Tensor, float]]:
        """Of each chosen layer, the queries in those columns of every row, (B, H, Q, D), and their scaling."""
        columns_BQ = columns_BQ if self._first_B is None else columns_BQ - self._first_B[:, None]
        rows_B1 = torch.arange(len(columns_BQ), device=columns_BQ.device)[:, None]
        for query_BHWD, _, scaling in self._kept:
            yield query_BHWD.transpose(1, 2)[rows_B1, columns_BQ].transpose(1, 2), scaling

    def rows(self, rows_R: Tensor | None, columns_RQ: Tensor, start: int | None = None) -> Tensor:
        """Attention of the positions in columns `columns_RQ` of batch rows `rows_R` (None: all): (R, Q, W) float32.

        Row i of the result says whom position i attends to, and sums to 1. `start`: see `taken`.
        """
        assert self._kept and len(self._kept) == len(self.layers), "a chosen layer did not run"
        if self._first_B is not None:
            columns_RQ, start = columns_RQ - of_rows(self._first_B, rows_R)[:, None], None
        wanted = columns_RQ.shape[1]
        columns_RQ, start = _in_panels(columns_RQ, start, self._kept[0][0].shape[2])
        mask = self._mask_rows(rows_R, columns_RQ)
        maps = []
        for query_LRHWD, key_LRGWD, scaling in self._layers(rows_R):
            layers, count = query_LRHWD.shape[:2]
            columns = columns_RQ if start is not None else columns_RQ.repeat(layers, 1)
            query = taken(query_LRHWD.flatten(0, 1), 2, columns, start).unflatten(0, (layers, count))
            weights_LRHQW = self._weights(query, key_LRGWD, scaling, mask)[..., :wanted, :]
            maps.append(weights_LRHQW.contiguous().mean(2))  # rounded by how many there are
        return _added(joined(maps)).div_(len(self._kept))

    def column_means(self, rows_R: Tensor | None, counted: Counted | None = None) -> Tensor:
        """How much attention each column receives: (R, W) float32, the mean over the positions `counted` of those rows.

        None: over all real ones.
        """
        counted = self._real(rows_R) if counted is None else counted
        sums_RW, maps, _ = self._sums(rows_R, counted.marks_BW)
        return sums_RW / counted.shares_B1(maps)

    def column_sums(self, rows_R: Tensor | None, counted_RW: Tensor) -> Tensor:
        """How much attention each column receives from the positions `counted_RW` together: (R, W) float32."""
        sums_RW, maps, _ = self._sums(rows_R, counted_RW.float())
        return sums_RW / maps

    def means_and_rows(
        self, rows_R: Tensor | None, counted: Counted | None, columns_RQ: Tensor, start: int | None = None
    ) -> tuple[Tensor, Tensor]:
        """`column_means` and `rows`, sooner than one after the other: maps of all positions hold the rows."""
        counted = self._real(rows_R) if counted is None else counted
        count, width = columns_RQ.shape[1], counted.marks_BW.shape[1]
        alike = rows_round_alone(count) or rows_round_alone(width)
        if not alike or self._step() < width:
            both = self.column_means(rows_R, counted), self.rows(rows_R, columns_RQ, start)
            self._all_rows = None  # nobody asks for more: room for what the decoder computes
            return both
        sums_RW, maps, picked_RQW = self._sums(rows_R, counted.marks_BW, (columns_RQ, start))
        assert picked_RQW is not None
        return sums_RW / counted.shares_B1(maps), picked_RQW.div_(len(self._kept))

    def _real(self, rows_R: Tensor | None) -> Counted:
        real_RW = of_rows(self.real_BW, rows_R)
        return Counted(real_RW, real_RW.sum(1))

    def _sums(
        self, rows_R: Tensor | None, marks_RW: Tensor, picked: tuple[Tensor, int | None] | None = None
    ) -> tuple[Tensor, int, Tensor | None]:
        """Sums over the positions, the heads and the chosen layers, and the number of the latter two.

        `picked`: columns (R, Q) and their `start` (see `taken`), of which the attention is the third result, (R, Q, W):
        the mean over heads, summed over layers. No row of the batch may be cut then.

        Every column seen must be a position of this pass, too. Positions are taken in chunks of a size that the other
        rows of the batch have no part in, so that the sums of a row are formed in the same order in every batch.

        A sum over positions is a product with the vector that marks those to count. Flat, the rows of the batch are
        R x G (the key heads), and the positions W x H/G (the heads that share a key head).
        """
        count, width = marks_RW.shape
        heads, groups = self._kept[0][0].shape[1], self._kept[0][1].shape[1]
        shared = heads // groups
        marks = marks_RW[:, None, :, None].expand(-1, groups, -1, shared)
        marks = marks.reshape(count * groups, 1, width * shared)
        mask = None if self._mask is None else of_rows(self._mask, rows_R)[:, :, :, None]
        step, held = self._step(), None
        pieces = list(_pieces(count, width, step, self._room(CACHED_ELEMENTS) // (heads * step * width)))
        sums, rows_picked = list[Tensor](), list[Tensor]()  # of layers, in them of places, in them of rows
        for query_LRHWD, key_LRGWD, scaling in self._layers(rows_R):
            layers = len(query_LRHWD)
            query_LRHWD, scaling = _tamed(query_LRHWD, scaling)
            query_LRGWHD = query_LRHWD.unflatten(2, (groups, shared)).transpose(3, 4)
            # Several rows are multiplied at once only where they lie in order; a single one as it lies.
            if pieces[0][0].stop > 1:
                query_LRGWHD, key_LRGWD = query_LRGWHD.contiguous(), key_LRGWD.contiguous()
            for rows, places in pieces:
                flat = slice(rows.start * groups, rows.stop * groups)
                inner = slice(places.start * shared, places.stop * shared)
                here = query_LRGWHD[:, rows, :, places].flatten(0, 2).flatten(1, 2)
                there = key_LRGWD[:, rows].flatten(0, 2).transpose(1, 2)
                scores = held = _products(here, there, held).mul_(scaling)
                if mask is not None:
                    seen = mask[rows] if mask.shape[2] == 1 else mask[rows, :, places]
                    scores.view(layers, rows.stop - rows.start, groups, -1, shared, width).add_(seen)
                alike = scores.dtype is torch.float32
                maps = torch.softmax(scores, dim=-1, dtype=torch.float32, out=scores if alike else None)
                counted = marks[flat, :, inner].expand(layers, -1, -1, -1).reshape(len(maps), 1, -1)
                sums.append(torch.bmm(counted, maps))
                if picked is not None:
                    columns_RQ, start = picked
                    maps = maps.view(layers, -1, groups, width, shared, width)
                    rows_picked.append(_picked(maps, columns_RQ[rows], start).flatten(0, 1))
        sums_RW = _added(joined(sums).view(-1, count, groups, width)).sum(1)
        picked_RQW = None
        if picked is not None:
            picked_RQW = _added(joined(rows_picked).view(-1, *picked[0].shape, width))
        return sums_RW, len(self._kept) * heads, picked_RQW

    def _room(self, cached: int) -> int:
        """How many scores there may be at once."""
        return chunk_elements(self.real_BW.device, BYTES, cached)

    def _step(self) -> int:
        """How many positions of a row are taken at once: however many rows there are."""
        _, heads, width, _ = self._kept[0][0].shape
        return min(width, max(1, self._room(ROW_ELEMENTS) // (heads * width)))

    def _layers(self, rows_R: Tensor | None) -> Iterable[tuple[Tensor, Tensor, float]]:
        """Queries (L, R, H, W, D), keys (L, R, G, W, D) and scaling of L layers at a time, the chosen ones in order.

        On a short canvas starting operators takes longer than running them, so that L is more than 1. Of all rows they
        are put together once.
        """
        if rows_R is not None:
            return self._stacked(rows_R)
        if self._all_rows is None:
            self._all_rows = list(self._stacked(None))
        return self._all_rows

    def _stacked(self, rows_R: Tensor | None) -> Iterator[tuple[Tensor, Tensor, float]]:
        count, heads = (len(self.real_BW) if rows_R is None else len(rows_R)), self._kept[0][0].shape[1]
        together = max(1, self._room(CACHED_ELEMENTS) // (count * heads * self._kept[0][1].shape[2] ** 2))
        for start in range(0, len(self._kept), together):
            queries, keys, scalings = zip(*self._kept[start : start + together], strict=True)
            yield _stack(queries, rows_R), _stack(keys, rows_R), scalings[0]

    def _mask_rows(self, rows_R: Tensor | None, columns_RQ: Tensor) -> Tensor | None:
        """The additive mask of those queries, broadcastable to (R, H, Q, W)."""
        if self._mask is None:
            return None
        mask_R = of_rows(self._mask, rows_R)
        if mask_R.shape[2] == 1:
            return mask_R
        return mask_R.gather(2, columns_RQ[:, None, :, None].expand(-1, -1, -1, mask_R.shape[3]))

    @staticmethod
    def _weights(query_LRHQD: Tensor, key_LRGWD: Tensor, scaling: float, mask: Tensor | None) -> Tensor:
        """Softmax attention (L, R, H, Q, W) in float32; each of G key heads serves H/G heads."""
        layers, count, heads, length, size = query_LRHQD.shape
        query_LRHQD, scaling = _tamed(query_LRHQD, scaling)
        grouped = query_LRHQD.reshape(layers, count, key_LRGWD.shape[2], -1, size)
        scores = (grouped @ key_LRGWD.transpose(3, 4)).view(layers, count, heads, length, -1).mul_(scaling)
        if mask is not None:
            scores = scores + mask
        return torch.softmax(scores, dim=-1, dtype=torch.float32)


def _tamed(query: Tensor, scaling: float) -> tuple[Tensor, float]:
    """In float16, which ends at 65,504, queries take a part of the scaling before they meet the keys.

    The kernel adds up in float32, and the products of a Qwen2, whose keys have a large bias, may be larger. The part is
    a power of two, so that it rounds nothing but what is nearly 0.
    """
    if query.dtype is not torch.float16:
        return query, scaling
    part = 2.0 ** floor(log2(scaling))
    return query * part, scaling / part


def _stack(of_layers: Sequence[Tensor], rows_R: Tensor | None) -> Tensor:
    if len(of_layers) == 1:
        return of_rows(of_layers[0], rows_R)[None]
    return torch.stack([of_rows(of_layer, rows_R) for of_layer in of_layers])


def _products(query_NPD: Tensor, key_NDW: Tensor, held: Tensor | None) -> Tensor:
    """(N, P, W), in the memory of those before them where they have the same shape."""
    shape = (*query_NPD.shape[:2], key_NDW.shape[2])
    return torch.bmm(query_NPD, key_NDW, out=held if held is not None and held.shape == shape else None)


def _added(parts_PX: Tensor) -> Tensor:
    """The sum of the parts, one after the other, however many of them were computed together."""
    if 1 < len(parts_PX) <= IN_ORDER:
        return parts_PX.sum(0)
    first, *others = parts_PX.unbind()
    for part in others:
        first.add_(part)
    return first


def _in_panels(columns_RQ: Tensor, start: int | None, width: int) -> tuple[Tensor, int | None]:
    """These columns and a few more, so many that each is rounded as among all, of which there are `width`.

    `start`: see `taken`.
    """
    count = columns_RQ.shape[1]
    if rows_round_alone(count):
        return columns_RQ, start
    more = alone_from(count) - count
    columns_RQ = torch.cat([columns_RQ, columns_RQ[:, -1:].expand(-1, more)], 1)
    return columns_RQ, start if start is not None and start + count + more <= width else None


def _picked(maps_LRGWHV: Tensor, columns_RQ: Tensor, start: int | None) -> Tensor:
    """Attention (L, R, Q, V) of those positions, the mean over G groups of H heads; they see V columns."""
    layers, count, groups, width, heads, seen = maps_LRGWHV.shape
    if start is not None:
        picked = maps_LRGWHV.narrow(3, start, columns_RQ.shape[1])
        return picked.transpose(3, 4).flatten(2, 3).mean(2)
    firsts = torch.arange(0, layers * count * groups * width, width, device=columns_RQ.device)
    places = firsts.view(layers, count, groups, 1) + columns_RQ[:, None]
    picked = maps_LRGWHV.reshape(-1, heads * seen).index_select(0, places.flatten())  # sooner than to gather
    return picked.view(*places.shape, heads, seen).transpose(3, 4).flatten(2, 3).mean(2)


def _pieces(count: int, width: int, step: int, together: int) -> Iterator[tuple[slice, slice]]:
    """Positions, `step` at a time, of a batch of `count` rows, `together` at a time or one."""
    together = max(1, together)
    for place in range(0, width, step):
        for row in range(0, count, together):
            yield slice(row, min(row + together, count)), slice(place, min(place + step, width))


def kernel_name(kernel: str) -> str:
    """The name under which transformers knows `kernel` with capture beside it."""
    return f"axon_{kernel}"


def _with_capture(kernel: Callable[..., tuple[Tensor, Tensor | None]]) -> Callable[..., Any]:
    def attention(
        module: torch.nn.Module,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attention_mask: Tensor | None,
        axon_capture: Capture | None = None,
        axon_columns: Exchange | None = None,
        **kwargs: Any,
    ) -> tuple[Tensor, Tensor | None]:
        if (
            query.dtype is not value.dtype
        ):  # a rotation in float32 leaves queries and keys in it (axon.models.rotary)
            query, key = query.to(value.dtype), key.to(value.dtype)
        if axon_columns is not None:
            key, value = axon_columns.exchange(int(module.layer_idx), key, value)  # type: ignore[arg-type]
        if axon_capture is not None and module.layer_idx in axon_capture.layers:
            axon_capture.keep(query, key, attention_mask, kwargs["scaling"])
        return kernel(module, query, key, value, attention_mask, **kwargs)

    return attention


for _name, _kernel in KERNELS.items():
    AttentionInterface.register(kernel_name(_name), _with_capture(_kernel))
