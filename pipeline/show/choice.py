"""Which settings and which example the user means. Raises ConfigError, one line that lists the choices."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from pipeline.errors import ConfigError
from pipeline.planning.setting import Setting

LISTED = 8  # choices that an error names


def find_setting(key: str, asked: str, settings: Sequence[Setting]) -> Setting:
    """By id or label (`axon threshold=0.9`), the start of one, or words of one, that no other has."""
    if not asked and len(settings) == 1:
        return settings[0]
    named = [one for one in settings if asked in (one.id, str(one))]
    if asked and not named:
        named = [one for one in settings if one.id.startswith(asked) or str(one).startswith(asked)]
    if asked and not named:  # reports leave out of a label what a whole group has alike
        named = [one for one in settings if set(asked.split()) <= set(str(one).split())]
    if len(named) == 1:
        return named[0]
    if not asked:
        raise ConfigError([f"{key}: missing; give an id or a label, {_listed(settings)}"])
    if named:
        raise ConfigError(
            [f"{key}={asked}: fits {len(named)} settings; give an id or a label, {_listed(named)}"]
        )
    raise ConfigError(
        [f"{key}={asked}: the run has no such setting; give an id or a label, {_listed(settings)}"]
    )


def find_example(asked: str, setting: Setting, records: pd.DataFrame) -> pd.Series:
    """The setting's record of an example, which is named by its number (0 the first) or its id."""
    own = records[records["setting_id"] == setting.id].sort_values("position")
    if own.empty:
        raise ConfigError([f"setting={setting.id}: nothing of {setting} is stored; run it first"])
    found = own[own["example_id"] == asked]
    if found.empty and asked.isdecimal():
        found = own[own["position"] == int(asked)]
    if len(found) == 1:
        return found.iloc[0]
    ids = [str(one) for one in own["example_id"].head(3)]
    numbers = f"a number from {own['position'].min()} to {own['position'].max()}"
    raise ConfigError(
        [f"example={asked}: {setting} has no such record; give {numbers}, or an id such as {', '.join(ids)}"]
    )


def _listed(settings: Sequence[Setting]) -> str:
    named = [f"{one.id} ({one})" for one in settings[:LISTED]]
    more = f" and {len(settings) - LISTED} more" if len(settings) > LISTED else ""
    return f"one of {', '.join(named)}{more}"
