"""Talks to W&B: opens a run for each content that is new, and checks that the user is logged in.

W&B run ids are derived from what a run is about, so that logging again continues the same run; a front's also from what
it holds, since its rows would otherwise be appended to those that are there.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import wandb

from pipeline.report import Report
from pipeline.report.tracker.content import Content, digest
from pipeline.report.tracker.fronts import front_content, fronts_of, outdated
from pipeline.report.tracker.run_log import BEGUN, Logged, RunLog
from pipeline.report.tracker.settings import MOST, setting_contents
from pipeline.report.tracker.sweep import sweep_content

STARTING, FINISHING = 60.0, 300.0  # seconds for a server to open a run, and to take all that it holds


@dataclass(frozen=True)
class Destination:
    """Where a report is logged: `mode` online or offline, `folder` where W&B keeps its files."""

    mode: str
    project: str
    group: str
    folder: Path

    @property
    def home(self) -> Path:
        return self.folder / "wandb"


def track(destination: Destination, report: Report, records: Iterable[pa.Table]) -> int:
    """Logs every setting, the report as a whole and every front; returns how many W&B runs were written.

    `records`: whole ones of the report, in parts. Raises OSError or wandb.Error where W&B is unavailable; the results
    are in the store all the same, and the next call goes on where this one stopped.
    """
    logging.getLogger("wandb").setLevel(logging.CRITICAL)
    destination.home.mkdir(parents=True, exist_ok=True)
    for name in ("WANDB_DATA_DIR", "WANDB_CACHE_DIR"):  # otherwise W&B writes to the home folder
        os.environ.setdefault(name, str(destination.home.absolute() / "staging"))
    wandb.setup(settings=_quiet())
    run_log = RunLog(destination.home)
    try:
        return sum(_log(destination, run_log, content) for content in _contents(destination, report, records))
    finally:
        wandb.teardown()


def check_login() -> None:
    """Raises ValueError where online logging would have to ask for a key, wandb.Error where the server refuses it."""
    wandb.setup(settings=_quiet())
    if not wandb.login(prompt=False):
        raise ValueError("wandb.mode=online: not logged in; run `wandb login`, or choose wandb=offline")


def _contents(destination: Destination, report: Report, records: Iterable[pa.Table]) -> Iterator[Content]:
    """Fronts last: W&B lists and colours the latest runs first."""
    findings, sweep = report.findings, destination.group
    several_facets, several_runs = len(findings.facets) > 1, findings.points["run"].nunique() > 1
    most = MOST if len(findings.points) <= MOST else MOST // len(findings.facets) or 1
    for facet in findings.facets:
        yield from setting_contents(facet, sweep, several_facets, several_runs, most)
    yield sweep_content(report, records, sweep, destination.home)
    for facet in findings.facets:
        for front in fronts_of(facet):
            yield front_content(front, sweep)


def _log(destination: Destination, run_log: RunLog, content: Content) -> bool:
    """Logs one W&B run unless the run log has it with this very content; returns whether it did."""
    place = [destination.project, destination.group, content.key]
    key, held = digest(place)[:16], f"{destination.mode} {digest(content.state)}"
    logged = run_log.get(key)
    if logged and logged.digest == held:
        return False
    run_id = key
    if content.appends:  # never the id of an earlier one, be it whole or half written
        run_id = digest([*place, content.state, logged and logged.run_id])[:16]
        if logged:
            _retire(destination, logged.run_id, content)
    run_log.put(key, Logged(run_id, BEGUN))
    _remove_unsynced(destination.home, run_id)
    _write(destination, run_id, content)
    run_log.put(key, Logged(run_id, held))
    return True


def _retire(destination: Destination, run_id: str, content: Content) -> None:
    """Takes an outdated front out of the views: removed here if it never left, else marked in W&B."""
    if not _remove_unsynced(destination.home, run_id):
        _write(destination, run_id, outdated(content))


def _write(destination: Destination, run_id: str, content: Content) -> None:
    online = destination.mode == "online"
    run = wandb.init(
        project=destination.project,
        group=destination.group,
        job_type=content.kind,
        name=content.name,
        tags=content.tags,
        id=run_id,
        resume="allow" if online else None,
        mode="online" if online else "offline",
        dir=str(destination.folder),
        config=dict(content.config),
        reinit="create_new",
        settings=_quiet(),
    )
    try:
        if not (content.appends and run.starting_step):  # the same front, logged from another folder
            content.log(run)
        run.summary.update(dict(content.summary))
    finally:
        run.finish()


def _remove_unsynced(home: Path, run_id: str) -> bool:
    """Removes an offline copy of the run that was never synced: the new one replaces it. Whether there was one."""
    found = [folder for folder in home.glob(f"offline-run-*-{run_id}") if not any(folder.glob("*.synced"))]
    for folder in found:
        shutil.rmtree(folder, ignore_errors=True)
    return bool(found)


def _quiet() -> Any:
    """Points only: no console capture, no machine statistics, no code, no description of the machine."""
    return wandb.Settings(
        silent=True,
        quiet=True,
        console="off",
        disable_git=True,
        disable_code=True,
        save_code=False,
        init_timeout=STARTING,
        finish_timeout=FINISHING,
        finish_timeout_raises=True,
        x_disable_stats=True,
        x_disable_meta=True,
        x_disable_machine_info=True,
        x_save_requirements=False,
    )
