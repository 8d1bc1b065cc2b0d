"""A slice as the bytes of its file."""

from __future__ import annotations

from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.storage.record import conformed, is_current
from pipeline.storage.span import Span


class Slice(NamedTuple):
    table: pa.Table  # with exactly SCHEMA
    current: bool  # of this version: the table has all that the file has


def to_bytes(table: pa.Table) -> bytes:
    buffer = pa.BufferOutputStream()
    pq.write_table(table, buffer, write_page_checksum=True)
    data: bytes = buffer.getvalue().to_pybytes()
    return data


def from_bytes(data: bytes, setting_id: str, span: Span) -> Slice:
    """All of it, so that every checksum is compared. Raises NewerFormat as `conformed`, ValueError, OSError and
    pa.ArrowException for what is not the setting's slice of these examples.
    """
    # Files are read side by side already, and Arrow's own threads were seen to abort a process at its exit.
    file = pq.ParquetFile(pa.BufferReader(data), page_checksum_verification=True)
    own = file.read(use_threads=False)
    table = conformed(own)
    positions = table.column("position").to_pylist()
    if positions != list(range(*span)) or set(table.column("setting_id").to_pylist()) - {setting_id}:
        raise ValueError("holds other examples than its name says")
    return Slice(table, is_current(own))
