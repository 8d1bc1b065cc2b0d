"""Linear maps in float32 on a processor: by oneDNN where that takes less time and differs in no bit.

Torch's own `linear` multiplies float32 with oneMKL, which on an AMD processor with AVX-512 takes twice the time of
oneDNN, which torch brings as well. Both add up to 192 terms one after the other; of more, oneMKL adds some apart.

A product of few rows, which oneDNN is slow to start, has to round as one of many does. So oneDNN computes only what a
trial, once a process, finds equal bit for bit, and sooner: the clock may decide anew in each process, since no result
depends on what it says.

Shapes: N positions, K terms of each sum, F outputs.
"""

from __future__ import annotations

import sys
from functools import cache
from time import perf_counter

import torch
from torch import Tensor
from torch.nn.functional import linear

from axon.attention import PANEL, PANELS

TERMS = 192
ENOUGH = 1 << 21  # multiplications: oneDNN starts 10 microseconds later, which fewer don't win back
FEWEST = PANEL * PANELS  # rows, each of which oneMKL rounds alone
TRIED = 512, 192, 192  # rows, outputs and terms of the product that is timed
REPEATS = 7
SOONER = 0.8  # of oneMKL's time: what only chance would find on a processor where the two are alike

_HERE = torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")


class Linear:
    """A weight (F, K) and a bias (F) or none, of a module that may change or move them."""

    def __init__(self, module: torch.nn.Linear) -> None:
        self.weight: Tensor = module.weight
        self._bias: Tensor | None = module.bias
        worth_it = _HERE and self.weight.shape[1] <= TERMS
        self._many = enough_rows(*self.weight.shape) if worth_it else sys.maxsize

    def __call__(self, x_NK: Tensor) -> Tensor:
        """(N, F)."""
        if x_NK.shape[0] >= self._many and self._suits(x_NK):
            return one_dnn(x_NK, self.weight, self._bias)
        return linear(x_NK, self.weight, self._bias)

    def _suits(self, x_NK: Tensor) -> bool:
        """Whether oneDNN is to compute it. It knows neither gradients nor autocast, and crawls on strided memory."""
        if torch.compiler.is_compiling() or torch.is_grad_enabled() or torch.is_autocast_enabled("cpu"):
            return False
        if not all(
            one.is_cpu and one.dtype is torch.float32 and one.is_contiguous() for one in (x_NK, self.weight)
        ):
            return False
        return sooner() and equal(*self.weight.shape, self._bias is not None, torch.get_num_threads())


def one_dnn(x_NK: Tensor, weight_FK: Tensor, bias_F: Tensor | None = None) -> Tensor:
    """`linear` by oneDNN."""
    product: Tensor = torch.ops.mkldnn._linear_pointwise.default(x_NK, weight_FK, bias_F, "none", [], "")
    return product


def enough_rows(outputs: int, terms: int) -> int:
    """From how many rows on oneDNN may compute a product."""
    return max(FEWEST, -(-ENOUGH // (outputs * terms)))


@cache
def sooner() -> bool:
    """Whether oneDNN takes less time on this processor."""
    rows, outputs, terms = TRIED
    x_NK, weight_FK = torch.ones(rows, terms), torch.ones(outputs, terms)
    taken = {linear: float("inf"), one_dnn: float("inf")}
    for _ in range(REPEATS):
        for way in taken:
            began = perf_counter()
            way(x_NK, weight_FK)
            taken[way] = min(taken[way], perf_counter() - began)
    return taken[one_dnn] < SOONER * taken[linear]


@cache
def equal(outputs: int, terms: int, biased: bool, threads: int) -> bool:
    """Whether both compute products of that shape alike, bit for bit, whatever their number of rows.

    They choose routines by shapes and threads, not by what the numbers are.
    """
    drawn = torch.Generator().manual_seed(0)
    few = enough_rows(outputs, terms)
    x_NK = torch.randn(2 * few, terms, generator=drawn)
    weight_FK = torch.randn(outputs, terms, generator=drawn)
    bias_F = torch.randn(outputs, generator=drawn) if biased else None
    product_NF = one_dnn(x_NK, weight_FK, bias_F)
    return all(
        torch.equal(way(x_NK[:count], weight_FK, bias_F), product_NF[:count])
        for way in (linear, one_dnn)
        for count in (FEWEST, few, 2 * few)
    )
