"""Which settings decoded alike: a short hash of everything a setting decoded.

Settings that differ on paper can be one and the same in effect (a gate that never fires, a budget never spent).
Two with equal hashes revealed the same tokens in the same steps on every example: one distinct decode.
"""

from collections.abc import Iterable
from hashlib import blake2b

import numpy as np
import pandas as pd

DIGITS = 12


def decode_hashes(rows: pd.DataFrame, setting_ids: Iterable[str]) -> dict[str, str]:
    """Per setting a hash over (example, tokens, revealed_at) of its decoded records.

    `rows`: one per (setting, example), as `points.clean` gives them, with the columns setting_id, position,
    example_id, tokens, revealed_at and nfe (NaN: was not decoded). Their order does not matter. A setting of which
    nothing was decoded, or whose records hold no trace, is equal to none but itself.
    """
    decoded = rows[rows["nfe"].notna()].sort_values(["setting_id", "position", "example_id"])
    found = {str(setting_id): _hash(own) for setting_id, own in decoded.groupby("setting_id", sort=False)}
    return {setting_id: found.get(setting_id) or _own(setting_id) for setting_id in setting_ids}


def _hash(rows: pd.DataFrame) -> str | None:
    digest = blake2b(b"\0".join(str(example_id).encode() for example_id in rows["example_id"]))
    for column in ("tokens", "revealed_at"):
        traces = list(rows[column])
        if not all(isinstance(trace, (list, tuple, np.ndarray)) for trace in traces):
            return None
        digest.update(np.array([len(trace) for trace in traces], dtype=np.int64).tobytes())
        digest.update(np.concatenate(traces, dtype=np.int64, casting="unsafe").tobytes())
    return digest.hexdigest()[:DIGITS]


def _own(setting_id: str) -> str:
    return blake2b(b"no trace of " + setting_id.encode()).hexdigest()[:DIGITS]
