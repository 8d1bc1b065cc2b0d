"""Why records have no score: their errors, the same on the page and in the terminal."""

import pandas as pd

from pipeline.storage.record import UNANSWERED

KINDS = 3  # of errors that are shown


def why_unscored(records: pd.DataFrame) -> str:
    """`3 x ValueError: prompt of 402 tokens; 2 x others`: of each kind, numbers aside, the first; empty where all are
    scored.
    """
    errors = records["error"].dropna().astype(str)
    errors = errors[errors != UNANSWERED]
    if errors.empty:
        return ""
    kinds = errors.groupby(errors.str.replace(r"\d+", "0", regex=True), sort=False).agg(["size", "first"])
    kinds = kinds.sort_values("size", ascending=False, kind="stable")
    shown = [f"{size:,} x {first}" for size, first in kinds.head(KINDS).itertuples(index=False)]
    others = int(kinds["size"][KINDS:].sum())
    return "; ".join([*shown, *([f"{others:,} x others"] if others else [])])
