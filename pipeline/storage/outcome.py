"""Score, NFE, machine seconds and leeway of a slice's examples, and how its file tells them without its table."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.storage.record import FORMAT
from pipeline.storage.seal import aside_of
from pipeline.storage.span import Span

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
SECONDS = ("seconds_model", "seconds_capture", "seconds_select")
LEEWAY = ("leeway_above", "leeway_below")
KINDS = ("<f8", "<f8", "<f4", "<f4", "<f4")  # of an outcome's parts, as they are written
PARTS = "leeway"  # the last of them; files written before tell fewer


class Outcome(NamedTuple):
    """Of the examples of a slice, (N,) each; NaN for an example without one."""

    score: Floats
    nfe: Floats
    seconds: Singles  # of the machine, in all; NaN where another setting's decode is repeated
    # Between which values of the trade-off parameter the decode is the same (axon/leeway.py); NaN where it isn't told.
    above: Singles
    below: Singles


def outcome_of(table: pa.Table) -> Outcome:
    """`table`: the records of a slice."""
    score, nfe, *parts = (table.column(name).to_numpy() for name in ("score", "nfe", *SECONDS))
    own = table.column("decoded_under").is_null().to_numpy()
    seconds = np.where(own, np.sum(parts, axis=0), np.nan)
    above, below = (table.column(name).to_numpy().astype(np.float32) for name in LEEWAY)
    return Outcome(score.astype(np.float64), nfe.astype(np.float64), seconds.astype(np.float32), above, below)


def to_aside(table: pa.Table, setting_id: str, span: Span) -> bytes:
    """The outcomes of a slice, for its file: opening a Parquet file takes 30 times as long as reading them."""
    own = outcome_of(table)
    parts: tuple[NDArray[Any], ...] = own
    written = [part.astype(kind).tobytes() for part, kind in zip(parts, KINDS, strict=True)]
    return _head(setting_id, span) + b"".join(written)


def from_aside(data: bytes, setting_id: str, span: Span) -> Outcome | None:
    """Of the bytes of a slice's file; None where it doesn't tell them, as of another version, slice or setting.

    Raises ValueError for a damaged file.
    """
    aside, head = aside_of(data), _head(setting_id, span)
    if aside is None or not aside.startswith(head):
        return None
    parts: list[NDArray[Any]] = []
    start = len(head)
    for kind in KINDS:
        parts.append(np.frombuffer(aside, kind, span[1] - span[0], start))
        start += parts[-1].nbytes
    return Outcome(*(part.astype(part.dtype.newbyteorder("=")) for part in parts))


def _head(setting_id: str, span: Span) -> bytes:
    return json.dumps([FORMAT, PARTS, setting_id, *span]).encode() + b"\n"
