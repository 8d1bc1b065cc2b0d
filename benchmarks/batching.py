"""What batching buys: `python benchmarks/batching.py [--device cuda --dtype bfloat16 --checkpoint FOLDER]`.

The same prompts decoded in batches of several sizes: examples per second, the ratio to one at a time, and the share of
prompts that decode to the same tokens in the same steps as one at a time. In float32 that is all of them, or the run
fails; below it the shape of a batch changes roundings, and the share is what was measured.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from time import perf_counter

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pipeline.importing import importing_models

with importing_models():  # as our commands do, in half the time
    import torch

    from axon import DecodeSettings, decode
    from axon.trace import Trace
    from benchmarks.bench import Bench, medians, open_bench
    from pipeline.evaluation.stopwatch import synchronize

SIZES = (1, 4, 16, 64)
SETTINGS = DecodeSettings(gen_length=32, block_length=32)


def main() -> None:
    bench = open_bench(__doc__)
    traces: dict[int, list[Trace]] = {}
    runs = {str(size): partial(_decode, bench, size, traces) for size in SIZES}
    seconds = {size: found["all"] for size, found in medians(runs, bench.rounds).items()}
    print(f"\n{'batch':>6}{'examples/s':>12}{'ratio':>8}{'same':>8}")
    for size, spent in seconds.items():
        share = same(traces[int(size)], traces[1])
        print(f"{size:>6}{len(bench.prompts) / spent:12.1f}{seconds['1'] / spent:8.2f}{share:8.1%}")
    exact = all(found == traces[1] for found in traces.values())
    sys.exit(0 if exact or bench.model.dtype != torch.float32 else 1)


def same(found: list[Trace], alone: list[Trace]) -> float:
    """The share of prompts whose events are those of a decode by themselves."""
    return sum(one.events == other.events for one, other in zip(found, alone, strict=True)) / len(alone)


def _decode(bench: Bench, size: int, traces: dict[int, list[Trace]]) -> dict[str, float]:
    synchronize(bench.model.device)
    start = perf_counter()
    traces[size] = decode(bench.model, bench.prompts, SETTINGS, batch_size=size)
    synchronize(bench.model.device)
    return {"all": perf_counter() - start}


if __name__ == "__main__":
    main()
