"""Settings that decode identically, as one: a single row of the tables and a single point of the plots."""

from collections.abc import Callable
from typing import Any

import pandas as pd

from pipeline.report.data.labels import NO_VALUE, joined, knob_columns, value_text

ALIKE = [
    "group",
    "cache",
    "decode",
    "n",
    "quality",
]  # identical decodes at the same cost, scored on the same examples


def share_rows(points: pd.DataFrame) -> pd.DataFrame:
    """One row for the settings of a group that decode identically, in the place of the first, with its numbers.

    A knob in which they differ gets all its values (`1|2|4`), and so does the label. Adds `members`, a tuple of the
    points' index labels, `setting_ids`, theirs, and `shares`, how many they are.
    """
    alike: dict[int, list[int]] = {}
    keys = points.groupby(ALIKE, sort=False, dropna=False).ngroup().to_numpy()
    for place, key in enumerate(keys.tolist()):
        alike.setdefault(key, []).append(place)
    groups = list(alike.values())
    shared = points.iloc[[own[0] for own in groups]].reset_index(drop=True)
    several = [(row, points.iloc[own]) for row, own in enumerate(groups) if len(own) > 1]
    varying = knob_columns(points)

    def joint(column: str, kind: str, of: Callable[[pd.DataFrame, str], Any]) -> "pd.Series[Any]":
        values = shared[column].tolist()
        for row, own in several:
            values[row] = of(own, column)
        return pd.Series(values, dtype=kind)

    for knob in [str(column) for column in points.columns if str(column).startswith("knob.")]:
        shared[knob] = joint(knob, "object", lambda own, name: _values(own[name]))
    shared["label"] = joint("label", "object", lambda own, _: _label(own, varying))
    shared["batch_seconds"] = joint("batch_seconds", "float64", lambda own, name: own[name].mean())
    for name, values in (("members", points.index.tolist()), ("setting_ids", points["setting_id"].tolist())):
        shared[name] = pd.Series([tuple(values[place] for place in own) for own in groups], dtype="object")
    shared["shares"] = [len(own) for own in groups]
    return shared


def _label(own: pd.DataFrame, varying: list[str]) -> str:
    """Of several."""
    values = {knob.removeprefix("knob."): joined(own[knob]) for knob in varying}
    named = " ".join(f"{name}={text}" for name, text in values.items() if text != NO_VALUE)
    if "seeds" in own and own["seeds"].notna().any():
        named += f"{' over ' if named else ''}{joined(own['seeds'])} seeds"
    return f"{named or own.iloc[0]['group']} x{len(own)}"


def _values(values: "pd.Series[Any]") -> Any:
    """The value that all share, or every value as text."""
    texts = dict.fromkeys(value_text(value) for value in values)
    return values.iloc[0] if len(texts) == 1 else joined(values)
