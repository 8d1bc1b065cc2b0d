"""Settings that decode alike, as one: what the table gives a single row and the pictures a single point."""

from typing import Any

import pandas as pd

from pipeline.report.labels import NO_VALUE, joined, knob_columns, value_text

ALIKE = ["arm", "decode", "n", "quality"]  # the same decodes, scored on the same examples


def share_rows(points: pd.DataFrame) -> pd.DataFrame:
    """One row for the settings of an arm that decode alike, at the place of the first, whose numbers it gives.

    A knob in which they differ gets all its values (`1|2|4`), the label too. Adds `setting_ids`, a tuple, and
    `shares`, how many those are.
    """
    knobs = [str(column) for column in points.columns if str(column).startswith("knob.")]
    turned = knob_columns(points)
    rows = []
    for _, own in points.groupby(ALIKE, sort=False, dropna=False):
        row = own.iloc[0].to_dict()
        if len(own) > 1:
            row |= {knob: _values(own[knob]) for knob in knobs}
            told = [(knob, value_text(row[knob])) for knob in turned]
            row["label"] = " ".join(
                f"{k.removeprefix('knob.')}={text}" for k, text in told if text != NO_VALUE
            )
            row["label"] = f"{row['label'] or row['arm']} x{len(own)}"
            row["batch_seconds"] = own["batch_seconds"].mean()
        rows.append(row | {"setting_ids": tuple(own["setting_id"]), "shares": len(own)})
    shared = pd.DataFrame(rows, columns=[*points.columns, "setting_ids", "shares"])
    return shared.astype(points.dtypes.to_dict())


def _values(values: "pd.Series[Any]") -> Any:
    """The one value of all, or every value as text."""
    texts = dict.fromkeys(value_text(value) for value in values)
    return values.iloc[0] if len(texts) == 1 else joined(values)
