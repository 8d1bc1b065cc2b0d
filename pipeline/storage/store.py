"""The store: files of what has been decoded and scored. They are the only state of a sweep.

    <root>/settings/<id>.json                      the setting's identity, canonical JSON
    <root>/slices/<id>/<start>-<stop>.parquet      the records of its examples start..stop-1

`root` is any fsspec address (a folder, s3://bucket/path). A file is written under a temporary name and then renamed,
so a file with its final name is complete. One that can't be read all the same (a damaged disk, an interrupted copy,
a format too old) counts as missing, and running the sweep again decodes it again. Slices may overlap; each example
counts once. Small ones are joined into larger ones in the end (compaction.py), even while others read: who finds that
a listed file is gone lists again. Reading writes nothing, so a report can be made from a read-only store.
"""

from __future__ import annotations

import errno
import json
import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import fsspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from fsspec.implementations.local import LocalFileSystem

from pipeline.errors import ConfigError, reason
from pipeline.storage.record import SCHEMA, NewerFormat, Record, conformed, is_current, to_table

Span = tuple[int, int]  # examples start <= position < stop

SLICE_NAME = re.compile(r"^(\d+)-(\d+)\.parquet$")
READERS = 16  # files read at once: reading is mostly waiting, above all for an object store
TEMPORARY = ".tmp"
LEFT_OVER = timedelta(hours=1)  # a temporary file exists only while it is written; an older one was abandoned
LISTINGS = 5  # of a setting, while files that were listed are gone: each time another sweep has joined them
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


class StoreFull(OSError):
    """Nothing more can be written to the store, for any setting. The message is one line."""


@dataclass(frozen=True)
class Contents:
    """What the store holds of some settings: records, the examples they cover, and files that can't be read."""

    records: pd.DataFrame
    covered: dict[str, list[Span]] = field(default_factory=dict)
    damaged: list[str] = field(default_factory=list)  # one line per file


class Slice(NamedTuple):
    table: pa.Table  # with exactly SCHEMA
    current: bool  # of this version: the table has all that the file has


class Store:
    """Reads and writes slices under `root`, which several processes and machines may share."""

    def __init__(self, root: str) -> None:
        self.root = root if "://" in root else str(Path(root).absolute())
        self._fs, self._base = fsspec.core.url_to_fs(self.root)

    def write_settings(self, identities: Mapping[str, dict[str, Any]]) -> None:
        """Writes each setting's identity under its id, unless it is there already and whole."""
        with ThreadPoolExecutor(READERS) as pool:
            list(pool.map(self._write_setting, identities, identities.values()))

    def _write_setting(self, setting_id: str, identity: dict[str, Any]) -> None:
        path, text = self._setting_path(setting_id), json.dumps(identity, sort_keys=True, indent=1).encode()
        try:
            whole = self._fs.cat_file(path) == text
        except FileNotFoundError:
            whole = False
        if not whole:
            self._write(path, text)

    def write_slice(self, setting_id: str, start: int, stop: int, records: Sequence[Record]) -> None:
        """Stores the records of examples start..stop-1, replacing an earlier file of the same slice.

        Raises StoreFull if nothing can be written any more, OSError if this file can't be written.
        """
        assert [record.position for record in records] == list(range(start, stop))
        assert all(record.setting_id == setting_id for record in records)
        self.write_table(setting_id, (start, stop), to_table(list(records)))

    def write_table(self, setting_id: str, span: Span, table: pa.Table) -> None:
        """The same of records in a table with exactly SCHEMA."""
        buffer = pa.BufferOutputStream()
        pq.write_table(table, buffer, write_page_checksum=True)
        self._write(self._slice_path(setting_id, span), buffer.getvalue().to_pybytes())

    def load(self, setting_ids: Iterable[str], limit: int) -> Contents:
        """The records of these settings on examples 0..limit-1, each example once, ordered by setting and position.

        Raises ConfigError if a newer version wrote any of them: decoding them again would overwrite its results.
        """
        ids = list(setting_ids)
        found = self._found(ids, limit, LISTINGS)
        covered: dict[str, list[Span]] = {sid: [] for sid in ids}
        whole, damaged = [], []
        for sid, span, slice_ in found:
            if isinstance(slice_, str):
                damaged.append(slice_)
            else:
                covered[sid].append(span)
                whole.append(slice_.table)
        table = _first_of_each(whole, limit)
        del found, whole
        # split_blocks and self_destruct: with every column its own, Arrow's copy goes as pandas' comes.
        frame = table.to_pandas(use_threads=False, split_blocks=True, self_destruct=True)
        return Contents(frame, covered, damaged)

    def exists(self) -> bool:
        """Whether any result was ever written here. Raises whatever the service's client raises."""
        return bool(self._fs.exists(f"{self._base}/slices"))

    def remove_leftovers(self, setting_ids: Iterable[str]) -> None:
        """Removes temporary files of these settings whose writers died long ago."""
        folders = [f"{self._base}/settings", *(self._folder(setting_id) for setting_id in setting_ids)]
        with ThreadPoolExecutor(READERS) as pool:
            list(pool.map(self._clean, folders))

    def _clean(self, folder: str) -> None:
        for path in self._names(folder):
            if path.endswith(TEMPORARY):
                with suppress(OSError):  # its writer or another job may be faster
                    if datetime.now(UTC) - self._fs.modified(path).astimezone(UTC) > LEFT_OVER:
                        self._fs.rm_file(path)

    def spans(self, setting_id: str) -> list[Span]:
        """The slices that are there by their names, in the order in which the first that has an example counts."""
        names = (path.rsplit("/", 1)[-1] for path in self._names(self._folder(setting_id)))
        found = [match for name in names if (match := SLICE_NAME.match(name))]
        return sorted((int(match[1]), int(match[2])) for match in found)

    def is_being_written(self, setting_id: str) -> bool:
        """Whether someone is just writing a slice of it."""
        return any(path.endswith(TEMPORARY) for path in self._names(self._folder(setting_id)))

    def remove(self, setting_id: str, span: Span) -> None:
        """Removes a slice; nothing happens if another sweep was faster."""
        with suppress(FileNotFoundError):
            self._fs.rm_file(self._slice_path(setting_id, span))

    def _found(self, ids: Sequence[str], limit: int, listings: int) -> list[tuple[str, Span, Slice | str]]:
        """The slices of these settings that have any of the first `limit` examples, in order."""
        slices = [(sid, span) for sid in ids for span in self.spans(sid) if span[0] < limit]
        with ThreadPoolExecutor(READERS) as pool:
            read = list(pool.map(lambda key: self.read(*key), slices))
        gone = {sid for (sid, _), slice_ in zip(slices, read, strict=True) if slice_ is None}
        found = [
            (sid, span, slice_ if slice_ is not None else self._damaged(sid, span, "gone"))
            for (sid, span), slice_ in zip(slices, read, strict=True)
        ]
        if not gone or listings == 1:
            return found
        again = self._found([sid for sid in ids if sid in gone], limit, listings - 1)
        return [*(own for own in found if own[0] not in gone), *again]

    def _names(self, folder: str) -> list[str]:
        self._fs.invalidate_cache(folder)
        try:
            return list(self._fs.ls(folder, detail=False))
        except (FileNotFoundError, NotADirectoryError):
            return []

    def read(self, setting_id: str, span: Span) -> Slice | str | None:
        """A slice; a line that says why it counts as missing; None if there is no such file.

        Raises ConfigError for a newer format.
        """
        path = self._slice_path(setting_id, span)
        try:
            data = self._fs.cat_file(path)
        except FileNotFoundError:
            return None
        except OSError as error:
            return self._damaged(setting_id, span, reason(error))
        try:
            # Files are read side by side already, and Arrow's own threads were seen to abort a process at its exit.
            file = pq.ParquetFile(pa.BufferReader(data), page_checksum_verification=True)
            own = file.read(use_threads=False)
            table = conformed(own)
            positions = table.column("position").to_pylist()
            if positions != list(range(*span)) or set(table.column("setting_id").to_pylist()) - {setting_id}:
                raise ValueError("holds other examples than its name says")
        except NewerFormat as error:
            line = (
                f"store={self.root}: {path} was {error}; update this repository, or choose another store=..."
            )
            raise ConfigError([line]) from None
        except (OSError, ValueError, pa.ArrowException) as error:
            return self._damaged(setting_id, span, reason(error))
        return Slice(table, is_current(own))

    def _damaged(self, setting_id: str, span: Span, why: str) -> str:
        path = self._slice_path(setting_id, span)
        return f"{path}: unreadable ({why}); counted as missing, job=run decodes it again"

    def _setting_path(self, setting_id: str) -> str:
        return f"{self._base}/settings/{setting_id}.json"

    def _folder(self, setting_id: str) -> str:
        return f"{self._base}/slices/{setting_id}"

    def _slice_path(self, setting_id: str, span: Span) -> str:
        return f"{self._folder(setting_id)}/{span[0]}-{span[1]}.parquet"

    def _write(self, path: str, data: bytes) -> None:
        temporary = f"{path}.{uuid.uuid4().hex}{TEMPORARY}"
        try:
            self._fs.makedirs(path.rsplit("/", 1)[0], exist_ok=True)
            self._fs.pipe_file(temporary, data)
            self._rename(temporary, path)
        except OSError as error:
            with suppress(OSError):
                self._fs.rm_file(temporary)
            if error.errno in NO_ROOM:
                raise StoreFull(
                    f"store={self.root}: nothing can be written ({error.strerror}); make room"
                ) from None
            raise

    def _rename(self, temporary: str, path: str) -> None:
        """fsspec's own `mv` silently moves a local file into a folder that already has the target's name."""
        if isinstance(self._fs, LocalFileSystem):
            Path(temporary).replace(path)
        else:
            self._fs.mv(temporary, path)


def _first_of_each(slices: Sequence[pa.Table], limit: int) -> pa.Table:
    """Examples 0..limit-1 of slices that come setting by setting: the first record of each, in order of position."""
    table = pa.concat_tables([SCHEMA.empty_table(), *slices])
    position = table.column("position").to_numpy()
    setting = np.repeat(np.arange(len(slices)), [len(own) for own in slices])
    ids = [own.column("setting_id")[0].as_py() if len(own) else None for own in slices]
    ranks = {sid: rank for rank, sid in enumerate(dict.fromkeys(ids))}
    setting = np.array([ranks[sid] for sid in ids], dtype=np.int64)[setting]
    after = (setting[1:] > setting[:-1]) | (position[1:] > position[:-1])
    if after.all() and (position < limit).all():  # no copy where all is in order
        return table
    order = np.lexsort((position, setting))  # stable: of equal ones the first comes first
    kept = np.append(True, (np.diff(setting[order]) > 0) | (np.diff(position[order]) > 0))[: len(order)]
    return table.take(order[kept & (position[order] < limit)])


def missing(covered: Iterable[Span], limit: int, size: int) -> list[Span]:
    """The slices of at most `size` examples still needed to cover 0..limit-1.

    Slices start at multiples of `size` where possible: an interrupted sweep asks for exactly the files it lacked.
    """
    have = {position for start, stop in covered for position in range(start, stop)}
    slices: list[Span] = []
    for position in range(limit):
        if position in have:
            continue
        if slices and slices[-1][1] == position and position % size:
            slices[-1] = (slices[-1][0], position + 1)
        else:
            slices.append((position, position + 1))
    return slices
