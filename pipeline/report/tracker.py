"""Weights & Biases, and the one file that imports it: one W&B run per setting, and one for the report as a whole.

W&B run ids are derived from the setting, so that logging again continues the same run. A run log in the folder
remembers what was logged; only what is new or has changed is logged again.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import wandb

from pipeline.report import Facet, Findings, Report
from pipeline.report.labels import described

RUN_LOG = "logged.json"


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


class RunLog:
    """The file that remembers what was logged: W&B run id -> digest of its content."""

    def __init__(self, path: Path) -> None:
        """Empty where the file is missing or can't be read."""
        self.path = path
        self.digests: dict[str, str] = {}
        with suppress(OSError, ValueError):
            loaded = json.loads(path.read_text())
            if isinstance(loaded, dict):
                self.digests = loaded

    def write(self) -> None:
        self.path.write_text(json.dumps(self.digests, indent=1))


@dataclass(frozen=True)
class Content:
    """What one W&B run holds. `state`: everything that must not change if it is not to be logged again."""

    key: str
    name: str
    kind: str
    config: Mapping[str, Any]
    fill: Callable[[Any], None]
    state: Any


def track(destination: Destination, report: Report) -> int:
    """Logs every setting's point and the summary; returns how many W&B runs were written.

    Raises OSError or wandb.Error where W&B is unavailable; the results are in the store all the same.
    """
    logging.getLogger("wandb").setLevel(logging.CRITICAL)
    destination.home.mkdir(parents=True, exist_ok=True)
    for name in ("WANDB_DATA_DIR", "WANDB_CACHE_DIR"):  # otherwise W&B writes to the home folder
        os.environ.setdefault(name, str(destination.home.absolute() / "staging"))
    run_log = RunLog(destination.home / RUN_LOG)
    written = 0
    try:
        for facet in report.findings.facets:
            for content in _settings(report.findings, facet):
                written += _log(destination, run_log, content)
        written += _log(destination, run_log, _summary(report))
    finally:
        run_log.write()
        wandb.teardown()
    return written


def check_login() -> None:
    """Raises ValueError where online logging would have to ask for a key."""
    if not wandb.login(prompt=False):
        raise ValueError("wandb.mode=online: not logged in; run `wandb login`, or choose wandb=offline")


def _settings(findings: Findings, facet: Facet) -> Iterable[Content]:
    several = findings.points["run"].nunique() > 1
    for setting, point in zip(facet.settings, _rows(facet.points), strict=True):
        label = point["label"]
        yield Content(
            key=f"{point['run']}/{setting.id}" if several else setting.id,
            name=setting.group if setting.group == label else f"{setting.group} {label}",
            kind="setting",
            config=described(setting),
            fill=_summary_filler(point),
            state=[described(setting), point],
        )


def _summary_filler(values: dict[str, Any]) -> Callable[[Any], None]:
    def fill(run: Any) -> None:
        run.summary.update(values)

    return fill


def _summary(report: Report) -> Content:
    findings = report.findings
    frames = {"points": findings.points, "front": findings.front}
    values = _values(findings)

    def fill(run: Any) -> None:
        tables = {name: _table(frame) for name, frame in frames.items()}
        run.log({**tables, "front_picture": wandb.Image(str(report.picture))})
        run.summary.update(values)

    return Content(
        key="summary",
        name="summary",
        kind="summary",
        config={"settings": len(findings.points), "title": findings.title},
        fill=fill,
        state={**{name: _rows(frame) for name, frame in frames.items()}, **values},
    )


def _values(findings: Findings) -> dict[str, Any]:
    """The verdict, what keeps it from being about AXON, and the hypervolumes with their intervals."""
    values: dict[str, Any] = {"verdict": findings.verdict, "warnings": findings.warnings}
    for facet in findings.facets:
        for group, area in facet.hypervolumes.items():
            where = f"{facet.name}/{group}" if len(findings.facets) > 1 else group
            values |= {
                f"hypervolume/{where}": area.estimate,
                f"hypervolume_lo/{where}": area.lo,
                f"hypervolume_hi/{where}": area.hi,
            }
    return _finite(values)


def _log(destination: Destination, run_log: RunLog, content: Content) -> bool:
    """Logs one W&B run unless the run log has it with this very content; returns whether it did."""
    run_id = _digest([destination.project, destination.group, content.key])[:16]
    digest = f"{destination.mode} {_digest(content.state)}"
    if run_log.digests.get(run_id) == digest:
        return False
    _remove_unsynced(destination.home, run_id)
    run = wandb.init(
        project=destination.project,
        group=destination.group,
        job_type=content.kind,
        name=content.name,
        id=run_id,
        resume="allow" if destination.mode == "online" else None,
        mode="online" if destination.mode == "online" else "offline",
        dir=str(destination.folder),
        config=dict(content.config),
        reinit="create_new",
        settings=_quiet(),
    )
    try:
        content.fill(run)
    finally:
        run.finish()
    run_log.digests[run_id] = digest
    return True


def _quiet() -> wandb.Settings:
    """Points only: no console capture, no machine statistics, no code, no description of the machine."""
    return wandb.Settings(
        silent=True,
        quiet=True,
        console="off",
        disable_git=True,
        disable_code=True,
        save_code=False,
        x_disable_stats=True,
        x_disable_meta=True,
        x_disable_machine_info=True,
        x_save_requirements=False,
    )


def _remove_unsynced(home: Path, run_id: str) -> None:
    """Removes an earlier offline copy of the run that was never synced: the new one replaces it."""
    for folder in home.glob(f"offline-run-*-{run_id}"):
        if not any(folder.glob("*.synced")):
            shutil.rmtree(folder, ignore_errors=True)


def _table(frame: pd.DataFrame) -> wandb.Table:
    rows = _rows(frame)
    # A knob may have values of several types: tau_sink as 0.01 and as "4x".
    data: list[Iterable[Any]] = [list(row.values()) for row in rows]
    return wandb.Table(columns=[str(c) for c in frame.columns], data=data, allow_mixed_types=True)


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [_finite({str(key): value for key, value in row.items()}) for row in frame.to_dict("records")]


def _finite(row: dict[str, Any]) -> dict[str, Any]:
    """Plain JSON values: numpy scalars unwrapped, NaN as None."""
    plain = {key: value.item() if hasattr(value, "item") else value for key, value in row.items()}
    return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in plain.items()}


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()
