"""Logged to a server, here a small one of our own: online, again, interrupted, refused, and offline then synced."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from pipeline.errors import ConfigError
from pipeline.inputs.checks import check_login
from pipeline.inputs.config import WandbSettings
from pipeline.jobs.report_job import make_report
from pipeline.report import Report, write_report
from pipeline.report.data.whole import in_memory
from pipeline.report.tracker import Destination, client, track
from pipeline.storage.record import SCHEMA
from tests.pipeline.tracker.test_tracker import RUN, SETTINGS, sample, tables
from tests.pipeline.wandb_server import ServedRun, WandbServer

pytestmark = pytest.mark.slow

FEW = [SETTINGS[0], SETTINGS[1], SETTINGS[3]]
"""Two of base, one of AXON."""


@dataclass(frozen=True)
class Made:
    report: Report
    records: pd.DataFrame

    def log(self, mode: str, folder: Path) -> int:
        return track(Destination(mode, "axon", "sweep/one", folder), self.report, tables(self.records))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> list[Made]:
    """Reports on the same few settings and other examples."""
    run = replace(RUN, settings=tuple(FEW), asked=len(FEW))
    reports = []
    for seed in (0, 1):
        records = sample(seed)
        records = records[records["setting_id"].isin([setting.id for setting in FEW])].reset_index(drop=True)
        reports.append(Made(write_report(tmp_path_factory.mktemp("report"), [run], records, []), records))
    return reports


def kinds(server: WandbServer) -> dict[str, list[ServedRun]]:
    found: dict[str, list[ServedRun]] = {}
    for run in server.runs.values():
        found.setdefault(run.config["kind"]["value"], []).append(run)
    return found


def check_whole(server: WandbServer, made: Made) -> None:
    """Every setting's point, every front's vertices once, and the records are on the server."""
    found = kinds(server)
    assert all(run.complete and run.group == "sweep/one" for run in server.runs.values())
    points = {point["setting_id"]: point for point in made.report.findings.points.to_dict("records")}
    assert {run.summary["setting_id"]: run.summary["nfe"] for run in found["setting"]} == {
        sid: pytest.approx(point["nfe"]) for sid, point in points.items()
    }
    fronts = {run.config["group"]["value"]: run for run in found["front"]}
    for group, run in fronts.items():
        own = [point for point in points.values() if point["group"] == group and point["group_front"]]
        rows = [(row["front_nfe"], row["front_quality"]) for row in run.history if "front_quality" in row]
        assert [nfe for nfe, _ in rows] == pytest.approx(sorted({point["nfe"] for point in own}))
        assert sorted(rows) == rows
    [sweep] = found["sweep"]
    uploaded = [name for name in sweep.files if name.startswith("media/html/")]
    assert sweep.files[uploaded[-1]] == made.report.page.read_bytes()


def test_a_run_logged_online_is_on_the_server_once(
    wandb_server: WandbServer, made: list[Made], tmp_path: Path
) -> None:
    first, other = made
    assert first.log("online", tmp_path) == len(FEW) + 3
    check_whole(wandb_server, first)
    assert set(kinds(wandb_server)) == {"setting", "sweep", "front"}
    (tmp_path / "records.parquet").write_bytes(wandb_server.artifact("dataset").files["records.parquet"])
    assert pq.read_table(tmp_path / "records.parquet").schema.equals(SCHEMA)

    assert first.log("online", tmp_path) == 0
    shutil.rmtree(tmp_path / "wandb")  # as from another machine
    assert first.log("online", tmp_path) == len(FEW) + 3
    check_whole(wandb_server, first)

    before = {run.name for run in kinds(wandb_server)["front"]}
    other.log("online", tmp_path)
    check_whole(wandb_server, other)
    assert {run.name for run in kinds(wandb_server)["outdated_front"]} <= before
    assert len(kinds(wandb_server)["front"]) == 2


def test_an_offline_folder_is_synced(wandb_server: WandbServer, made: list[Made], tmp_path: Path) -> None:
    first, other = made
    for now in (first, other):
        now.log("offline", tmp_path)
        command = [sys.executable, "-m", "wandb", "sync", "--yes"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        check_whole(wandb_server, now)
    assert len(kinds(wandb_server)["front"]) == 2
    assert wandb_server.artifact("dataset").files["records.parquet"]


def test_a_server_that_dies_is_one_line_and_the_next_time_all_is_logged(
    wandb_server: WandbServer, made: list[Made], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "STARTING", 2.0)
    monkeypatch.setattr(client, "FINISHING", 2.0)

    def fails() -> int:
        rows = [row for run in wandb_server.runs.values() for row in run.history]
        return 503 if any("front_nfe" in row for row in rows) else 0

    wandb_server.fails = fails
    run = replace(RUN, settings=tuple(FEW), asked=len(FEW))

    def report() -> str:
        out, wandb = StringIO(), WandbSettings("online", "axon")
        make_report(
            tmp_path,
            [run],
            made[0].records,
            [],
            (),
            wandb,
            "sweep/one",
            Console(file=out, width=500),
            in_memory(made[0].records),
        )
        [line] = [line for line in out.getvalue().splitlines() if line.startswith(("wandb", "W&B"))]
        return line

    assert report().startswith("wandb.mode=online: could not log (")
    assert (tmp_path / "report.html").exists()
    wandb_server.refuse, wandb_server.fails = 0, lambda: 0
    assert "W&B" in report()
    check_whole(wandb_server, made[0])


@pytest.mark.parametrize("fault", ["dead", "refusing", "key"])
def test_a_server_that_takes_no_login_is_an_error_that_can_be_told(
    fault: str, wandb_server: WandbServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    if fault == "dead":
        monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")  # nothing listens on the discard port
        monkeypatch.setenv("WANDB_HTTP_TIMEOUT", "1")
    elif fault == "refusing":
        wandb_server.refuse = 403
    else:
        monkeypatch.setenv("WANDB_API_KEY", "other" * 8)
    with pytest.raises(
        ConfigError, match=r"^wandb.mode=online: can't log in \(.*127.0.0.1.*\); run `wandb login`"
    ):
        check_login()
