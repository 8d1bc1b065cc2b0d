"""A slice, read from the bytes of its file."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa

from pipeline.storage.record import conformed, is_current
from pipeline.storage.seal import from_sealed
from pipeline.storage.span import Span


class Slice(NamedTuple):
    table: pa.Table  # with exactly SCHEMA
    current: bool  # of this version: the table has all that the file has


def from_bytes(data: bytes, setting_id: str, span: Span) -> Slice:
    """Raises NewerFormat as `conformed`; ValueError, OSError or pa.ArrowException for what isn't the setting's slice of
    these examples.
    """
    own = from_sealed(data)
    table = conformed(own)
    whose = table.column("setting_id").unique().to_pylist()
    if not np.array_equal(table.column("position"), np.arange(*span)) or whose not in ([], [setting_id]):
        raise ValueError("holds other examples than its name says")
    return Slice(table, is_current(own))
