"""Which settings decode identically: a short hash of everything that a setting decoded.

Settings that differ on paper can be the same in effect (a gate that never fires, a budget that is never used up).
Two settings with equal hashes revealed the same tokens in the same steps on every example: one distinct decode.
"""

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
import pandas as pd

DIGITS = 12


def decode_hashes(rows: pd.DataFrame, names: Sequence[str]) -> list[str]:
    """Per point a hash over (example, tokens, revealed_at) of its decoded records.

    `rows`: one per point and example, as `points.clean` returns them, with the columns point, position, example_id,
    tokens, revealed_at and nfe (NaN: not decoded), in any order. A point without decoded records, or whose records
    hold no trace, equals only itself; its hash is made from its name.
    """
    decoded = rows[rows["nfe"].notna()].sort_values(["point", "position", "example_id"])
    found = {point: _hash(own) for point, own in decoded.groupby("point", sort=False)}
    return [found.get(point) or _own(name) for point, name in enumerate(names)]


def _hash(rows: pd.DataFrame) -> str | None:
    digest = blake2b(b"\0".join(str(example_id).encode() for example_id in rows["example_id"]))
    for column in ("tokens", "revealed_at"):
        traces = list(rows[column])
        if not all(isinstance(trace, (list, tuple, np.ndarray)) for trace in traces):
            return None
        if not any(len(trace) for trace in traces):  # decoded elsewhere
            return None
        digest.update(np.array([len(trace) for trace in traces], dtype=np.int64).tobytes())
        digest.update(np.concatenate(traces, dtype=np.int64, casting="unsafe").tobytes())
    return digest.hexdigest()[:DIGITS]


def _own(name: str) -> str:
    return blake2b(b"no trace of " + name.encode()).hexdigest()[:DIGITS]
