"""Places that can't be written or reached: the results' folder, the store wherever it lies, the cluster's address."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest
from fsspec.implementations.memory import MemoryFileSystem
from fsspec.registry import _registry

from pipeline.errors import ConfigError
from pipeline.inputs.checks import check_address
from pipeline.inputs.config import read_config
from pipeline.inputs.places import check_places

PLACES = {
    "out=/proc/none": "out=/proc/none: can't be written",
    "out={tmp}/file": "out={tmp}/file: can't be written ({tmp}/file is no folder); choose another folder with out=...",
    "out={tmp}/link/x": "can't be written ({tmp}/link is a link to what does not exist); choose another folder",
    "out=": "out='': must name a folder; give one, such as outputs",
    "out=s3://bucket": "out='s3://bucket': must be a folder of this machine; only the results can be",
    "out=~nobody-of-that-name/x": "out='~nobody-of-that-name/x': there is no such user here",
    "store=/proc/none": "store=/proc/none: can't be written",
    "store=": "store='': must name a folder; give one, such as outputs",
    "store=s3:/bucket/axon": "store='s3:/bucket/axon': looks like an address that lacks a slash; write s3://...",
    "store=://bucket": "store='://bucket': must be a folder or PROTOCOL://PLACE; write it as in s3://BUCKET/PATH",
    "store=memory://x": "store='memory://x': is the memory of one process and ends with it; choose a folder",
    "store=foo://bucket": "store=foo://bucket: unknown protocol 'foo'; one of s3, gs, abfs, file or another",
    "store=file:///proc/none": "store=file:///proc/none: can't be written (",
}

ADDRESSES = {
    "": "must be auto or HOST:PORT; give one, or choose cluster=local",
    "head": "must be auto or HOST:PORT",
    "http://127.0.0.1:8265": "must be auto or HOST:PORT",
    "127.0.0.1": "must be auto or HOST:PORT",
    "ray://127.0.0.1:10001": "is for Ray's client, through which a sweep can't be driven; give HOST:PORT on a",
}


@pytest.mark.parametrize("override", PLACES)
def test_a_place_that_cannot_be_written_is_told(
    override: str, tmp_path: Path, refuse: Callable[..., str]
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    assert PLACES[override].replace("{tmp}", str(tmp_path)) in refuse(
        override.replace("{tmp}", str(tmp_path))
    )


@pytest.mark.parametrize("key", ["out", "store"])
def test_a_folder_that_ray_removes_after_the_job_is_told(
    key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refuse: Callable[..., str]
) -> None:
    """`ray job submit --working-dir .` runs a command in a copy of the repository."""
    copy = tmp_path / "session/runtime_resources/working_dir_files/_ray_pkg_1"
    copy.mkdir(parents=True)
    monkeypatch.chdir(copy)
    assert refuse(f"{key}=here") == (
        f"{key}=here: lies in the copy of the repository that Ray has made for this job, and removes after it; "
        f"give {key}=... as a full path"
    )
    assert list(copy.iterdir()) == []


@pytest.mark.parametrize(("protocol", "package"), [("s3", "s3fs"), ("gs", "gcsfs"), ("abfs", "adlfs")])
def test_a_store_without_its_package_names_it(
    protocol: str, package: str, monkeypatch: pytest.MonkeyPatch, refuse: Callable[..., str]
) -> None:
    monkeypatch.setitem(sys.modules, package, None)  # as if it were not installed
    monkeypatch.delitem(_registry, protocol, raising=False)
    line = refuse(f"store={protocol}://bucket/axon")
    assert line == (
        f"store={protocol}://bucket/axon: needs the package {package} on every machine; pip install {package}"
    )


class Bucket(MemoryFileSystem):  # type: ignore[misc]
    """An object store with one bucket, `there`; like a real one it makes a bucket for whoever makes a folder in it."""

    protocol = "bucket"
    root_marker = ""
    made: tuple[str, ...] = ()
    refusal: Exception | None = None  # to writing

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return path.removeprefix("bucket://").strip("/")

    def ls(self, path: str, detail: bool = True, **_: Any) -> list[Any]:
        if path.split("/")[0] != "there":
            raise FileNotFoundError("The specified bucket does not exist")
        return []

    def makedirs(self, path: str, exist_ok: bool = False) -> None:
        Bucket.made = (*Bucket.made, path.split("/")[0])

    def pipe_file(self, path: str, value: bytes, **_: Any) -> None:
        if self.refusal is not None:
            raise self.refusal

    def rm_file(self, path: str) -> None:
        pass


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Bucket]]:
    monkeypatch.setitem(_registry, "bucket", Bucket)
    monkeypatch.setattr(Bucket, "made", ())
    Bucket.clear_instance_cache()
    yield Bucket


@pytest.mark.parametrize("job", ["run", "report"])
def test_a_bucket_that_is_not_there_is_told_and_not_made(
    job: str, bucket: type[Bucket], refuse: Callable[..., str]
) -> None:
    line = refuse("store=bucket://typo/axon", f"job={job}")
    assert line == "store=bucket://typo/axon: there is no bucket 'typo'; make it, or choose another"
    assert bucket.made == ()


@pytest.mark.parametrize(
    "refusal",
    [
        PermissionError("Access Denied"),
        OSError(5, "Input/output error"),
        RuntimeError(
            "Unable to locate credentials"
        ),  # botocore's own errors are of no kind that Python knows
    ],
)
def test_a_bucket_that_cannot_be_written_is_told(
    refusal: Exception, bucket: type[Bucket], monkeypatch: pytest.MonkeyPatch, refuse: Callable[..., str]
) -> None:
    monkeypatch.setattr(bucket, "refusal", refusal)
    said = refusal.strerror if isinstance(refusal, OSError) and refusal.strerror else str(refusal)
    line = refuse("store=bucket://there/axon")
    assert line == (
        f"store=bucket://there/axon: can't be written ({said}); check its name and your access to it"
    )


def test_only_a_job_that_stores_results_needs_a_store_that_can_be_written(
    tree: dict[str, Any], tmp_path: Path
) -> None:
    here = {**tree, "out": str(tmp_path), "store": "/proc/none"}
    for job in ("time", "report", "plan"):
        check_places(read_config({**here, "job": job}))
    check_places(read_config({**here, "job": "time", "store": "foo://nowhere"}))
    for job, store in (("run", "/proc/none"), ("report", "foo://nowhere")):
        with pytest.raises(ConfigError):
            check_places(read_config({**here, "job": job, "store": store}))


def test_a_home_folder_is_written_out(tree: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/somewhere")
    config = read_config({**tree, "out": "~/out", "store": "~/out/store"})
    assert (config.out, config.store) == ("/somewhere/out", "/somewhere/out/store")


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_of_no_known_form_is_told(address: str, refuse: Callable[..., str]) -> None:
    assert f"cluster.address={address!r}: {ADDRESSES[address]}" in refuse(f"cluster.address={address}")


SWEEP = 'sweep.groups={"x": {"grid": {"axon.anchors": [1, 2]}}}'


@pytest.fixture
def dead() -> Iterator[str]:
    """An address of this machine where whoever connects is refused: its port is taken, and nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


@pytest.mark.parametrize("source", ["given", "environment", "file"])
def test_an_address_where_nothing_answers_is_told_within_seconds(
    source: str, dead: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refuse: Callable[..., str]
) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    address, named = {
        "given": (dead, f"{dead!r}"),
        "environment": ("auto", f"'auto' (RAY_ADDRESS={dead})"),
        "file": ("auto", f"'auto' ({tmp_path}/ray/ray_current_cluster names {dead})"),
    }[source]
    if source == "environment":
        monkeypatch.setenv("RAY_ADDRESS", dead)
    if source == "file":  # what `ray start` leaves, and a machine that was switched off doesn't take away
        (tmp_path / "ray").mkdir()
        (tmp_path / "ray/ray_current_cluster").write_text(dead)
    start = perf_counter()
    line = refuse(SWEEP, f"cluster.address={address}")
    assert perf_counter() - start < 10
    assert line == (
        f"cluster.address={named}: nothing answers there (Connection refused); start Ray there, "
        "or choose cluster=local"
    )


def test_an_address_that_answers_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        check_address(address)
        monkeypatch.setenv("RAY_ADDRESS", f"ray://{address}")
        with pytest.raises(ConfigError, match=r"'auto' \(RAY_ADDRESS=ray://.*\): is for Ray's client"):
            check_address("auto")


def test_a_file_system_that_takes_writes_passes(tmp_path: Path, tree: dict[str, Any]) -> None:
    config = read_config({**tree, "out": str(tmp_path), "store": f"file://{tmp_path}/there"})
    check_places(config)
    assert os.listdir(tmp_path / "there") == []
