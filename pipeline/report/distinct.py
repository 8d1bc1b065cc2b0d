"""Settings that decode identically, as one: a single row of the tables and a single point of the plots."""

from typing import Any

import pandas as pd

from pipeline.report.labels import NO_VALUE, joined, knob_columns, value_text

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
    groups = [own for _, own in points.groupby(ALIKE, sort=False, dropna=False)]
    shared = points.loc[[own.index[0] for own in groups]].reset_index(drop=True)
    for knob in [str(column) for column in points.columns if str(column).startswith("knob.")]:
        shared[knob] = pd.Series([_values(own[knob]) for own in groups], dtype="object")
    varying = knob_columns(points)
    shared["label"] = pd.Series([_label(own, varying) for own in groups], dtype="object")
    shared["batch_seconds"] = [own["batch_seconds"].mean() for own in groups]
    shared["members"] = pd.Series([tuple(own.index) for own in groups], dtype="object")
    shared["setting_ids"] = pd.Series([tuple(own["setting_id"]) for own in groups], dtype="object")
    shared["shares"] = [len(own) for own in groups]
    return shared


def _label(own: pd.DataFrame, varying: list[str]) -> str:
    first = own.iloc[0]
    if len(own) == 1:
        return str(first["label"])
    values = {knob.removeprefix("knob."): joined(own[knob]) for knob in varying}
    named = " ".join(f"{name}={text}" for name, text in values.items() if text != NO_VALUE)
    return f"{named or first['group']} x{len(own)}"


def _values(values: "pd.Series[Any]") -> Any:
    """The value that all share, or every value as text."""
    texts = dict.fromkeys(value_text(value) for value in values)
    return values.iloc[0] if len(texts) == 1 else joined(values)
