"""What the command line of a simulation of sweeps asks for: how many of them, on how many examples."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence

from pipeline.report.comparisons.effects import MIN_EXAMPLES


def read_words(about: str | None, sizes: Sequence[int]) -> argparse.Namespace:
    """`sweeps` and `sizes`, the latter as given unless named. `about`: the script's docstring, for --help."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--sweeps", type=at_least(1), default=100, help="simulated sweeps per row (default: 100)"
    )
    parser.add_argument(
        "--sizes",
        type=at_least(MIN_EXAMPLES),
        nargs="+",
        default=sizes,
        help=f"numbers of examples, {MIN_EXAMPLES} at least: of fewer a report concludes nothing",
    )
    return parser.parse_args()


def at_least(least: int) -> Callable[[str], int]:
    """What argparse reads such a whole number with."""

    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if value < least:
            raise argparse.ArgumentTypeError(f"{text}: a whole number of {least} or more")
        return value

    return read
