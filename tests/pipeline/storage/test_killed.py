"""SIGKILL before each change of a file that a job makes: whatever it leaves, the next one ends as if undisturbed.

Without Ray; tests/pipeline/faults.py kills what Ray has started, at random moments.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pipeline.inputs.config import Config
from pipeline.runs.run import RUN_FILE, read_run
from pipeline.storage import compaction
from pipeline.storage import store as store_module
from pipeline.storage.leftovers import LEFT_OVER
from pipeline.storage.outcomes import INDEX
from pipeline.storage.store import Store
from tests.pipeline.conftest import Judge, planned
from tests.pipeline.jobs.test_job import UNSTEADY, run

pytestmark = pytest.mark.slow

PAGE = "report.html"


def killed_before(number: int, config: Config, *events: str, file: str = "") -> bool:
    """Runs the job in a child process, which kills itself before the audit event of that number, from 0.

    Only `events` on files below `out` count whose path ends with `file`. Returns whether it came to that; if not, the
    job has ended with 0.
    """
    child = os.fork()
    if not child:
        code = 1
        try:
            sys.addaudithook(killing(number, config.out, events, file))
            code = run(config)[0]
        finally:
            os._exit(code)
    end = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert end in (0, -signal.SIGKILL)
    return end != 0


def killing(
    number: int, out: str, events: tuple[str, ...], file: str
) -> Callable[[str, tuple[Any, ...]], None]:
    left = iter(range(number))

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        counts = event in events and str(arguments[0]).startswith(out) and str(arguments[0]).endswith(file)
        if counts and next(left, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)

    return hook


def go_on(config: Config) -> None:
    assert not killed_before(0, config)


@pytest.fixture
def asked(make_config: Callable[..., Config], judge: Judge, tmp_path: Path) -> Callable[[object], Config]:
    """Jobs that ask for the same, each of them in a folder of its own."""

    def config(name: object) -> Config:
        out = tmp_path / str(name)
        return make_config("task.name=judge", "limit=8", "slice_size=4", f"out={out}", f"store={out}/store")

    return config


def records(config: Config) -> pd.DataFrame:
    """What is stored, all of it readable."""
    contents = Store(config.store).load(planned(config).settings, config.limit)
    assert contents.damaged == []
    return contents.records.drop(columns=UNSTEADY)


def files(config: Config) -> set[str]:
    return {str(path.relative_to(config.out)) for path in Path(config.out).rglob("*") if path.is_file()}


def an_hour_later(config: Config) -> None:
    """By then a temporary file was abandoned."""
    then = time.time() - LEFT_OVER.total_seconds() - 60
    for path in Path(config.out).rglob("*"):
        os.utime(path, (then, then))


def test_killed_before_any_change_of_a_file_the_next_job_ends_as_if_undisturbed(
    asked: Callable[[object], Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it writes its run.json, a slice, a joined one, the index; while it removes what was joined."""
    monkeypatch.setattr("pipeline.runs.ending.make_report", lambda *_: None)
    monkeypatch.setattr(store_module, "WORTH", 1)
    monkeypatch.setattr(compaction, "MANY", 2)
    whole = asked("whole")
    go_on(whole)
    expected, names = records(whole), files(whole)
    assert len(expected) == 8 and INDEX in {name.removeprefix("store/") for name in names}
    change = 0
    while killed_before(change, config := asked(change), "os.rename", "os.remove"):
        kept = records(config)
        pd.testing.assert_frame_equal(kept, expected.merge(kept[["setting_id", "position"]]))
        for file in Path(config.out).rglob(RUN_FILE):
            assert read_run(file.parent).status in ("running", "done")
        an_hour_later(config)
        go_on(config)
        pd.testing.assert_frame_equal(records(config), expected)
        assert files(config) == names, change
        [file] = Path(config.out).rglob(RUN_FILE)
        assert read_run(file.parent).status == "done"
        change += 1
    assert change >= 10


def test_killed_while_it_writes_its_page_the_next_job_writes_it_whole(
    asked: Callable[[object], Config],
) -> None:
    config = asked("page")
    assert killed_before(0, config, "open", file=PAGE)
    [folder] = {file.parent for file in Path(config.out).rglob(RUN_FILE)}
    assert read_run(folder).status == "running" and not (folder / PAGE).exists()
    (folder / PAGE).write_text("<!doctype html><p>half")
    go_on(config)
    assert read_run(folder).status == "done" and "</html>" in (folder / PAGE).read_text()
