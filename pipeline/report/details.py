"""What a page loads on demand: the answers and decodes of a setting, a script of data per setting in `details/`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import pandas as pd

from pipeline.planning.setting import Setting
from pipeline.report.findings import Findings

FOLDER = "details"
# The page's script-src must hold it: no policy can name a folder of a file:// page, and 'self' allows nothing that lies
# elsewhere. Headless Chromium loads details/X.js beside a page on disk under it.
SOURCE = "'self'"

Rows = Callable[[int, str], pd.DataFrame]  # number of a run, id of a setting -> its whole records


class Words(Protocol):
    """Texts that no record holds."""

    def questions(self, setting: Setting, positions: list[int]) -> Mapping[int, str]:
        """Of the examples at these positions; those that are unknown here are left out."""
        ...

    def tokens(self, setting: Setting, tokens: set[int]) -> Mapping[int, str]:
        """Token -> what is shown for it."""
        ...


@dataclass(frozen=True)
class Details:
    """`files`: (number of the facet, row of its points) -> name in `details/`; `questions`: (facet, example id) -> text.

    `run`: the run's folder, for commands; None for a report on several runs.
    """

    files: Mapping[tuple[int, int], str] = field(default_factory=dict)
    questions: Mapping[tuple[int, str], str] = field(default_factory=dict)
    run: Path | None = None


def write(
    folder: Path, findings: Findings, rows: Rows, words: Words | None = None, run: Path | None = None
) -> Details:
    """Writes `folder`/details and removes what lay there before. Raises OSError if it can't."""
    return Details(run=run)
