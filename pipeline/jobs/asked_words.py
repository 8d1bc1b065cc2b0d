"""The words of job=report and job=compare that ask for more than a report has by itself."""

from __future__ import annotations

import math
from collections.abc import Mapping

from pipeline.errors import ConfigError, one_of
from pipeline.report.asked import FORMATS, Asked

ASKED = ("nfe", "against", "format")
MOST = 50  # budgets


def read_asked(words: Mapping[str, str]) -> Asked:
    """Raises ConfigError, one line per fault."""
    wrong = [name for name in _entries(words, "format") if name not in FORMATS]
    if wrong:
        raise ConfigError(f"format={name}: unknown; {one_of(FORMATS)}" for name in wrong)
    budgets = sorted({_budget(text) for text in _entries(words, "nfe")})
    if len(budgets) > MOST:
        raise ConfigError([f"nfe: are {len(budgets)} budgets; name at most {MOST}"])
    for key in ASKED:
        if key in words and not _entries(words, key):
            raise ConfigError([f"{key}={words[key]}: must not be empty; give it a value, or leave it out"])
    return Asked(tuple(budgets), words.get("against"), tuple(dict.fromkeys(_entries(words, "format"))))


def _entries(words: Mapping[str, str], key: str) -> list[str]:
    """`[8,16]`, `8,16` and `8`."""
    parts = words.get(key, "").strip().removeprefix("[").removesuffix("]").split(",")
    return [part.strip().strip("'\"") for part in parts if part.strip()]


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
