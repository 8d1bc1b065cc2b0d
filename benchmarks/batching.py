"""What batching buys: `python benchmarks/batching.py [--device cuda --checkpoint FOLDER]`.

The same prompts decoded in batches of several sizes: examples per second, and the ratio to one at a time. The run fails
unless the traces are equal.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from time import perf_counter

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from axon import DecodeSettings, decode
from axon.trace import Trace
from benchmarks.bench import Bench, medians, open_bench
from pipeline.stopwatch import synchronize

SIZES = (1, 4, 16, 64)
SETTINGS = DecodeSettings(gen_length=32, block_length=32)


def main() -> None:
    bench = open_bench(__doc__)
    traces: dict[int, list[Trace]] = {}
    runs = {str(size): partial(_decode, bench, size, traces) for size in SIZES}
    seconds = {size: found["all"] for size, found in medians(runs, bench.rounds).items()}
    equal = all(found == traces[1] for found in traces.values())
    print(f"\n{'batch':>6}{'examples/s':>12}{'ratio':>8}")
    for size, spent in seconds.items():
        print(f"{size:>6}{len(bench.prompts) / spent:12.1f}{seconds['1'] / spent:8.2f}")
    print("traces equal" if equal else "TRACES DIFFER")
    sys.exit(0 if equal else 1)


def _decode(bench: Bench, size: int, traces: dict[int, list[Trace]]) -> dict[str, float]:
    synchronize(bench.model.device)
    start = perf_counter()
    traces[size] = decode(bench.model, bench.prompts, SETTINGS, batch_size=size)
    synchronize(bench.model.device)
    return {"all": perf_counter() - start}


if __name__ == "__main__":
    main()
