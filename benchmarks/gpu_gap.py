"""Where a pass's time goes on a GPU: `gap` of gpu.py.

Of loops of ours at LLaDA-8B's and SDAR-8B's sizes: the milliseconds of a pass by the clock, how many of them the GPU
works, in how many kernels, and what these are. What the clock has above the GPU's own work is the host, which starts
kernels one by one. Before it what this card reaches at best: a large product, and a large copy.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from heapq import nlargest
from operator import itemgetter
from time import perf_counter

import torch
from torch.profiler import ProfilerActivity, profile

from axon.room import give_back
from benchmarks.contest import CONTESTS, contenders
from benchmarks.gpu_speed import families, network_of, size_of
from benchmarks.sizes import Size
from pipeline.evaluation.stopwatch import synchronize

WIDTH = 512
BATCHES = (1, 8)
LOOPS = (
    "Fast-dLLM, threshold",
    "AXON over threshold",
    "AXON over DAWN",
    "Fast-dLLM, dual cache",
    "SDAR, block cache",
)
# Words in the names of kernels (and, on a processor, of operators).
KINDS = {
    "attention": ("flash", "fmha", "attention", "cudnn"),
    "products": ("gemm", "nvjet", "cutlass", "gemv", "splitk", "aten::mm", "aten::addmm", "aten::bmm"),
}
SIDE, COPIED, TIMES = 8192, 2**32, 10  # of the product's matrices; bytes; repeats
MOST = 8  # kernels that are named


@dataclass(frozen=True)
class Kernels:
    """Of a turn: seconds by name, and how many were started."""

    seconds: dict[str, float]
    count: int

    def of(self, kind: str) -> float:
        """Seconds in those of the kind; "rest": of none."""
        return sum(spent for name, spent in self.seconds.items() if kind_of(name) == kind)


def kind_of(kernel: str) -> str:
    """The one of KINDS that its name tells, or "rest"."""
    told = kernel.lower()
    return next((kind for kind, words in KINDS.items() if any(word in told for word in words)), "rest")


def gap(device: torch.device) -> None:
    """Prints the table of both families."""
    small = device.type != "cuda"
    if not small:
        ceilings(device)
    heads = ("ms/pass", "GPU", "kernels", *KINDS, "rest")
    print(f"{'':<10}{'loop':<24}{'batch':>6}" + "".join(f"{head:>11}" for head in heads))
    for title, (family, shape, block) in families(small).items():
        model = network_of(family, shape, device)
        for loop in LOOPS:
            for batch in BATCHES:
                size = size_of(title, model, batch, 96 if small else WIDTH, block)
                if CONTESTS[loop].block_causal == model.block_causal:
                    print(f"{title:<10}{loop:<24}{_cells(loop, size, batch)}", flush=True)
        del model
        give_back()


def ceilings(device: torch.device) -> None:
    """Prints what a large product and a large copy reach."""
    square = torch.randn((SIDE, SIDE), dtype=torch.bfloat16, device=device)
    seconds = _mean_seconds(lambda: square @ square, device)
    print(f"a product of {SIDE} x {SIDE} matrices in bfloat16: {2 * SIDE**3 / seconds / 1e12:.0f} TFLOP/s")
    source = torch.empty(COPIED, dtype=torch.uint8, device=device).random_()
    target = torch.empty_like(source)
    seconds = _mean_seconds(lambda: target.copy_(source), device)
    print(f"a copy of {COPIED / 2**30:.0f} GiB: {2 * COPIED / seconds / 1e12:.2f} TB/s read and written")


def _mean_seconds(run: Callable[[], object], device: torch.device) -> float:
    run()
    synchronize(device)
    start = perf_counter()
    for _ in range(TIMES):
        run()
    synchronize(device)
    return (perf_counter() - start) / TIMES


def _cells(loop: str, size: Size, batch: int) -> str:
    run = contenders(CONTESTS[loop], size, batch)["ours"]
    run()
    turn = run()
    cuda = size.model.device.type == "cuda"
    with profile(activities=[ProfilerActivity.CUDA if cuda else ProfilerActivity.CPU]) as found:
        run()
    events = [one for one in found.key_averages() if _spent(one, cuda)]
    seconds = {one.key: _spent(one, cuda) for one in events}
    kernels = Kernels(seconds, sum(one.count for one in events))
    spent = (turn.wall, sum(seconds.values()), *(kernels.of(kind) for kind in (*KINDS, "rest")))
    clock, busy, *kinds = (f"{1000 * value / turn.passes:11.2f}" for value in spent)
    told = "".join(
        f"\n{'':14}{1000 * value / turn.passes:7.2f} ms  {name[:100]}"
        for name, value in nlargest(MOST, seconds.items(), key=itemgetter(1))
    )
    return f"{batch:>6}{clock}{busy}{kernels.count / turn.passes:11.0f}{''.join(kinds)}{told}"


def _spent(event: object, cuda: bool) -> float:
    """Seconds."""
    microseconds: float = getattr(event, "self_device_time_total" if cuda else "self_cpu_time_total")
    return microseconds / 1e6
