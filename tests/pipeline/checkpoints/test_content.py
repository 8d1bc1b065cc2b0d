"""The hash of a checkpoint: of every byte, of which large files' are read once."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

import pipeline.checkpoints.content
from pipeline.checkpoints.content import HASHES, LARGE, content_of
from pipeline.checkpoints.kept import cache_file


class Reads:
    """Counts the bytes that are hashed."""

    def __init__(self) -> None:
        self.bytes = 0

    def __call__(self, stream: Any, name: str) -> Any:
        data = stream.read()
        self.bytes += len(data)
        return hashlib.new(name, data)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Reads:
    counted = Reads()
    monkeypatch.setattr(hashlib, "file_digest", counted)
    monkeypatch.setattr(pipeline.checkpoints.content, "LARGE", 100)
    monkeypatch.setattr(
        pipeline.checkpoints.content, "SETTLED", -60.0
    )  # files of a moment ago are old enough
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return counted


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_bytes(b"c" * 10)
    (folder / "model-1.safetensors").write_bytes(b"1" * 1000)
    (folder / "model-2.safetensors").write_bytes(b"2" * 2000)
    return sorted(folder.iterdir())


def expected(files: list[Path]) -> str:
    """As every stored id has it."""
    listing = [[file.name, hashlib.sha256(file.read_bytes()).hexdigest()] for file in files]
    return hashlib.sha256(json.dumps(listing).encode()).hexdigest()


def test_large_files_are_read_once_and_the_hash_is_of_every_byte(reads: Reads, files: list[Path]) -> None:
    assert content_of(files) == expected(files) and reads.bytes == 3010
    assert content_of(files) == expected(files) and reads.bytes == 3020, "the small one alone"


def test_what_changes_is_read_again(reads: Reads, files: list[Path], tmp_path: Path) -> None:
    first = content_of(files)
    times = files[1].stat()
    files[1].write_bytes(b"x" * 1000)
    os.utime(files[1], ns=(times.st_atime_ns, times.st_mtime_ns))  # as a copy that keeps times does
    reads.bytes = 0
    assert content_of(files) == expected(files) != first and reads.bytes == 1010
    other = tmp_path / "other"
    other.write_bytes(b"y" * 2000)
    os.utime(other, ns=(files[2].stat().st_atime_ns, files[2].stat().st_mtime_ns))
    other.replace(files[2])
    reads.bytes = 0
    assert content_of(files) == expected(files) and reads.bytes == 2010


def test_a_hub_folder_of_links_is_known_by_what_they_lead_to(
    reads: Reads, files: list[Path], tmp_path: Path
) -> None:
    content_of(files)
    links = []
    (tmp_path / "snapshot").mkdir()
    for file in files:
        links.append(tmp_path / "snapshot" / file.name)
        links[-1].symlink_to(file)
    reads.bytes = 0
    assert content_of(links) == expected(files) and reads.bytes == 10


def test_a_file_that_is_still_being_written_is_not_kept(
    reads: Reads, files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline.checkpoints.content, "SETTLED", 60.0)
    content_of(files)
    content_of(files)
    assert reads.bytes == 2 * 3010 and not cache_file(HASHES).exists()


@pytest.mark.parametrize(
    "broken", ["", "[]", "{", '{"%s": 3}', '{"%s": [1, 2, 3, 4, "no hash"]}', '{"%s": []}']
)
def test_a_broken_cache_is_no_error(broken: str, reads: Reads, files: list[Path]) -> None:
    cache_file(HASHES).parent.mkdir(parents=True)
    cache_file(HASHES).write_text(broken.replace("%s", str(files[1].resolve())))
    assert content_of(files) == expected(files) and reads.bytes == 3010
    assert content_of(files) == expected(files) and reads.bytes == 3020


def test_a_cache_that_cannot_be_written_is_no_error(reads: Reads, files: list[Path]) -> None:
    cache_file(HASHES).parent.parent.mkdir()
    cache_file(HASHES).parent.write_text("a file where the folder should be")
    assert content_of(files) == content_of(files) == expected(files)
    assert reads.bytes == 2 * 3010


def test_files_that_are_gone_leave_the_cache(reads: Reads, files: list[Path]) -> None:
    content_of(files)
    files[1].unlink()
    files[2].write_bytes(b"z" * 300)
    content_of([files[0], files[2]])
    assert list(json.loads(cache_file(HASHES).read_text())) == [str(files[2].resolve())]


def test_a_small_checkpoint_leaves_no_trace(
    files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert all(file.stat().st_size < LARGE for file in files)
    assert content_of(files) == expected(files) and not (tmp_path / "cache").exists()
