"""A layer of a network in as few operators as its roundings allow.

Transformers' modules normalise in seven operators and rotate in fifteen; on a small network, starting them takes as
long as the products of matrices. These are the same sums and products in the same order, so that no bit differs.

Shapes: B rows, Q columns of a pass, R those of them that are read, D hidden size, H heads, A head size.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import linear, silu

# Of a layer's own module, its queries, keys and values (B, heads, Q, A): what its positions see, (B, Q, H, A), first.
Attend = Callable[..., tuple[Tensor, Any]]


@dataclass(frozen=True)
class Narrow:
    """The columns of a pass that are read."""

    columns_BR: Tensor
    width: int  # Q

    def to(self, device: torch.device) -> Narrow:
        """The same on that device."""
        return Narrow(self.columns_BR.to(device), self.width)

    @cached_property
    def _index_BR1(self) -> Tensor:
        return self.columns_BR[..., None]

    def take(self, x_BQD: Tensor) -> Tensor:
        """Of those columns, (B, R, D)."""
        return x_BQD.gather(1, self._index_BR1.expand(-1, -1, x_BQD.shape[2]))

    def spread(self, some_BRD: Tensor) -> Tensor:
        """At their places, (B, Q, D), and zeros elsewhere."""
        zeros = some_BRD.new_zeros((len(some_BRD), self.width, some_BRD.shape[2]))
        return zeros.scatter_(1, self._index_BR1.expand_as(some_BRD), some_BRD)


class Norm:
    """A root mean square norm: in float32, and times its weight in the precision of what is normalised."""

    def __init__(self, module: Any) -> None:
        self._weight: Tensor = module.weight
        self._eps: float = module.variance_epsilon

    def __call__(self, x: Tensor) -> Tensor:
        """Over the last axis."""
        return torch.rms_norm(x, self._weight.shape, None, self._eps).mul_(self._weight)


@dataclass(frozen=True)
class Rotation:
    """Sines and cosines of a pass's positions; those of the first half of a head are of the negative angle."""

    cos_BQ1A: Tensor
    sin_BQ1A: Tensor  # sines, the first half with the sign changed: rotating a half is then a swap of halves

    @classmethod
    def of(cls, cos_BQA: Tensor, sin_BQA: Tensor) -> Rotation:
        """From an embedding's own."""
        first, second = sin_BQA.chunk(2, -1)
        return cls(cos_BQA[:, :, None], torch.cat([-first, second], -1)[:, :, None])

    def to(self, device: torch.device) -> Rotation:
        """The same on that device."""
        return Rotation(self.cos_BQ1A.to(device), self.sin_BQ1A.to(device))

    def __call__(self, x_BQHA: Tensor) -> Tensor:
        """Heads at their positions; of heads longer than the rotation, what is beyond it stays."""
        size = self.cos_BQ1A.shape[-1]
        if size == x_BQHA.shape[-1]:
            return (x_BQHA * self.cos_BQ1A).add_(x_BQHA.roll(size // 2, -1) * self.sin_BQ1A)
        return torch.cat([self(x_BQHA[..., :size]), x_BQHA[..., size:]], -1)


class Layer:
    """One layer: attention and MLP, each after a norm and added to what came in."""

    def __init__(self, module: Any) -> None:
        own = module.self_attn
        self._own = own  # the kernel reads its number and its groups of heads
        self._before, self._between = Norm(module.input_layernorm), Norm(module.post_attention_layernorm)
        self._query, self._key, self._value, self._output = (
            (part.weight, part.bias) for part in (own.q_proj, own.k_proj, own.v_proj, own.o_proj)
        )
        normed = hasattr(own, "q_norm")
        self._head_norms = (Norm(own.q_norm), Norm(own.k_norm)) if normed else None
        self._mlp = Gated(module.mlp) if hasattr(module.mlp, "gate_proj") else module.mlp

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        place: torch.device = self._query[0].device
        return place

    def __call__(
        self,
        x_BQD: Tensor,
        rotation: Rotation,
        attend: Attend,
        queries: Narrow | None = None,
        read: Narrow | None = None,
    ) -> Tensor:
        """The states after it, (B, Q, D), or with `read` (B, R, D).

        `attend` is the attention of the pass. With `queries`, those of other columns are zeros.
        """
        count, width, _ = x_BQD.shape
        heads = count, width, -1, self._own.head_dim
        normed_BQD = self._before(x_BQD)
        if queries is None:
            query_BQHA = linear(normed_BQD, *self._query).view(heads)
        else:
            query_BQHA = queries.spread(linear(queries.take(normed_BQD), *self._query)).view(heads)
        key_BQGA = linear(normed_BQD, *self._key).view(heads)
        value_BQGA = linear(normed_BQD, *self._value).view(heads)
        if self._head_norms is not None:
            norm_query, norm_key = self._head_norms
            query_BQHA, key_BQGA = norm_query(query_BQHA), norm_key(key_BQGA)
        mixed_BQHA, _ = attend(
            self._own,
            rotation(query_BQHA).transpose(1, 2),
            rotation(key_BQGA).transpose(1, 2),
            value_BQGA.transpose(1, 2),
            scaling=self._own.scaling,
        )
        mixed_BQD = mixed_BQHA.view(count, width, -1)
        if read is not None:
            mixed_BQD, x_BQD = read.take(mixed_BQD), read.take(x_BQD)
        x_BQD = linear(mixed_BQD, *self._output).add_(x_BQD)
        deep_BQD: Tensor = self._mlp(self._between(x_BQD))
        return deep_BQD.add_(x_BQD)


class Gated:
    """A dense MLP with a gate."""

    def __init__(self, module: Any) -> None:
        self._gate, self._up, self._down = (
            (part.weight, part.bias) for part in (module.gate_proj, module.up_proj, module.down_proj)
        )

    def __call__(self, x_BQD: Tensor) -> Tensor:
        """Of every position by itself."""
        gate_BQF = silu(linear(x_BQD, *self._gate), inplace=True)
        return linear(gate_BQF.mul_(linear(x_BQD, *self._up)), *self._down)
