"""A digest of a Parquet file, within the file: whatever of it changes, it is known to be damaged.

Parquet has checksums of pages only. A bit that turns in a page's header or in the footer can rename a column, say, and
the file is read as if that column had never been there. The digest stands between the last page and the footer. Readers
of Parquet go by the footer's offsets, which it doesn't move, so they need not know of it; and a program that writes the
table again leaves it out, as it was left out before it existed. A file without one is read as it is.
"""

from __future__ import annotations

import hashlib

import pyarrow as pa
import pyarrow.parquet as pq

MARK = b"\0axon sha256 "  # with a zero byte, so that no answer in a file without a digest is taken for one
DIGITS = 64
TAIL = 8  # the footer's length and the magic bytes that end a Parquet file


def to_sealed(table: pa.Table, compression: str = "snappy") -> bytes:
    """The table as the bytes of a file, with checksums for readers that know of no digest."""
    buffer = pa.BufferOutputStream()
    pq.write_table(table, buffer, compression=compression, write_page_checksum=True)
    data: bytes = buffer.getvalue().to_pybytes()
    footer = len(data) - TAIL - int.from_bytes(data[-TAIL : -TAIL + 4], "little")
    return data[:footer] + MARK + _digest(data) + data[footer:]


def from_sealed(data: bytes) -> pa.Table:
    """All of the table. Raises ValueError, OSError or pa.ArrowException for a damaged file.

    With one bit turned a file is damaged, or, where the bit is one of the mark's, holds the same table.
    """
    place = data.rfind(MARK)
    if place >= 0:
        end = place + len(MARK) + DIGITS
        digest, data = data[place + len(MARK) : end], data[:place] + data[end:]
        if digest != _digest(data):
            raise ValueError("changed since it was written")
    # Files are read side by side already, and Arrow's own threads were seen to abort a process at its exit.
    return pq.ParquetFile(pa.BufferReader(data), page_checksum_verification=True).read(use_threads=False)


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).hexdigest().encode()
