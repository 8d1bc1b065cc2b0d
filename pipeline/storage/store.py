"""The store: files of what has been decoded and scored. They are the only state of a sweep.

    <root>/settings/<id>.json                      the setting's identity, canonical JSON
    <root>/slices/<id>/<start>-<stop>.parquet      the records of its examples start..stop-1
    <root>/index/outcomes-<versions>.parquet       score and NFE again, of large sweeps (outcomes.py); may be deleted

`root` is any fsspec address (a folder, s3://bucket/path). A file is written under a temporary name and then renamed,
so a file with its final name is complete. One that can't be read all the same, or has changed since (seal.py: a
damaged disk, an interrupted copy, a format too old), counts as missing, and running the sweep again decodes it again.
Slices may overlap; each example counts once. Small ones are joined into larger ones in the end (compaction.py), even
while others read: who finds that a listed file is gone lists again. Reading writes nothing, so a report can be made
from a read-only store.
"""

from __future__ import annotations

import errno
import json
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import fsspec
import numpy as np
import pandas as pd
import pyarrow as pa
from fsspec.implementations.local import LocalFileSystem

from pipeline.errors import ConfigError, reason
from pipeline.storage.folders import barred_from, make_folder, rename
from pipeline.storage.leftovers import LEFT_OVER
from pipeline.storage.listing import READERS, Marks, list_slices
from pipeline.storage.outcome import Outcome, from_aside, outcome_of, to_aside
from pipeline.storage.outcomes import INDEX, Outcomes, outcome_frame
from pipeline.storage.portion import LastPortion, Portion, first_records, in_portions
from pipeline.storage.record import SCHEMA, NewerFormat, Record, to_table
from pipeline.storage.seal import to_sealed
from pipeline.storage.slice_file import Slice, from_bytes
from pipeline.storage.span import Span as Span
from pipeline.storage.span import missing as missing

K = TypeVar("K")
T = TypeVar("T")
TEMPORARY = ".tmp"
LISTINGS = 5  # of a setting, while files that were listed are gone: each time another sweep has joined them
WORTH = 1000  # slices to read that make it worth to ask the index, or to write it
NEAR = 16  # local files that are read sooner one by one than threads for them start
SHARE = "let a group write to the whole store (docs/cluster.md), or choose another with store=..."
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


class StoreFull(OSError):
    """Nothing more can be written to the store, for any setting. The message is one line."""


@dataclass(frozen=True)
class Contents:
    """What the store holds of some settings: records, the examples they cover, and files that can't be read."""

    records: pd.DataFrame
    covered: dict[str, list[Span]] = field(default_factory=dict)
    damaged: list[str] = field(default_factory=list)  # one line per file


class Store:
    """Reads and writes slices under `root`, which several processes and machines may share."""

    def __init__(self, root: str) -> None:
        self.root = root if "://" in root else str(Path(root).absolute())
        self._fs, self._base = fsspec.core.url_to_fs(self.root)
        self._outcomes, self._last = Outcomes(), LastPortion()

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

    def barred(self, setting_id: str) -> str | None:
        """A line if it is known before that this user can't store the setting's slices."""
        why = barred_from(Path(self._folder(setting_id))) if isinstance(self._fs, LocalFileSystem) else None
        return why and f"store={self.root}: {why}; {SHARE}"

    def write_slice(self, setting_id: str, start: int, stop: int, records: Sequence[Record]) -> None:
        """Stores the records of examples start..stop-1, replacing an earlier file of the same slice.

        Raises StoreFull if nothing can be written any more, OSError if this file can't be written.
        """
        assert [record.position for record in records] == list(range(start, stop))
        assert all(record.setting_id == setting_id for record in records)
        self.write_table(setting_id, (start, stop), to_table(list(records)))

    def write_table(self, setting_id: str, span: Span, table: pa.Table) -> None:
        """The same of records in a table with exactly SCHEMA."""
        self._write(
            self._slice_path(setting_id, span), to_sealed(table, aside=to_aside(table, setting_id, span))
        )

    def load(self, setting_ids: Iterable[str], limit: int) -> Contents:
        """The records of these settings on examples 0..limit-1, each example once, ordered by setting and position.

        Raises ConfigError if a newer version wrote any of them: decoding them again would overwrite its results.
        """
        portions = list(self.portions(setting_ids, limit))
        covered = {sid: spans for own in portions for sid, spans in own.covered.items()}
        damaged = [line for own in portions for line in own.damaged]
        table = pa.concat_tables([SCHEMA.empty_table(), *(own.table for own in portions)])
        del portions
        # split_blocks and self_destruct: with every column its own, Arrow's copy goes as pandas' comes.
        frame = table.to_pandas(use_threads=False, split_blocks=True, self_destruct=True)
        return Contents(frame, covered, damaged)

    def portions(self, setting_ids: Iterable[str], limit: int) -> Iterator[Portion]:
        """The same, some settings at a time, as not all need fit into memory; few that are unchanged are read once."""
        listed = self._listed(list(setting_ids))
        if (known := self._last.get(listed, limit)) is not None:
            yield known
            return
        for some in in_portions(listed):
            covered: dict[str, list[Span]] = {sid: [] for sid in some}
            whole, damaged = [], []
            for sid, span, slice_ in self._found(some, limit, self._whole, listed):
                if isinstance(slice_, str):
                    damaged.append(slice_)
                else:
                    covered[sid].append(span)
                    whole.append(slice_.table)
            yield self._last.put(listed, limit, Portion(first_records(whole, limit), covered, damaged))

    def outcomes(self, setting_ids: Iterable[str], limit: int) -> Contents:
        """As `load`, of the records but setting_id, position and their outcomes (outcome.py).

        What was read before, and has not changed, is not read again.
        """
        ids = list(setting_ids)
        listed = self._listed(ids)
        if not self._outcomes.indexed and sum(map(len, listed.values())) >= WORTH:
            self._read_index()
        covered: dict[str, list[Span]] = {sid: [] for sid in ids}
        whole, damaged = [], []
        for sid, span, outcome in self._found(ids, limit, self._outcome, listed):
            if isinstance(outcome, str):
                damaged.append(outcome)
            else:
                covered[sid].append(span)
                whole.append((sid, span, outcome))
        return Contents(outcome_frame(ids, whole, limit), covered, damaged)

    def any_scored(self, setting_id: str, limit: int) -> bool:
        """Whether any of the setting's examples 0..limit-1 has an outcome. Reads until it finds one."""
        for span, mark in self._listed([setting_id])[setting_id].items():
            found = self._outcome(setting_id, span, mark) if span[0] < limit else None
            if isinstance(found, Outcome):
                known = ~(np.isnan(found.score) | np.isnan(found.nfe))
                if known[: limit - span[0]].any():
                    return True
        return False

    def write_index(self, setting_ids: Iterable[str]) -> None:
        """Writes what `outcomes` and `portions` have read of these settings, if it is much.

        Never fails: results are whole without it. Of two sweeps that write it at once, one will read more again.
        """
        if self._outcomes.fresh < WORTH and not self._outcomes.dropped:
            return
        with suppress(Exception):  # each service's client has its own
            self._read_index()  # another sweep may have written it meanwhile
            ids = list(setting_ids)
            listed = self._listed(ids)
            self._outcomes.keep(
                ids, ((sid, *span, mark) for sid in ids for span, mark in listed[sid].items())
            )
            self._write(f"{self._base}/{INDEX}", self._outcomes.to_index())
            self._outcomes.fresh = 0

    def _read_index(self) -> None:
        self._outcomes.indexed = True
        with suppress(Exception):  # absent, damaged or of another version
            self._outcomes.add_index(self._fs.cat_file(f"{self._base}/{INDEX}"))

    def exists(self) -> bool:
        """Whether any result was ever written here. Raises whatever the service's client raises."""
        return bool(self._fs.exists(f"{self._base}/slices"))

    def remove_leftovers(self, setting_ids: Iterable[str]) -> None:
        """Removes temporary files of these settings, and of the index, whose writers died long ago."""
        shared = [f"{self._base}/settings", f"{self._base}/{INDEX}".rpartition("/")[0]]
        folders = [*shared, *(self._folder(setting_id) for setting_id in setting_ids)]
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
        return list(self._listed([setting_id])[setting_id])

    def is_being_written(self, setting_id: str) -> bool:
        """Whether someone is just writing a slice of it."""
        return any(path.endswith(TEMPORARY) for path in self._names(self._folder(setting_id)))

    def remove(self, setting_id: str, span: Span) -> None:
        """Removes a slice; nothing happens if another sweep was faster."""
        with suppress(FileNotFoundError):
            self._fs.rm_file(self._slice_path(setting_id, span))

    def _listed(self, setting_ids: Sequence[str]) -> dict[str, Marks]:
        return list_slices(self._fs, f"{self._base}/slices", setting_ids)

    def _found(
        self,
        ids: Sequence[str],
        limit: int,
        read: Callable[[str, Span, str], T | str | None],
        listed: Mapping[str, Marks],
        listings: int = LISTINGS,
    ) -> list[tuple[str, Span, T | str]]:
        """What is read of the slices of these settings that have any of the first `limit` examples, in order."""
        slices = [(sid, span, mark) for sid in ids for span, mark in listed[sid].items() if span[0] < limit]
        results = self._each(lambda key: read(*key), slices)
        gone = {sid for (sid, *_), result in zip(slices, results, strict=True) if result is None}
        found = [
            (sid, span, result if result is not None else self._damaged(sid, span, "gone"))
            for (sid, span, _), result in zip(slices, results, strict=True)
        ]
        if not gone or listings == 1:
            return found
        lacking = [sid for sid in ids if sid in gone]
        again = self._found(lacking, limit, read, self._listed(lacking), listings - 1)
        return [*(own for own in found if own[0] not in gone), *again]

    def _each(self, read: Callable[[K], T], keys: Sequence[K]) -> list[T]:
        """Of each what is read of it, side by side where that is sooner."""
        if len(keys) <= (NEAR if isinstance(self._fs, LocalFileSystem) else 1):
            return list(map(read, keys))
        with ThreadPoolExecutor(READERS) as pool:
            return list(pool.map(read, keys))

    def _whole(self, setting_id: str, span: Span, mark: str) -> Slice | str | None:
        """A slice, whose outcomes are remembered."""
        return self._remembered(self.read(setting_id, span), setting_id, span, mark)

    def _remembered(
        self, slice_: Slice | str | None, setting_id: str, span: Span, mark: str
    ) -> Slice | str | None:
        if isinstance(slice_, Slice):
            self._outcomes.put(setting_id, span, mark, outcome_of(slice_.table))
        else:
            self._outcomes.drop(setting_id, span, mark)
        return slice_

    def _outcome(self, setting_id: str, span: Span, mark: str) -> Outcome | str | None:
        """The outcomes of a slice, read if they are not remembered: of its file, or else of its table."""
        if (known := self._outcomes.get(setting_id, span, mark)) is not None:
            return known
        data = self._bytes(setting_id, span)
        with suppress(ValueError):  # a damaged file: reading all of it says how
            if isinstance(data, bytes) and (told := from_aside(data, setting_id, span)) is not None:
                self._outcomes.put(setting_id, span, mark, told)
                return told
        slice_ = self._remembered(self._parsed(data, setting_id, span), setting_id, span, mark)
        return outcome_of(slice_.table) if isinstance(slice_, Slice) else slice_

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
        return self._parsed(self._bytes(setting_id, span), setting_id, span)

    def read_several(self, slices: Sequence[tuple[str, Span]]) -> list[Slice | str | None]:
        """Each as `read`, side by side where the store is far away."""
        return self._each(lambda key: self.read(*key), slices)

    def _bytes(self, setting_id: str, span: Span) -> bytes | str | None:
        try:
            data: bytes = self._fs.cat_file(self._slice_path(setting_id, span))
            return data
        except FileNotFoundError:
            return None
        except OSError as error:
            return self._damaged(setting_id, span, reason(error))

    def _parsed(self, data: bytes | str | None, setting_id: str, span: Span) -> Slice | str | None:
        if not isinstance(data, bytes):
            return data
        try:
            return from_bytes(data, setting_id, span)
        except NewerFormat as error:
            path = self._slice_path(setting_id, span)
            line = f"store={self.root}: {path} was {error}; update axon-sweeps, or choose another store=..."
            raise ConfigError([line]) from None
        except (OSError, ValueError, pa.ArrowException) as error:
            return self._damaged(setting_id, span, reason(error))

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
            make_folder(self._fs, path.rsplit("/", 1)[0], self._base)
            self._fs.pipe_file(temporary, data)
            rename(self._fs, temporary, path)
        except OSError as error:
            with suppress(OSError):
                self._fs.rm_file(temporary)
            if error.errno in NO_ROOM:
                raise StoreFull(
                    f"store={self.root}: nothing can be written ({error.strerror}); make room"
                ) from None
            if isinstance(error, PermissionError) and (why := barred_from(Path(path).parent)):
                raise PermissionError(why) from None
            raise
