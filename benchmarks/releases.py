"""The releases' decoding loops against ours: `python benchmarks/releases.py [--size tiny wide --batch 1 8]`.

Both decode the same prompts with the same weights, in turns, with the loops of benchmarks/peers. Columns: their
seconds divided by ours, on the clock and of processor time; the same a pass (the network's calls of the whole batch);
passes of each; the share of tokens that are equal. The run fails where a decode differs that should not: DAWN's and
AXON's releases let the rows of a batch decide for each other, so theirs are compared at batch 1 only. A `~` marks
turns that scatter by more than a fifth of their median.

Sizes: `tiny` is the bundled model on prompts of `pycode`; `wide` has LLaDA's vocabulary on eight layers of 512, and
`sdar` is a small network of SDAR's kind, both with random weights and prompts of 128 tokens.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pipeline.importing import importing_models

with importing_models():  # as our commands do, in half the time
    import torch

    from benchmarks.contest import CONTESTS, Result, hold
    from benchmarks.load import load_line
    from benchmarks.sizes import SIZES, Size


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", nargs="+", choices=SIZES, default=["tiny", "wide"])
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 8], help="rows decoded at once")
    parser.add_argument(
        "--rounds", type=int, default=3, help="how often each is timed, after once to warm up"
    )
    parser.add_argument("--loops", nargs="+", choices=list(CONTESTS), help="whose; all that fit the size")
    chosen = parser.parse_args()
    print(f"{torch.get_num_threads()} threads, {chosen.rounds} rounds, {load_line()}")
    print(
        f"\n{'size':<6}{'batch':>6} {'loop':<28}{'theirs s':>10}{'ours s':>9}{'ratio':>9}{'cpu':>7}{'a pass':>8}"
        f"{'passes':>11}{'equal':>8}"
    )
    failed = []
    for name in chosen.size:
        size = SIZES[name]()
        for batch in chosen.batch:
            for loop in chosen.loops or CONTESTS:
                if CONTESTS[loop].fits(size, batch):
                    found = hold(CONTESTS[loop], size, batch, chosen.rounds)
                    print(_line(size, batch, loop, found), flush=True)
                    if found.must_agree and not found.agrees:
                        failed.append(f"{name} {loop} at batch {batch}")
    print(f"\nDECODES DIFFER: {', '.join(failed)}" if failed else "\ndecodes equal wherever they should be")
    sys.exit(1 if failed else 0)


def _line(size: Size, batch: int, loop: str, found: Result) -> str:
    noisy = "~" if found.scatter > 0.2 else " "
    return (
        f"{size.name:<6}{batch:>6} {loop:<28}{found.theirs.wall:10.3f}{found.ours.wall:9.3f}"
        f"{found.theirs.wall / found.ours.wall:8.2f}{noisy}{found.theirs.processor / found.ours.processor:7.2f}"
        f"{found.ratio_per_pass:8.2f}{f'{found.theirs.passes}/{found.ours.passes}':>11}{found.equal:8.1%}"
    )


if __name__ == "__main__":
    main()
