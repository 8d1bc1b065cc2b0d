"""W&B's offline files, read back, hold every setting's point, the front, its picture and its hypervolume."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from wandb_file import read_run

from pipeline.record import Record, to_table
from pipeline.report import Report, write_report
from pipeline.report.tracker import Destination, track
from tests.report.sweep import changed, make_run, make_setting

SETTINGS = [
    make_setting(f"s{number}", threshold, None if number < 3 else 1, trade_off=None)
    for number, threshold in enumerate([0.3, 0.7, 0.9] * 2)
]
RUN = make_run(SETTINGS, title="a sweep")


def sample(seed: int) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    rows = [
        Record(
            setting.id,
            "arith",
            f"e{n}",
            n,
            nfe=int(draw.integers(2 + 6 * k, 8 + 6 * k)),
            score=float(draw.random() < 0.3 + 0.1 * k),
        )
        for k, setting in enumerate(SETTINGS)
        for n in range(12)
    ]
    return to_table(rows).to_pandas()


def report_of(folder: Path, records: pd.DataFrame) -> Report:
    return write_report(folder, [RUN], records, [])


def destination(folder: Path) -> Destination:
    return Destination("offline", "axon", "sweep/one", folder)


def runs_in(folder: Path) -> list[dict[str, Any]]:
    return [read_run(path) for path in sorted(folder.glob("wandb/offline-run-*/run-*.wandb"))]


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Report]:
    folder = tmp_path_factory.mktemp("logged")
    report = report_of(folder, sample(0))
    assert track(destination(folder), report) == len(SETTINGS) + 1
    return folder, report


def test_every_setting_is_a_run_of_the_group(logged: tuple[Path, Report]) -> None:
    folder, report = logged
    runs = {run["summary"]["setting_id"]: run for run in runs_in(folder) if run["kind"] == "setting"}
    assert set(runs) == {setting.id for setting in SETTINGS}
    assert {run["group"] for run in runs.values()} == {"sweep/one"}
    for point in report.findings.points.to_dict("records"):
        run = runs[point["setting_id"]]
        assert run["summary"]["nfe"] == pytest.approx(point["nfe"])
        assert run["summary"]["quality"] == pytest.approx(point["quality"])
        assert run["config"]["decoder.threshold"] == point["knob.threshold"]
        assert run["config"]["model.name"] == "tiny" and run["config"]["task.metric"]


def test_the_summary_run_holds_the_front(logged: tuple[Path, Report]) -> None:
    folder, report = logged
    [path] = [p for p in folder.glob("wandb/offline-run-*/run-*.wandb") if read_run(p)["kind"] == "summary"]
    run = read_run(path)
    front = json.loads((path.parent / "files" / run["history"]["front.path"]).read_text())
    column = {name: place for place, name in enumerate(front["columns"])}
    found = {(row[column["setting_id"]], row[column["nfe"]], row[column["quality"]]) for row in front["data"]}
    assert found == {
        (p["setting_id"], p["nfe"], p["quality"]) for p in report.findings.front.to_dict("records")
    }
    assert len(found) > 0
    points = json.loads((path.parent / "files" / run["history"]["points.path"]).read_text())
    assert len(points["data"]) == len(SETTINGS)
    picture = path.parent / "files" / run["history"]["front_picture.path"]
    assert picture.read_bytes() == report.picture.read_bytes()
    [facet] = report.findings.facets
    for group, area in facet.hypervolumes.items():
        logged_area = [run["summary"][f"hypervolume{end}/{group}"] for end in ("", "_lo", "_hi")]
        assert logged_area == pytest.approx(list(area))
    assert run["summary"]["warnings"] == report.findings.warnings != []


def test_logging_again_logs_only_what_is_new(tmp_path: Path) -> None:
    report = report_of(tmp_path, sample(0))
    track(destination(tmp_path), report)
    assert track(destination(tmp_path), report_of(tmp_path, sample(0))) == 0
    changed = sample(0)
    changed.loc[changed["setting_id"] == "s0", "score"] = 1.0
    written = track(destination(tmp_path), report_of(tmp_path, changed))
    assert 2 <= written <= len(SETTINGS) + 1
    runs = runs_in(tmp_path)
    assert len(runs) == len({run["id"] for run in runs}) == len(SETTINGS) + 1, "no run twice"


def test_nothing_of_the_machine_is_logged(logged: tuple[Path, Report]) -> None:
    folder, _ = logged
    for path in folder.glob("wandb/offline-run-*/run-*.wandb"):
        assert not list(path.parent.glob("files/wandb-metadata.json"))
        assert not list(path.parent.glob("files/requirements.txt"))


def test_a_knob_given_in_two_ways_is_logged(tmp_path: Path) -> None:
    taus: tuple[float | str, ...] = (0.01, "4x")
    settings = [
        replace(own, knobs={**own.knobs, "axon.tau_sink": taus[number % 2]})
        for number, own in enumerate(SETTINGS)
    ]
    report = write_report(tmp_path, [make_run(settings)], sample(0), [])
    assert track(destination(tmp_path), report) == len(SETTINGS) + 1


def test_settings_of_two_runs_and_two_tasks_are_logged_apart(tmp_path: Path) -> None:
    lists = [replace(changed(own, task={"name": "lists"}), id=f"lists-{own.id}") for own in SETTINGS]
    runs = [RUN, make_run([*SETTINGS, *lists], name="both")]
    records = sample(0)
    other = records.assign(setting_id="lists-" + records["setting_id"])
    report = write_report(tmp_path, runs, pd.concat([records, other], ignore_index=True), [])
    assert track(destination(tmp_path), report) == 3 * len(SETTINGS) + 1
    logged = [run for run in runs_in(tmp_path) if run["kind"] == "setting"]
    places = {(run["summary"]["run"], run["summary"]["setting_id"]) for run in logged}
    assert len(places) == len(logged) == 3 * len(SETTINGS)
    [summary] = [run["summary"] for run in runs_in(tmp_path) if run["kind"] == "summary"]
    for facet in report.findings.facets:
        for group, area in facet.hypervolumes.items():
            assert summary[f"hypervolume/{facet.name}/{group}"] == pytest.approx(area.estimate)
