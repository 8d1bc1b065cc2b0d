"""What simulations of sweeps share: their command line (how many sweeps, on how many examples), and their points."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence

import pandas as pd

from pipeline.planning.setting import Setting
from pipeline.report.comparisons.effects import MIN_EXAMPLES
from pipeline.report.statistics.sample import Sample


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


def points_of(settings: Sequence[Setting], sample: Sample) -> pd.DataFrame:
    """As much of a row for each setting as comparisons need: one run, all examples, no decode like another's."""
    return pd.DataFrame(
        {
            "decode": [setting.id for setting in settings],
            "run": "simulated",
            "complete": True,
            "axon_empty": 0.0,
            "quality": sample.quality_SN.mean(axis=1),
            "nfe": sample.nfe_SN.mean(axis=1),
        }
    )
