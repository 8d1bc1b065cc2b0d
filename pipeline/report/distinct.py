"""Settings that decode alike, as one: what the table gives a single row and the pictures a single point."""

from typing import Any

import pandas as pd

from pipeline.report.labels import NO_VALUE, joined, knob_columns, value_text

ALIKE = ["group", "decode", "n", "quality"]  # the same decodes, scored on the same examples


def share_rows(points: pd.DataFrame) -> pd.DataFrame:
    """One row for the settings of a group that decode alike, at the place of the first, whose numbers it gives.

    A knob in which they differ gets all its values (`1|2|4`), the label too. Adds `setting_ids`, a tuple, and
    `shares`, how many those are.
    """
    groups = [own for _, own in points.groupby(ALIKE, sort=False, dropna=False)]
    shared = points.loc[[own.index[0] for own in groups]].reset_index(drop=True)
    for knob in [str(column) for column in points.columns if str(column).startswith("knob.")]:
        shared[knob] = pd.Series([_values(own[knob]) for own in groups], dtype="object")
    turned = knob_columns(points)
    shared["label"] = pd.Series([_label(own, turned) for own in groups], dtype="object")
    shared["batch_seconds"] = [own["batch_seconds"].mean() for own in groups]
    shared["setting_ids"] = pd.Series([tuple(own["setting_id"]) for own in groups], dtype="object")
    shared["shares"] = [len(own) for own in groups]
    return shared


def _label(own: pd.DataFrame, turned: list[str]) -> str:
    first = own.iloc[0]
    if len(own) == 1:
        return str(first["label"])
    values = {knob.removeprefix("knob."): joined(own[knob]) for knob in turned}
    named = " ".join(f"{name}={text}" for name, text in values.items() if text != NO_VALUE)
    return f"{named or first['group']} x{len(own)}"


def _values(values: "pd.Series[Any]") -> Any:
    """The one value of all, or every value as text."""
    texts = dict.fromkeys(value_text(value) for value in values)
    return values.iloc[0] if len(texts) == 1 else joined(values)
