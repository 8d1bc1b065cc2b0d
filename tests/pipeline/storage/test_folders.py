"""A store that several users share: its folders, and what one of them can't write."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import ConfigError
from pipeline.planning.backlog import Backlog, advance
from pipeline.search import SEARCHES
from pipeline.storage import folders
from pipeline.storage.store import Store
from pipeline.workers.execute import execute_here
from tests.pipeline.conftest import Judge, planned
from tests.pipeline.runs.test_incomplete import Make, run
from tests.pipeline.storage.test_store import records
from tests.pipeline.toy_search import BISECT, World, bisect
from tests.pipeline.workers.test_execute import display


@given(
    mode=st.sampled_from([0o2770, 0o770, 0o3777, 0o755, 0o700]), mask=st.sampled_from([0o022, 0o002, 0o077])
)
def test_a_folder_of_a_shared_store_has_the_permissions_of_its_root(
    mode: int, mask: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("store")
    root.chmod(mode)
    before = os.umask(mask)
    try:
        Store(str(root)).write_settings({"a": {}})
        Store(str(root)).write_slice("a", 0, 2, records(0, 2))
    finally:
        os.umask(before)
    made = [stat.S_IMODE(folder.stat().st_mode) for folder in root.rglob("*") if folder.is_dir()]
    assert made == 3 * [mode if mode & stat.S_IWGRP else 0o777 & ~mask]


def closed(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """To root nothing is: the system's answer is put on."""
    monkeypatch.setattr(folders.os, "access", lambda path, mode: Path(path).name != name)


def test_a_folder_that_another_user_has_closed_is_named_with_its_owner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert folders.barred_from(tmp_path / "not" / "there") is None
    closed(monkeypatch, tmp_path.name)
    monkeypatch.setattr(folders.pwd, "getpwuid", {}.__getitem__)  # in a container users may have no names
    us = f"user {os.geteuid()}"
    said = f"{tmp_path} belongs to {us}, and {us} can't write in it"
    assert folders.barred_from(tmp_path / "not" / "there") == said


def test_a_run_that_can_store_nothing_is_wrong_input(
    make_config: Make, judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = make_config("task.name=judge")
    [setting_id] = planned(config).settings
    Path(config.store, "slices", setting_id).mkdir(parents=True)
    closed(monkeypatch, setting_id)
    said = (
        rf"^store=.*: .*/slices/{setting_id} belongs to .* can't write in it; let a group write to the whole"
    )
    with pytest.raises(ConfigError, match=said):
        run(config)
    assert not list(Path(config.out).rglob("run.json"))


def test_of_several_settings_those_that_cannot_be_stored_fail_alone_and_undecoded(
    make_config: Make, judge: Judge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SEARCHES, "bisect", bisect)
    config = make_config("task.name=judge", "sweep.search=bisect", BISECT)
    store, plan, decoded = Store(str(tmp_path)), planned(config), set[str]()
    _, pending = advance(plan, store, 10, 5)
    first, *_ = pending
    (tmp_path / "slices" / first).mkdir(parents=True)
    closed(monkeypatch, first)
    world = World(lambda setting, _: decoded.add(setting.id))
    backlog = Backlog(plan, store, 10, 5, pending)
    execute_here(backlog, world, store, 10, display(plan))  # type: ignore[arg-type]
    assert list(backlog.failures) == [first] and f"slices/{first} belongs to" in backlog.failures[first]
    assert decoded == set(plan.settings) - {first}
