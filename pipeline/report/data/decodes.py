"""Which settings decode identically: a short hash of everything that a setting decoded.

Settings that differ on paper can be the same in effect (a gate that never fires, a budget that is never used up).
Two settings with equal hashes revealed the same tokens in the same steps on every example, and took as many of them:
one distinct decode.
"""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

import numpy as np
import pandas as pd

from pipeline.report.data.measures import NO_TRACE

DIGITS = 12


def decode_hashes(rows: pd.DataFrame, names: Sequence[str]) -> list[str]:
    """Per point a hash over (example, trace) of its decoded records.

    `rows`: one per point and example, as `records.clean` returns them, with the columns point, position, example_id,
    trace (measures.py) and nfe (NaN: not decoded), in any order. A point without decoded records, or whose records
    hold no trace, equals only itself; its hash is made from its name.
    """
    known = rows["nfe"].notna()
    decoded = rows if known.all() else rows[known]
    named = decoded["example_id"].astype("category").cat
    position, trace = decoded["position"].to_numpy(), decoded["trace"].to_numpy()
    nfe = decoded["nfe"].to_numpy(dtype=np.float64)
    code, texts = named.codes.to_numpy(), [str(text).encode() for text in named.categories]
    found: dict[Any, str] = {}
    begun: dict[bytes, Any] = {}  # the examples -> their digest: most settings have the same
    for point, own in decoded.groupby("point").indices.items():
        ordered = own[np.lexsort((code[own], position[own]))]
        codes, traces = code[ordered], trace[ordered]
        if (traces == NO_TRACE).any():
            continue
        if (key := codes.tobytes()) not in begun:
            begun[key] = blake2b(b"\0".join(texts[place] for place in codes.tolist()))
        digest = begun[key].copy()
        digest.update(traces.tobytes())
        digest.update(nfe[ordered].tobytes())
        found[point] = digest.hexdigest()[:DIGITS]
    return [found.get(point) or _own(name) for point, name in enumerate(names)]


def joint_hashes(hashes: Sequence[str], points: Sequence[int]) -> list[str]:
    """Per point, which is named once for each of its seeds, the hash of its only one, or of all, in any order."""
    of_point: dict[int, list[str]] = {}
    for own, point in zip(hashes, points, strict=True):
        of_point.setdefault(point, []).append(own)
    return [
        own[0] if len(own) == 1 else blake2b(" ".join(sorted(own)).encode()).hexdigest()[:DIGITS]
        for own in of_point.values()
    ]


def _own(name: str) -> str:
    return blake2b(b"no trace of " + name.encode()).hexdigest()[:DIGITS]
