"""Which settings decoded alike: a short hash of everything a setting decoded.

Settings that differ on paper can be one and the same in effect (a gate that never fires, a budget never spent).
Two with equal hashes revealed the same tokens in the same passes on every example: one distinct decode.
"""

from collections.abc import Iterable
from hashlib import sha256

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
    digest = sha256()
    columns = (rows["example_id"], rows["tokens"], rows["revealed_at"])
    for example_id, *trace in zip(*columns, strict=True):
        digest.update(str(example_id).encode() + b"\0")
        for numbers in trace:
            if not isinstance(numbers, (list, tuple, np.ndarray)):
                return None
            whole = np.asarray(numbers, dtype=np.int64)
            digest.update(whole.size.to_bytes(8, "little") + whole.tobytes())
    return digest.hexdigest()[:DIGITS]


def _own(setting_id: str) -> str:
    return sha256(b"no trace of " + setting_id.encode()).hexdigest()[:DIGITS]
