"""Which slices are there, by their files' names, and a mark of each file that changes when the file does."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from fsspec import AbstractFileSystem
from fsspec.implementations.local import LocalFileSystem

from pipeline.storage.span import Span

Marks = dict[Span, str]  # the slices of a setting in order; "" where a service says nothing that would change

SLICE_NAME = re.compile(r"^(\d+)-(\d+)\.parquet$")
READERS = 16  # requests at once: reading is mostly waiting, above all for an object store
FEW = (
    100  # settings that are listed one by one: a request each, where one for the whole store has 1,000 files
)
# A strong validator (RFC 9110, 8.8.1), as S3, ABFS and GCS have one: size and time alone may stay through a change.
VERSIONS = ("ETag", "etag", "generation")


def list_slices(fs: AbstractFileSystem, root: str, setting_ids: Collection[str]) -> dict[str, Marks]:
    """Of each setting, in a folder of its own below `root`; nothing of one that has none."""
    if isinstance(fs, LocalFileSystem):
        return {sid: _in_order(_scan(f"{root}/{sid}")) for sid in setting_ids}
    if len(setting_ids) <= FEW:
        with ThreadPoolExecutor(READERS) as pool:
            listed = pool.map(lambda sid: _ls(fs, f"{root}/{sid}"), setting_ids)
            return {sid: _in_order(own) for sid, own in zip(setting_ids, listed, strict=True)}
    found: dict[str, dict[str, str]] = {sid: {} for sid in setting_ids}
    fs.invalidate_cache(root)
    for path, info in fs.find(root, detail=True).items():
        folder, _, name = path.rpartition("/")
        if (own := found.get(folder.rpartition("/")[2])) is not None:
            own[name] = _mark(info)
    return {sid: _in_order(own.items()) for sid, own in found.items()}


def _in_order(files: Any) -> Marks:
    matched = [(match, mark) for name, mark in files if (match := SLICE_NAME.match(name))]
    return dict(sorted(((int(match[1]), int(match[2])), mark) for match, mark in matched))


def _scan(folder: str) -> Iterator[tuple[str, str]]:
    """Without fsspec, which takes ten times as long for each file. A file that is replaced has another inode."""
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                try:
                    stat = entry.stat()
                except FileNotFoundError:  # joined with others meanwhile
                    continue
                yield entry.name, f"{stat.st_ino}-{stat.st_size}-{stat.st_mtime_ns}"
    except (FileNotFoundError, NotADirectoryError):
        return


def _ls(fs: AbstractFileSystem, folder: str) -> list[tuple[str, str]]:
    fs.invalidate_cache(folder)
    try:
        return [(info["name"].rpartition("/")[2], _mark(info)) for info in fs.ls(folder, detail=True)]
    except (FileNotFoundError, NotADirectoryError):
        return []


def _mark(info: Mapping[str, Any]) -> str:
    told = [str(info[key]) for key in VERSIONS if info.get(key)]
    return "-".join([str(info.get("size")), *told]) if told else ""
