"""Linear maps in float32 on a processor: by oneDNN where that takes less time and differs in no bit.

Torch's own `linear` multiplies float32 with oneMKL, which on an AMD processor with AVX-512 takes twice the time of
oneDNN, which torch brings as well. Both add up to 192 terms one after the other; of more, oneMKL adds some apart.

A product of few rows, which oneDNN is slow to start, has to round as one of many does. So oneDNN computes only what a
trial, once a process, finds equal bit for bit, and sooner: the clock may decide anew in each process, since no result
depends on what it says.

Shapes: N positions, K terms of each sum, F outputs.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from time import perf_counter

import torch
from torch import Tensor
from torch.nn.functional import linear

from axon.attention import PANEL, PANELS

Multiply = Callable[..., Tensor]  # states (N, K), weight (F, K), bias (F) or None: (N, F)

TERMS = 192
ENOUGH = 1 << 22  # multiplications: oneDNN starts 10 to 20 microseconds later, which fewer don't win back
LEAST = 64  # rows: a small pass would lose more time by asking, product by product, than it wins
ALONE = PANEL * PANELS  # rows, each of which oneMKL rounds alone
TRIED = 512, 192, 192  # rows, outputs and terms of the product that is timed
REPEATS = 7
SOONER = 0.8  # of oneMKL's time: what only chance would find on a processor where the two are alike

_HERE = torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")


def way(x_NK: Tensor) -> Multiply:
    """Of multiplying those states. oneDNN knows neither gradients nor autocast."""
    if x_NK.shape[0] < LEAST or not x_NK.is_cpu or x_NK.dtype is not torch.float32 or not _HERE:
        return linear
    if torch.compiler.is_compiling() or torch.is_grad_enabled() or torch.is_autocast_enabled("cpu"):
        return linear
    return _by_shape if sooner() else linear


def _by_shape(x_NK: Tensor, weight_FK: Tensor, bias_F: Tensor | None = None) -> Tensor:
    """`linear`, perhaps by oneDNN, which crawls on strided memory."""
    outputs, terms = weight_FK.shape
    if (
        terms <= TERMS
        and x_NK.shape[0] >= enough_rows(outputs, terms)
        and x_NK.is_contiguous()
        and weight_FK.is_contiguous()
        and equal(outputs, terms, bias_F is not None, torch.get_num_threads())
    ):
        return one_dnn(x_NK, weight_FK, bias_F)
    return linear(x_NK, weight_FK, bias_F)


def one_dnn(x_NK: Tensor, weight_FK: Tensor, bias_F: Tensor | None = None) -> Tensor:
    """`linear` by oneDNN."""
    product: Tensor = torch.ops.mkldnn._linear_pointwise.default(x_NK, weight_FK, bias_F, "none", [], "")
    return product


def enough_rows(outputs: int, terms: int) -> int:
    """From how many rows on oneDNN may compute a product."""
    return max(LEAST, -(-ENOUGH // (outputs * terms)))


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
        for count in (ALONE, few, 2 * few)
    )
