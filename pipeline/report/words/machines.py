"""Settings whose records are of several machines or batch sizes: what that can have changed in them."""

import pandas as pd

from pipeline.report.entries import Part
from pipeline.report.words.phrases import counted, listed

MACHINE = {
    "device": "devices",
    "attention_kernel": "attention kernels",
    "torch": "versions of torch",
    "batch_size": "batch sizes",
}
EXACT = "float32"
SHOWN = 3  # values of each kind


def one_machine(rows: pd.DataFrame) -> bool:
    """Whether all records name the same machine, so that their seconds can be compared."""
    return all(rows[name].notna().all() and rows[name].nunique() == 1 for name in MACHINE)


def mixed_warnings(part: Part) -> list[str]:
    """At most two: settings in which a token may depend on it, and those in which only seconds do.

    In float32 a batch decodes as its rows do one by one; below it, and on another machine, roundings differ.
    Records older than a column say nothing.
    """
    tokens: dict[int, list[str]] = {}
    seconds: dict[int, list[str]] = {}
    several = _several(part.rows)
    for point in several.index[several.any(axis=1)].tolist():
        mixed = [name for name in MACHINE if several.loc[point, name]]
        exact = part.settings[point].model.dtype == EXACT and mixed == ["batch_size"]
        (seconds if exact else tokens)[point] = mixed
    found = []
    if tokens:
        found.append(
            f"{_of(tokens, part.rows)}: there the same example may decode to other tokens (docs/method.md, "
            "section 6), and seconds are not comparable."
        )
    if seconds:
        found.append(
            f"{_of(seconds, part.rows)}: their tokens are the same, their seconds are not comparable."
        )
    return found


def _several(rows: pd.DataFrame) -> pd.DataFrame:
    """Whether a point's records name several values, a column for each of MACHINE.

    By the least and the greatest: counting the values of each point takes ten times as long.
    """
    several = pd.DataFrame(False, index=pd.unique(rows["point"]), columns=list(MACHINE))
    for name in MACHINE:
        places, values = pd.factorize(rows[name])
        if len(values) > 1:
            codes = pd.Series(places, dtype="float32")
            of_point = codes.where(codes >= 0).groupby(rows["point"].to_numpy())
            several[name] = of_point.max() > of_point.min()
    return several


def _of(settings: dict[int, list[str]], rows: pd.DataFrame) -> str:
    """`2 settings have records of several batch sizes (16, 32)`: by point, what its records have several of."""
    kinds = []
    for name, what in MACHINE.items():
        own = [point for point, mixed in settings.items() if name in mixed]
        values = sorted(rows.loc[rows["point"].isin(own), name].dropna().unique().tolist()) if own else []
        if len(values) > 1:
            shown = [f"{value:g}" if isinstance(value, float) else str(value) for value in values[:SHOWN]]
            more = [f"{len(values) - SHOWN} more"] if len(values) > SHOWN else []
            kinds.append(f"{what} ({', '.join([*shown, *more])})")
    has = "has" if len(settings) == 1 else "have"
    return f"{counted(len(settings), 'setting')} {has} records of several {listed(kinds)}"
