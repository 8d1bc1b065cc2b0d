"""A store in a bucket, on an S3 service of this machine: a sweep resumed, two at once, what is refused in a line."""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pandas as pd
import pytest
import requests
import s3fs
from moto.server import ThreadedMotoServer

from pipeline.inputs.config import Config
from pipeline.storage import listing
from pipeline.storage import store as store_module
from pipeline.storage.compaction import compact
from pipeline.storage.listing import list_slices
from pipeline.storage.span import Span
from pipeline.storage.store import Store, missing
from tests.pipeline.conftest import Judge
from tests.pipeline.jobs.a_run import refused
from tests.pipeline.jobs.test_job import UNSTEADY, run, stored
from tests.pipeline.storage.test_store import records

__all__ = ["refused"]  # a fixture
Make = Callable[..., Config]
EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    """The address of one that asks for no key. There is a bucket, `there`."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def store(service: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An address in the bucket, with what a user sets to reach it."""
    own = {"AWS_ACCESS_KEY_ID": "mine", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "us-east-1"}
    for key, value in {**own, "AWS_ENDPOINT_URL": service}.items():
        monkeypatch.setenv(key, value)
    s3fs.S3FileSystem.clear_instance_cache()
    boto3.client("s3").create_bucket(Bucket="there")
    yield f"s3://there/{tmp_path.name}"
    s3fs.S3FileSystem.clear_instance_cache()


@pytest.fixture
def keys_matter(store: str, service: str) -> Iterator[tuple[str, str]]:
    """From now on the service asks for a key and its secret. This is the one pair that it knows."""
    iam, me = boto3.client("iam"), uuid.uuid4().hex
    iam.create_user(UserName=me)
    key = iam.create_access_key(UserName=me)["AccessKey"]
    iam.put_user_policy(UserName=me, PolicyName="all", PolicyDocument=json.dumps(EVERYTHING))
    requests.post(f"{service}/moto-api/reset-auth", data="0")
    yield key["AccessKeyId"], key["SecretAccessKey"]
    requests.post(f"{service}/moto-api/reset-auth", data="inf")


@pytest.mark.slow
def test_a_job_stopped_and_resumed_in_a_bucket_equals_one_in_a_folder(
    store: str, make_config: Make, judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = make_config("task.name=judge", f"store={store}")
    whole = make_config("task.name=judge")
    assert run(whole)[0] == 0
    real, left = Store.write_slice, iter([True])

    def once(self: Store, *slice: Any) -> None:
        if not next(left, False):
            raise KeyboardInterrupt
        real(self, *slice)

    monkeypatch.setattr(Store, "write_slice", once)
    code, shown = run(config)
    assert code == 130 and "Stopped. 4 of 10 examples are kept." in shown
    monkeypatch.setattr(Store, "write_slice", real)
    code, shown = run(config)
    assert code == 0, shown
    pd.testing.assert_frame_equal(stored(config).drop(columns=UNSTEADY), stored(whole).drop(columns=UNSTEADY))
    assert not [path for path in Store(store)._fs.find(store) if path.endswith(".tmp")]


@pytest.mark.slow
def test_two_sweeps_write_the_same_settings_at_once(store: str) -> None:
    """One by slices of 4, one of 6 in the other order: every example is there once, and equal."""

    def sweep(size: int, step: int) -> None:
        own = Store(store)
        own.write_settings({"a": {"gate": "never"}, "b": {"gate": "always"}})
        for setting_id in ("a", "b"):
            for start, stop in missing([], 24, size)[::step]:
                own.write_slice(setting_id, start, stop, records(start, stop, setting_id))

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(sweep, (4, 6), (1, -1)))
    found = Store(store).load(["a", "b"], 24)
    assert found.damaged == [] and missing(found.covered["a"], 24, 4) == []
    assert list(found.records["position"]) == [*range(24), *range(24)]
    assert list(found.records["setting_id"]) == ["a"] * 24 + ["b"] * 24


@pytest.mark.slow
def test_a_damaged_object_counts_as_missing(store: str) -> None:
    own = Store(store)
    own.write_slice("a", 0, 4, records(0, 4))
    own.write_slice("a", 4, 8, records(4, 8))
    path = f"{store}/slices/a/4-8.parquet"
    own._fs.pipe_file(path, own._fs.cat_file(path)[:-9])
    found = Store(store).load(["a", "never seen"], 8)
    assert found.covered == {"a": [(0, 4)], "never seen": []} and len(found.damaged) == 1


@pytest.mark.slow
def test_slices_are_joined_in_a_bucket(store: str) -> None:
    own = Store(store)
    for start in range(0, 20, 4):
        own.write_slice("a", start, start + 4, records(start, start + 4))
    before = own.load(["a"], 20).records
    compact(own, ["a"])
    assert Store(store).spans("a") == [(0, 20)]
    pd.testing.assert_frame_equal(Store(store).load(["a"], 20).records, before)


@pytest.mark.slow
@pytest.mark.parametrize("few", [0, 100])
def test_what_is_listed_and_an_index_is_read_for_unchanged_objects_only(
    few: int, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Listed setting by setting, or all of the store at once."""
    monkeypatch.setattr(listing, "FEW", few)
    monkeypatch.setattr(store_module, "WORTH", 1)
    own, ids = Store(store), ["a", "b", "none"]
    for setting_id in "ab":
        for start in (0, 4):
            own.write_slice(setting_id, start, start + 4, records(start, start + 4, setting_id))
    own._fs.pipe_file(f"{store}/slices/a/8-12.parquet.1.tmp", b"half")
    listed = list_slices(own._fs, f"{own._base}/slices", ids)
    assert {sid: list(marks) for sid, marks in listed.items()} == {
        "a": [(0, 4), (4, 8)],
        "b": [(0, 4), (4, 8)],
        "none": [],
    }
    assert all(mark for marks in listed.values() for mark in marks.values())
    before = own.outcomes(ids, 8)
    own.write_index(ids)
    better = [replace(record, score=0.25) for record in records(4, 8)]
    Store(store).write_slice("a", 4, 8, better)
    after = Store(store)
    read, seen = after._bytes, list[tuple[str, Span]]()

    def noted(setting_id: str, span: Span) -> object:
        seen.append((setting_id, span))
        return read(setting_id, span)

    monkeypatch.setattr(after, "_bytes", noted)
    found = after.outcomes(ids, 8)
    assert seen == [("a", (4, 8))]
    assert (
        found.covered == before.covered
        and found.records["score"].tolist() == [1.0] * 4 + [0.25] * 4 + [1.0] * 8
    )


@pytest.mark.slow
def test_a_bucket_that_is_not_there_is_told(store: str, refuse: Callable[..., str]) -> None:
    line = refuse("store=s3://nowhere/axon")
    assert line == "store=s3://nowhere/axon: there is no bucket 'nowhere'; make it, or choose another"


@pytest.mark.slow
def test_a_comparison_tells_a_bucket_that_is_not_there_from_one_that_holds_nothing(
    store: str, refused: Callable[..., str]
) -> None:
    remedy = "give a sweep's store, such as outputs/store"
    assert refused("job=compare", "store=s3://nowhere/axon") == (
        "store=s3://nowhere/axon: there is no bucket 'nowhere'; correct its name, or check whose it is"
    )
    boto3.client("s3").create_bucket(Bucket="bare")
    assert (
        refused("job=compare", f"store={store}") == f"store={store}: nothing lies at this address; {remedy}"
    )
    assert refused("job=compare", "store=s3://bare") == f"store=s3://bare: holds no results; {remedy}"


@pytest.mark.slow
@pytest.mark.parametrize("wrong", ["key", "secret"])
def test_a_wrong_key_is_told(
    wrong: str,
    store: str,
    keys_matter: tuple[str, str],
    monkeypatch: pytest.MonkeyPatch,
    refuse: Callable[..., str],
) -> None:
    key, secret = keys_matter
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key if wrong == "secret" else "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret if wrong == "key" else "wrong")
    s3fs.S3FileSystem.clear_instance_cache()
    why = {"key": "The AWS Access Key Id you provided does not exist", "secret": "The request signature we"}
    assert refuse(f"store={store}").startswith(f"store={store}: can't be written ({why[wrong]}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
    s3fs.S3FileSystem.clear_instance_cache()
    Store(store).write_slice("a", 0, 4, records(0, 4))
