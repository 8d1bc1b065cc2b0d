"""Weights & Biases, and the one file that imports it: a run per setting, and one for the front as a whole.

Run ids are made from the setting, so logging again continues the same run. A logged in the run folder remembers what
was logged; only what is new or has changed is logged again.
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
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import wandb

from pipeline.report import Report

RUN_LOG = "logged.json"


@dataclass(frozen=True)
class RunLog:
    """Where runs are logged: `mode` online or offline, `folder` the run folder they are kept in."""

    mode: str
    project: str
    group: str
    folder: Path
    settings: Mapping[str, Mapping[str, Any]] = field(repr=False)  # setting id -> what it is made of


def track(book: RunLog, report: Report, on_run: Callable[[], None] = lambda: None) -> int:
    """Logs every setting's point and the summary; returns how many runs were written. `on_run` follows each.

    Raises OSError or wandb.Error where W&B can't be had; results are in the store all the same.
    """
    logging.getLogger("wandb").setLevel(logging.CRITICAL)
    home = book.folder / "wandb"
    home.mkdir(parents=True, exist_ok=True)
    for name in (
        "WANDB_DATA_DIR",
        "WANDB_CACHE_DIR",
    ):  # only so can W&B be kept from writing to the home folder
        os.environ.setdefault(name, str(home.absolute() / "staging"))
    logged = _read_logged(home / RUN_LOG)
    written = 0
    try:
        for point in report.points.to_dict("records"):
            content = _finite({str(key): value for key, value in point.items()})
            written += _log_setting(book, logged, content)
            on_run()
        written += _log_summary(book, logged, report)
        on_run()
    finally:
        (home / RUN_LOG).write_text(json.dumps(logged, indent=1))
        wandb.teardown()
    return written


def check_login() -> None:
    """Raises ValueError where online logging would have to ask for a key."""
    if not wandb.login(prompt=False):
        raise ValueError("wandb.mode=online: not logged in; run `wandb login`, or choose wandb=offline")


def _log_setting(book: RunLog, logged: dict[str, str], point: dict[str, Any]) -> bool:
    setting_id = str(point["setting_id"])
    config = flat(book.settings[setting_id])
    name = f"{point['group']} {point['label']}" if point["group"] != point["label"] else str(point["group"])

    def fill(run: Any) -> None:
        run.summary.update(point)

    return _log(book, logged, setting_id, name, "setting", config, fill, [config, point])


def _log_summary(book: RunLog, logged: dict[str, str], report: Report) -> bool:
    content = {
        "points": _rows(report.points),
        "front": _rows(report.front),
        **_summed(report),
    }

    def fill(run: Any) -> None:
        tables = {name: _table(frame) for name, frame in (("points", report.points), ("front", report.front))}
        run.log({**tables, "front_picture": wandb.Image(str(report.picture))})
        run.summary.update(_summed(report))

    config = {"settings": len(report.points), "title": report.title}
    return _log(book, logged, "summary", "summary", "summary", config, fill, content)


def _summed(report: Report) -> dict[str, Any]:
    """The verdict, what keeps it from being about AXON, and the hypervolumes with their intervals."""
    content: dict[str, Any] = {"verdict": report.verdict, "warnings": report.findings.summary.inert}
    for group, area in report.hypervolumes.items():
        content |= {
            f"hypervolume/{group}": area.estimate,
            f"hypervolume_lo/{group}": area.lo,
            f"hypervolume_hi/{group}": area.hi,
        }
    return _finite(content)


def _log(
    book: RunLog,
    logged: dict[str, str],
    key: str,
    name: str,
    kind: str,
    config: dict[str, Any],
    fill: Callable[[Any], None],
    content: Any,
) -> bool:
    """Logs one run unless the logged has it with this very content; returns whether it did."""
    run_id = _digest([book.project, book.group, key])[:16]
    digest = f"{book.mode} {_digest(content)}"
    if logged.get(run_id) == digest:
        return False
    _forget_offline(book.folder / "wandb", run_id)
    run = wandb.init(
        project=book.project,
        group=book.group,
        job_type=kind,
        name=name,
        id=run_id,
        resume="allow" if book.mode == "online" else None,
        mode="online" if book.mode == "online" else "offline",
        dir=str(book.folder),
        config=config,
        reinit="create_new",
        settings=_quiet(),
    )
    try:
        fill(run)
    finally:
        run.finish()
    logged[run_id] = digest
    return True


def _quiet() -> wandb.Settings:
    """Points only: no console capture, no machine statistics, no code, no account of the machine."""
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


def flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested keys as dotted ones, as the user types them."""
    leaves: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            leaves.update(flat(value, f"{prefix}{key}."))
        else:
            leaves[prefix + key] = value
    return leaves


def _forget_offline(home: Path, run_id: str) -> None:
    """Removes an earlier offline copy of the run that was never synced: the new one replaces it."""
    for folder in home.glob(f"offline-run-*-{run_id}"):
        if not any(folder.glob("*.synced")):
            shutil.rmtree(folder, ignore_errors=True)


def _read_logged(path: Path) -> dict[str, str]:
    with suppress(OSError, ValueError):
        loaded = json.loads(path.read_text())
        if isinstance(loaded, dict):
            return loaded
    return {}


def _table(frame: pd.DataFrame) -> wandb.Table:
    rows = _rows(frame)
    # A knob may have been given in two ways: tau_sink as 0.01 and as "4x".
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
