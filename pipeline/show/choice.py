"""Which settings and which example the user means. Raises ConfigError, one line that lists the choices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from pipeline.errors import ConfigError
from pipeline.inputs.digits import read_digits
from pipeline.planning.setting import Setting

LISTED = 8  # choices that an error names


def find_setting(key: str, asked: str, settings: Sequence[Setting], titles: Mapping[str, str]) -> Setting:
    """By id or title (`axon threshold=0.9`), the start of one, or words of one, that no other has. `titles`: by id."""
    if not asked and len(settings) == 1:
        return settings[0]
    named = [one for one in settings if asked in (one.id, titles[one.id])]
    if asked and not named:
        named = [one for one in settings if one.id.startswith(asked) or titles[one.id].startswith(asked)]
    if asked and not named:  # with what a whole group has alike, which titles leave out
        named = [one for one in settings if set(asked.split()) <= set(str(one).split())]
    if len(named) == 1:
        return named[0]
    if not asked:
        raise ConfigError([f"{key}: missing; give an id or a label, {_listed(settings, titles)}"])
    if named:
        line = f"fits {len(named)} settings; give an id or a label, {_listed(named, titles)}"
        raise ConfigError([f"{key}={asked}: {line}"])
    line = f"the run has no such setting; give an id or a label, {_listed(settings, titles)}"
    raise ConfigError([f"{key}={asked}: {line}"])


def find_example(asked: str, setting_id: str, title: str, records: pd.DataFrame) -> pd.Series:
    """The setting's record of an example, which is named by its number (0 the first) or its id."""
    own = records[records["setting_id"] == setting_id].sort_values("position")
    if own.empty:
        raise ConfigError([f"setting={setting_id}: nothing of {title} is stored; run it first"])
    found = own[own["example_id"] == asked]
    if found.empty and (number := read_digits(asked)) is not None:
        found = own[own["position"] == number]
    if len(found) == 1:
        return found.iloc[0]
    ids = [str(one) for one in own["example_id"].head(3)]
    numbers = f"a number from {own['position'].min()} to {own['position'].max()}"
    raise ConfigError(
        [f"example={asked}: {title} has no such record; give {numbers}, or an id such as {', '.join(ids)}"]
    )


def _listed(settings: Sequence[Setting], titles: Mapping[str, str]) -> str:
    named = [f"{one.id} ({titles[one.id]})" for one in settings[:LISTED]]
    more = f" and {len(settings) - LISTED} more" if len(settings) > LISTED else ""
    return f"one of {', '.join(named)}{more}"
