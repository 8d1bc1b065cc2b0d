"""A layer of a network in as few operators as its roundings allow.

Transformers' modules normalise in seven operators and rotate queries and keys in fifteen each; on a small network,
starting them takes as long as the products of matrices. These are the same sums and products in the same order, so that
no bit differs. Only attention knows of rows: to all else a pass is N positions, one row's columns after the other's.

Shapes: B rows, R columns of each that are read, N positions of a pass, M those of them that are read, D hidden size,
H heads, G key heads, A head size.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import silu

from axon.models.joined import Joined, linear_of
from axon.models.product import Multiply

VECTORS = 64  # numbers that fill whole vectors of any processor, however many of them torch takes at once

# Of a layer's own module, its queries and keys (N, H + G, A) and values (N, G, A): what its positions see, (N, H x A).
Attend = Callable[[Any, Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Narrow:
    """The positions of a pass that are read."""

    places_M: Tensor
    count: int  # N

    @classmethod
    def of(cls, columns_BR: Tensor, width: int) -> Narrow:
        """Those columns of rows that wide."""
        rows = len(columns_BR)
        if rows > 1:
            columns_BR = columns_BR + torch.arange(0, rows * width, width, device=columns_BR.device)[:, None]
        return cls(columns_BR.flatten(), rows * width)

    def to(self, device: torch.device) -> Narrow:
        """The same on that device."""
        return Narrow(self.places_M.to(device), self.count)

    def take(self, x_ND: Tensor) -> Tensor:
        """Of those positions, (M, D)."""
        return x_ND.index_select(0, self.places_M)

    def spread(self, some_MD: Tensor) -> Tensor:
        """At their places, (N, D), and zeros elsewhere."""
        zeros = some_MD.new_zeros((self.count, some_MD.shape[1]))
        return zeros.index_copy_(0, self.places_M, some_MD)


class Norm:
    """A root mean square norm: in float32, and times its weight in the precision of what is normalised."""

    def __init__(self, module: Any) -> None:
        self._weight: Tensor = module.weight
        self._eps: float = module.variance_epsilon

    def __call__(self, x: Tensor) -> Tensor:
        """Over the last axis."""
        if x.dtype is torch.float32:  # there is no other precision to multiply in
            return torch.rms_norm(x, self._weight.shape, self._weight, self._eps)
        return torch.rms_norm(x, self._weight.shape, None, self._eps).mul_(self._weight)


@dataclass(frozen=True)
class Rotation:
    """Sines and cosines of a pass's positions; those of the first half of a head are of the negative angle."""

    cos_N1A: Tensor
    sin_N1A: Tensor  # sines, the first half with the sign changed: rotating a half is then a swap of halves

    @classmethod
    def of(cls, cos_BQA: Tensor, sin_BQA: Tensor) -> Rotation:
        """From an embedding's own, of Q columns of each row."""
        cos_NA, sin_NA = cos_BQA.flatten(0, 1), sin_BQA.flatten(0, 1)
        first, second = sin_NA.chunk(2, -1)
        return cls(cos_NA[:, None], torch.cat([-first, second], -1)[:, None])

    @property
    def count(self) -> int:
        """N."""
        return self.cos_N1A.shape[0]

    def at(self, places_M: Tensor) -> Rotation:
        """Of those among its positions."""
        return Rotation(self.cos_N1A.index_select(0, places_M), self.sin_N1A.index_select(0, places_M))

    def to(self, device: torch.device) -> Rotation:
        """The same on that device."""
        return Rotation(self.cos_N1A.to(device), self.sin_N1A.to(device))

    def __call__(self, x_NHA: Tensor) -> Tensor:
        """Heads at their positions, which it may overwrite; of heads longer than the rotation, the rest stays."""
        size = self.cos_N1A.shape[-1]
        if size < x_NHA.shape[-1]:
            return torch.cat([self(x_NHA[..., :size]), x_NHA[..., size:]], -1)
        if x_NHA.dtype is not self.cos_N1A.dtype:
            if not x_NHA.is_cpu:
                return self._in_16_bits(x_NHA)
            x_NHA = x_NHA.to(self.cos_N1A.dtype)
        swapped_NHA = x_NHA.roll(size // 2, -1).mul_(self.sin_N1A)
        if x_NHA.is_contiguous():
            return x_NHA.mul_(self.cos_N1A).add_(swapped_NHA)
        return x_NHA.mul(self.cos_N1A).add_(swapped_NHA)  # a part of a tensor would keep all of it

    def _in_16_bits(self, x_NHA: Tensor) -> Tensor:
        """Rotated in float32, of which as little as can be is made: it is twice as much to read and write.

        A product and the sum that it goes into are rounded once, now and then otherwise than one after the other.
        """
        half = self.cos_N1A.shape[-1] // 2
        turned_NHA = x_NHA * self.cos_N1A
        turned_NHA[..., :half].addcmul_(x_NHA[..., half:], self.sin_N1A[..., :half])
        turned_NHA[..., half:].addcmul_(x_NHA[..., :half], self.sin_N1A[..., half:])
        return turned_NHA.to(x_NHA.dtype)


class Layer:
    """One layer: attention and MLP, each after a norm and added to what came in.

    What a part makes on its way is dropped when it returns, so that the next one writes where the cache still is: at
    batch 8 of a small network, new memory costs more than most operators.
    """

    def __init__(self, module: Any) -> None:
        own = module.self_attn
        self._own = own  # the kernel reads its number and its groups of heads
        self._before, self._between = Norm(module.input_layernorm), Norm(module.post_attention_layernorm)
        normed = hasattr(own, "q_norm")
        self._head_norms = (Norm(own.q_norm), Norm(own.k_norm)) if normed else None
        query, key, value = own.q_proj, own.k_proj, own.v_proj
        # Queries and keys are rotated together, but normalised apart.
        self._query_key_value = Joined([query], [key], [value]) if normed else Joined([query, key], [value])
        self._output = linear_of(own.o_proj)
        self._mlp = Gated(module.mlp) if hasattr(module.mlp, "gate_proj") else Routed(module.mlp)

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        place: torch.device = self._output[0].device
        return place

    def __call__(
        self,
        x_ND: Tensor,
        rotation: Rotation,
        attend: Attend,
        multiply: Multiply,
        queries: Narrow | None = None,
        read: Narrow | None = None,
    ) -> Tensor:
        """The states after it, (N, D), or with `read` (M, D).

        `attend` is the attention of the pass, and `multiply` the `way` of its states. With `queries`, those of other
        positions are zeros.
        """
        x_ND = self._attended(x_ND, rotation, attend, multiply, queries, read)
        deep_ND: Tensor = self._mlp(self._between(x_ND), multiply)
        return deep_ND.add_(x_ND)

    def _attended(
        self,
        x_ND: Tensor,
        rotation: Rotation,
        attend: Attend,
        multiply: Multiply,
        queries: Narrow | None,
        read: Narrow | None,
    ) -> Tensor:
        """The states after attention, (N, D), or with `read` (M, D)."""
        query_key_NCA, value_NGA = self._projected(self._before(x_ND), multiply, queries)
        mixed_ND = attend(self._own, rotation(query_key_NCA), value_NGA)
        if read is not None:
            mixed_ND, x_ND = read.take(mixed_ND), read.take(x_ND)
        return multiply(mixed_ND, *self._output).add_(x_ND)

    def _projected(
        self, normed_ND: Tensor, multiply: Multiply, queries: Narrow | None
    ) -> tuple[Tensor, Tensor]:
        """Queries and keys, (N, H + G, A), and values, (N, G, A)."""
        heads = normed_ND.shape[0], -1, self._own.head_dim
        if queries is None and self._head_norms is None:
            query_key, value = self._query_key_value(normed_ND, multiply)
            return query_key.view(heads), value.view(heads)
        if queries is None:
            query, key, value = self._query_key_value(normed_ND, multiply)
        else:
            of_query, of_key, of_value = self._query_key_value.parts
            query = queries.spread(multiply(queries.take(normed_ND), *of_query))
            key, value = multiply(normed_ND, *of_key), multiply(normed_ND, *of_value)
        if self._head_norms is not None:
            norm_query, norm_key = self._head_norms
            query, key = norm_query(query.view(heads)), norm_key(key.view(heads))
        # Heads lie one after the other already.
        return torch.cat((query, key), 1).view(heads), value.view(heads)


class Routed:
    """Experts: transformers' own module, which wants rows."""

    def __init__(self, module: Any) -> None:
        self._module = module

    def __call__(self, x_ND: Tensor, _: Multiply) -> Tensor:
        """Of every position by itself."""
        deep_1ND: Tensor = self._module(x_ND[None])
        return deep_1ND[0]


class Gated:
    """A dense MLP with a gate."""

    def __init__(self, module: Any) -> None:
        self._gate_up, self._down = Joined([module.gate_proj], [module.up_proj]), linear_of(module.down_proj)

    def __call__(self, x_ND: Tensor, multiply: Multiply) -> Tensor:
        """Of every position by itself."""
        gate_NF, up_NF = self._gate_up(x_ND, multiply)
        return multiply(_silu(gate_NF).mul_(up_NF), *self._down)


def _silu(gate_NF: Tensor) -> Tensor:
    """Which may overwrite it."""
    if gate_NF.is_cpu and not gate_NF.is_contiguous():
        if gate_NF.shape[1] % VECTORS == 0:
            return silu(gate_NF)
        # A processor rounds exponentials otherwise at the end of a row, or of all rows that touch.
        gate_NF = gate_NF.contiguous()
    return silu(gate_NF, inplace=True)
