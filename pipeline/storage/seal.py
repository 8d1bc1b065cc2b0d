"""A digest of a Parquet file, within the file: whatever of it changes, it is known to be damaged.

Parquet has checksums of pages only. A bit that turns in a page's header or in the footer can rename a column, say, and
the file is read as if that column had never been there. The digest stands between the last page and the footer. Readers
of Parquet go by the footer's offsets, which it doesn't move, so they need not know of it; and a program that writes the
table again leaves it out, as it was left out before it existed. A file without one is read as it is.

Before the digest there may be some bytes more, which it covers: an aside, which is read without reading the table.
"""

from __future__ import annotations

import hashlib

import pyarrow as pa
import pyarrow.parquet as pq

MARK = b"\0axon sha256 "  # with a zero byte, so that no answer in a file without a digest is taken for one
DIGITS = 64
ASIDE = b"\0axon aside "  # after an aside, before its length
LENGTH = 10  # digits of it
TAIL = 8  # the footer's length and the magic bytes that end a Parquet file


def to_sealed(table: pa.Table, compression: str = "snappy", aside: bytes = b"") -> bytes:
    """The table as the bytes of a file, with checksums for readers that know of no digest."""
    buffer = pa.BufferOutputStream()
    pq.write_table(table, buffer, compression=compression, write_page_checksum=True)
    data: bytes = buffer.getvalue().to_pybytes()
    footer = len(data) - TAIL - int.from_bytes(data[-TAIL : -TAIL + 4], "little")
    pages, end = data[:footer], data[footer:]
    if aside:
        pages += aside + ASIDE + b"%0*d" % (LENGTH, len(aside))
    return pages + MARK + _digest(pages + end) + end


def from_sealed(data: bytes) -> pa.Table:
    """All of the table. Raises ValueError, OSError or pa.ArrowException for a damaged file.

    With one bit turned a file is damaged, or, where the bit is one of the mark's, holds the same table.
    """
    place = data.rfind(MARK)
    if place >= 0:
        data = _checked(data, place)
    # Files are read side by side already, and Arrow's own threads were seen to abort a process at its exit.
    return pq.ParquetFile(pa.BufferReader(data), page_checksum_verification=True).read(use_threads=False)


def aside_of(data: bytes) -> bytes | None:
    """None where there is none, or no digest. Raises ValueError for a damaged file."""
    place = data.rfind(MARK)
    end = place - LENGTH - len(ASIDE)
    if end < 0 or data[end : end + len(ASIDE)] != ASIDE:
        return None
    _checked(data, place)
    return data[end - int(data[place - LENGTH : place]) : end]


def _checked(data: bytes, place: int) -> bytes:
    """Without the digest, which stands at `place`."""
    end = place + len(MARK) + DIGITS
    whole = data[:place] + data[end:]
    if data[place + len(MARK) : end] != _digest(whole):
        raise ValueError("changed since it was written")
    return whole


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).hexdigest().encode()
