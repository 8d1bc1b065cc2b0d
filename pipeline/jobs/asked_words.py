"""The words of job=report and job=compare that ask for more than a report has by itself."""

from __future__ import annotations

import math
from collections.abc import Mapping

from pipeline.errors import ConfigError, one_of
from pipeline.inputs.word_list import read_list
from pipeline.report.asked import FORMATS, Asked

MOST = 50  # budgets


def read_asked(words: Mapping[str, str]) -> Asked:
    """Raises ConfigError, one line per fault."""
    formats = read_list(words, "format")
    if wrong := [name for name in formats if name not in FORMATS]:
        raise ConfigError(f"format={name}: unknown; {one_of(FORMATS)}" for name in wrong)
    budgets = sorted({_budget(text) for text in read_list(words, "nfe")})
    if len(budgets) > MOST:
        raise ConfigError([f"nfe={words['nfe']}: are {len(budgets)} budgets; name at most {MOST}"])
    if words.get("against") == "":
        raise ConfigError(["against=: must not be empty; give it a value, or leave it out"])
    return Asked(tuple(budgets), words.get("against"), tuple(dict.fromkeys(formats)))


def _budget(text: str) -> float:
    try:
        budget = float(text)
    except ValueError:
        budget = math.nan
    if not 0 < budget < math.inf:
        raise ConfigError(
            [f"nfe={text}: must be a number above 0; write steps per example, such as nfe=[8,16]"]
        )
    return budget
