"""Linear maps in float32 on a processor: by oneDNN where that takes less time and differs in no bit.

Torch's own `linear` multiplies float32 with oneMKL, which on AMD's Zen 5 takes twice the time of oneDNN, which torch
brings as well; with AVX2 alone they take about as long. Both add up to 192 terms one after the other; of more, oneMKL
adds some apart.

A product of few rows, which oneDNN is slow to start, has to round as one of many does, and a decode as on a machine
without it. So oneDNN computes only shapes that a trial, once a process, finds equal bit for bit.

Shapes: N positions, K terms of each sum, F outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

import torch
from torch import Tensor
from torch.nn.functional import linear

from axon.processor import AMD, maker_and_family
from axon.roundings import ALONE

Multiply = Callable[..., Tensor]  # states (N, K), weight (F, K), bias (F) or None: (N, F)

HALF = (torch.bfloat16, torch.float16)
TERMS = 192
ENOUGH = 1 << 22  # multiplications: oneDNN starts 10 to 20 microseconds later, which fewer don't win back
LEAST = 64  # rows: a small pass would lose more time by asking, product by product, than it wins
# Results in one tensor of a processor's: new memory for more costs more than starting twice.
AT_ONCE = 1 << 16
ZEN_5 = 26  # a family

_HERE = torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")


def way(x_NK: Tensor) -> Multiply:
    """Of multiplying those states. oneDNN knows neither gradients nor autocast.

    The compiler is asked first: it makes kernels anew for each answer to a question about their number.
    """
    if torch.compiler.is_compiling() or torch.is_grad_enabled() or torch.is_autocast_enabled("cpu"):
        return linear
    if x_NK.shape[0] < ALONE or not x_NK.is_cpu or x_NK.dtype is not torch.float32 or not _HERE:
        return linear
    return _by_shape if sooner() else linear


def joinable(weights: Sequence[Tensor]) -> bool:
    """Whether maps with those weights (F, K) are ever one product; see `joint_way`."""
    first = weights[0]
    alike = {(weight.device, weight.dtype, weight.shape[1], weight.is_contiguous()) for weight in weights}
    if alike != {(first.device, first.dtype, first.shape[1], True)}:
        return False
    if first.is_cuda:
        return first.dtype in HALF
    return first.is_cpu and first.dtype is torch.float32 and first.shape[1] <= TERMS and _HERE and sooner()


def joint_way(x_NK: Tensor, multiply: Multiply, outputs: tuple[int, ...], biased: bool) -> Multiply | None:
    """Of multiplying states with joined weights of so many outputs; None: with each by itself.

    `multiply`: their `way`. On a GPU one product in half precision may round other than several, as cuBLAS chooses
    among more than can be tried.
    """
    if multiply is _by_shape:
        rows, terms = x_NK.shape
        if rows * sum(outputs) > AT_ONCE or not x_NK.is_contiguous():
            return None
        return one_dnn if equal(outputs, terms, biased, torch.get_num_threads()) else None
    if x_NK.is_cuda and not (torch.compiler.is_compiling() or torch.is_grad_enabled()):
        return multiply
    return None


def _by_shape(x_NK: Tensor, weight_FK: Tensor, bias_F: Tensor | None = None) -> Tensor:
    """`linear`, perhaps by oneDNN, which crawls on strided memory."""
    outputs, terms = weight_FK.shape
    if (
        terms <= TERMS
        and x_NK.shape[0] >= enough_rows(outputs, terms)
        and x_NK.is_contiguous()
        and weight_FK.is_contiguous()
        and equal((outputs,), terms, bias_F is not None, torch.get_num_threads())
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
    """Whether oneDNN takes less time on this processor: AMD's with whole registers of AVX-512, from Zen 5 on."""
    maker, family = maker_and_family()
    return torch.backends.cpu.get_cpu_capability() == "AVX512" and maker == AMD and family >= ZEN_5


@cache
def equal(outputs: tuple[int, ...], terms: int, biased: bool, threads: int) -> bool:
    """Whether both compute products of those shapes alike, bit for bit, whatever their number of rows.

    Of several `outputs`, oneDNN computes them as one. They choose routines by shapes and threads, not by what the
    numbers are.
    """
    drawn = torch.Generator().manual_seed(0)
    few = enough_rows(min(outputs), terms)
    x_NK = torch.randn(2 * few, terms, generator=drawn)
    weight_FK = torch.randn(sum(outputs), terms, generator=drawn)
    bias_F = torch.randn(sum(outputs), generator=drawn) if biased else None
    biases = bias_F.split(outputs) if bias_F is not None else [None] * len(outputs)
    parts = list(zip(weight_FK.split(outputs), biases, strict=True))

    def apart(x_NK: Tensor, *_: Tensor | None) -> Tensor:
        return torch.cat([linear(x_NK, *part) for part in parts], 1)

    try:
        product_NF = one_dnn(x_NK, weight_FK, bias_F)
    except (RuntimeError, TypeError):  # the operator isn't public: a release's may take other arguments
        return False
    return all(
        torch.equal(multiply(x_NK[:count], weight_FK, bias_F), product_NF[:count])
        for multiply in (apart, one_dnn)
        for count in (ALONE, few, 2 * few)
    )
