"""Which settings decode identically: a short hash of everything that a setting decoded.

Settings that differ on paper can be the same in effect (a gate that never fires, a budget that is never used up).
Two settings with equal hashes revealed the same tokens in the same steps on every example: one distinct decode.
"""

from collections.abc import Sequence
from hashlib import blake2b

import pandas as pd

from pipeline.report.measures import NO_TRACE

DIGITS = 12


def decode_hashes(rows: pd.DataFrame, names: Sequence[str]) -> list[str]:
    """Per point a hash over (example, trace) of its decoded records.

    `rows`: one per point and example, as `records.clean` returns them, with the columns point, position, example_id,
    trace (measures.py) and nfe (NaN: not decoded), in any order. A point without decoded records, or whose records
    hold no trace, equals only itself; its hash is made from its name.
    """
    columns = ["point", "position", "example_id", "trace"]
    decoded = rows.loc[rows["nfe"].notna(), columns].sort_values(columns[:3])
    found = {point: _hash(own) for point, own in decoded.groupby("point", sort=False)}
    return [found.get(point) or _own(name) for point, name in enumerate(names)]


def _hash(rows: pd.DataFrame) -> str | None:
    trace = rows["trace"].to_numpy()
    if (trace == NO_TRACE).any():
        return None
    digest = blake2b(b"\0".join(str(example_id).encode() for example_id in rows["example_id"]))
    digest.update(trace.tobytes())
    return digest.hexdigest()[:DIGITS]


def _own(name: str) -> str:
    return blake2b(b"no trace of " + name.encode()).hexdigest()[:DIGITS]
