"""What the command line of a simulation of sweeps asks for: how many of them, on how many examples."""

from __future__ import annotations

import argparse
from collections.abc import Sequence


def read_words(about: str | None, sizes: Sequence[int]) -> argparse.Namespace:
    """`sweeps` and `sizes`, the latter as given unless named. `about`: the script's docstring, for --help."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sweeps", type=int, default=100, help="simulated sweeps per row (default: 100)")
    parser.add_argument("--sizes", type=int, nargs="+", default=sizes, help="numbers of examples")
    return parser.parse_args()
