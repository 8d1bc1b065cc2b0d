"""W&B's offline files, read back, hold a run per setting and per front, and one for the sweep."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.report import Report, write_report
from pipeline.report.comparisons.matchups import matchups
from pipeline.report.tracker import Destination, client, track
from pipeline.report.tracker.content import digest, identifier
from pipeline.report.tracker.settings import setting_contents
from pipeline.storage.record import SCHEMA, Record, to_table
from tests.pipeline.wandb_file import read_run
from tests.report.sweep import changed, make_run, make_setting, make_sweep
from tests.report.verdict import facet_of

SETTINGS = [
    make_setting(f"s{number}", threshold, None if number < 3 else 1)
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


def tables(records: pd.DataFrame) -> list[pa.Table]:
    """A part for each setting."""
    return [
        pa.Table.from_pandas(own, SCHEMA, preserve_index=False) for _, own in records.groupby("setting_id")
    ]


def to_table_frame(records: pd.DataFrame) -> pd.DataFrame:
    return pa.concat_tables(tables(records)).to_pandas()


def started(run: dict[str, Any]) -> float:
    return float(run["started"])


RECORDS = sample(0)
FOREIGN: dict[str, Any] = {
    "foreign": {"name": "theirs"},
    "model": {"content": ""},
    "task": SETTINGS[0].identity["task"],
}
FRONTS = 2  # base and AXON


def log(folder: Path, records: pd.DataFrame = RECORDS) -> int:
    report = write_report(folder, [RUN], records, [])
    return track(Destination("offline", "axon", "sweep/one", folder), report, tables(records))


def paths(folder: Path) -> list[Path]:
    return sorted(folder.glob("wandb/offline-run-*/run-*.wandb"))


def runs_in(folder: Path, kind: str = "") -> list[dict[str, Any]]:
    return [run for run in map(read_run, paths(folder)) if run["config"]["kind"].startswith(kind)]


def table_in(path: Path, name: str) -> pd.DataFrame:
    table = json.loads((path.parent / "files" / read_run(path)["history"][f"{name}.path"]).read_text())
    return pd.DataFrame(table["data"], columns=table["columns"])


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Report]:
    folder = tmp_path_factory.mktemp("logged")
    report = write_report(folder, [RUN], RECORDS, [])
    assert (
        track(Destination("offline", "axon", "sweep/one", folder), report, tables(RECORDS))
        == len(SETTINGS) + FRONTS + 1
    )
    return folder, report


@pytest.mark.slow
def test_every_setting_is_a_run_of_the_group(logged: tuple[Path, Report]) -> None:
    folder, report = logged
    runs = {run["summary"]["setting_id"]: run for run in runs_in(folder, "setting")}
    assert set(runs) == {setting.id for setting in SETTINGS}
    assert {run["group"] for run in runs.values()} == {"sweep/one"}
    fronts = {run["config"]["front"]: run["config"]["group"] for run in runs_in(folder, "front")}
    for point in report.findings.points.to_dict("records"):
        run, config = runs[point["setting_id"]], runs[point["setting_id"]]["config"]
        assert run["summary"]["nfe"] == pytest.approx(point["nfe"])
        assert run["summary"]["quality"] == pytest.approx(point["quality"])
        assert config["decoder"]["threshold"] == config["knob_threshold"] == point["knob.threshold"]
        assert config["model"]["name"] == "tiny" and config["task"]["metric"]
        assert fronts[config["front"]] == config["group"] == point["group"]
        assert config["cache"] == "none" and config["sweep"] == "sweep/one" and "setting" in run["tags"]


def test_of_too_many_settings_the_fronts_are_runs() -> None:
    """And what the verdict compares; a setting has its own point, whichever are left out."""
    sweep = make_sweep(examples=12, anchors=(None, 1))
    for row in sweep.rows:
        if row["setting_id"].startswith(("0.7", "0.9")):
            row["score"] = 0.0  # in more steps than the others
    facet = facet_of(sweep)
    points = facet.points
    compared = points["setting_id"].iloc[[row for own in matchups(facet) for row in (own.first, own.second)]]
    first = {*compared, *points.loc[points["group_front"], "setting_id"]}
    assert len(first) < len(points)
    for most in range(1, len(points) + 1):
        found = list(setting_contents(facet, "sweep", False, False, most))
        keys = [content.key for content in found]
        assert len(set(keys)) == len(keys) == most
        assert first <= set(keys) or set(keys) <= first
        assert [content.summary["setting_id"] for content in found] == keys


@pytest.mark.slow
@pytest.mark.parametrize(("most", "kept"), [(7, 7), (6, 4)])
def test_a_task_with_most_of_the_settings_loses_none_where_all_have_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int, kept: int
) -> None:
    """Six settings of one task and one of another; where there are too many each task gets its share."""
    other = replace(changed(SETTINGS[0], task={"name": "lists"}), id="lists")
    own = RECORDS[RECORDS["setting_id"] == "s0"].assign(setting_id="lists")
    records = pd.concat([RECORDS, own], ignore_index=True)
    report = write_report(tmp_path, [make_run([*SETTINGS, other])], records, [])
    monkeypatch.setattr(client, "MOST", most)
    contents = client._contents(Destination("offline", "axon", "g", tmp_path), report, [])
    (tmp_path / "wandb").mkdir()
    assert sum(content.kind == "setting" for content in contents) == kept


def test_a_front_is_a_run_with_a_row_per_vertex(logged: tuple[Path, Report]) -> None:
    folder, report = logged
    [facet] = report.findings.facets
    runs = {run["config"]["group"]: run for run in runs_in(folder, "front")}
    assert set(runs) == {"base", "AXON"} and {run["kind"] for run in runs.values()} == {"front"}
    for group, run in runs.items():
        own = facet.points[(facet.points["group"] == group) & facet.points["group_front"]]
        expected = own.sort_values("nfe")[["nfe", "quality"]].drop_duplicates().to_numpy()
        rows = np.array(
            [[row["front_nfe"], row["front_quality"]] for row in run["rows"] if "front_nfe" in row]
        )
        assert rows == pytest.approx(expected)
        assert run["metrics"]["front_quality"] == "front_nfe"
        area = facet.hypervolumes[group]
        logged_area = [run["summary"][f"hypervolume{end}"] for end in ("", "_lo", "_hi")]
        assert logged_area == pytest.approx(list(area))
        assert run["summary"]["best_quality"] == pytest.approx(own["quality"].max())
        assert run["summary"]["points"] == len(expected)


def test_fronts_are_logged_last(logged: tuple[Path, Report]) -> None:
    assert [run["config"]["kind"] for run in sorted(runs_in(logged[0]), key=started)][-FRONTS:] == [
        "front"
    ] * FRONTS


def test_the_step_chart_holds_the_corners_of_the_front(logged: tuple[Path, Report]) -> None:
    """Between vertices the best quality within a budget stays: the line is level, then rises."""
    fronts = [
        (path, run) for path in paths(logged[0]) if (run := read_run(path))["config"]["kind"] == "front"
    ]
    assert len(fronts) == FRONTS
    for path, run in fronts:
        corners = table_in(path, "front_steps_table")
        vertices = [(row["front_nfe"], row["front_quality"]) for row in run["rows"] if "front_nfe" in row]
        assert len(corners) == 2 * len(vertices) - 1
        assert corners[["NFE", "quality"]].to_numpy()[::2] == pytest.approx(np.array(vertices))
        for (nfe, quality), (_, before) in zip(
            corners[["NFE", "quality"]].to_numpy()[1::2], vertices, strict=False
        ):
            assert quality == before and nfe in [vertex[0] for vertex in vertices]
        assert set(corners["front"]) == {run["name"]}
        (last, best), reference = vertices[-1], make_setting("", 0.5, None).decode.gen_length
        below = np.trapezoid(corners["quality"], corners["NFE"]) + (reference - last) * best
        assert below / reference == pytest.approx(run["summary"]["hypervolume"])


def test_every_key_can_be_filtered_by(logged: tuple[Path, Report]) -> None:
    def keys(tree: Any) -> set[str]:
        return (
            {name for key, own in tree.items() for name in (key, *keys(own))}
            if isinstance(tree, dict)
            else set()
        )

    for run in runs_in(logged[0]):
        found = keys(run["config"]) | {key.split(".")[0] for key in run["summary"]}
        assert len(found) > 4 and all(re.fullmatch("[_a-zA-Z][_a-zA-Z0-9]*", key) for key in found), found


@given(st.text())
def test_any_name_becomes_a_key_and_a_key_stays(text: str) -> None:
    key = identifier(text)
    assert re.fullmatch("[_a-zA-Z][_a-zA-Z0-9]*", key) and identifier(key) == key
    assert len(text) <= len(key) <= len(text) + 1


def test_the_sweep_run_holds_the_report(logged: tuple[Path, Report]) -> None:
    folder, report = logged
    [path] = [path for path in paths(folder) if read_run(path)["config"]["kind"] == "sweep"]
    run, front = read_run(path), table_in(path, "front")
    expected = report.findings.front[["setting_id", "nfe", "quality"]]
    assert front[["setting_id", "nfe", "quality"]].to_numpy().tolist() == expected.to_numpy().tolist() != []
    assert len(table_in(path, "points")) == len(SETTINGS)
    assert set(table_in(path, "fronts")["group"]) == {"base", "AXON"}
    matched, (facet,) = table_in(path, "matched_nfe"), report.findings.facets
    assert matched["mixed_difference_lo"].tolist() == [
        row.mixed.difference.lo for own in facet.matched for row in own.rows
    ]
    verdicts = table_in(path, "verdicts")
    assert verdicts["difference"].tolist() == [
        own.difference.estimate for found in facet.comparisons for own in found.effects
    ]
    for key, file in {"front_picture": report.picture, "report": report.page}.items():
        assert (path.parent / "files" / run["history"][f"{key}.path"]).read_bytes() == file.read_bytes()
    assert run["summary"]["warnings"] == report.findings.warnings != []
    assert ("dataset", f"records-{digest('sweep/one')[:16]}") in run["artifacts"]
    stored = pq.read_table(folder / "wandb" / "records.parquet")
    assert stored.schema.equals(SCHEMA) and stored.to_pandas().equals(to_table_frame(RECORDS))


@pytest.mark.slow
def test_logging_again_logs_only_what_is_new(tmp_path: Path) -> None:
    log(tmp_path)
    assert log(tmp_path) == 0
    before = {run["id"]: run for run in runs_in(tmp_path)}
    better = sample(0)
    better.loc[better["setting_id"] == "s0", "score"] = 1.0
    assert 3 <= log(tmp_path, better) < len(before)
    after = {run["id"]: run for run in runs_in(tmp_path)}
    assert len(runs_in(tmp_path)) == len(after) == len(before), "no run twice"
    [gone], [new] = before.keys() - after.keys(), after.keys() - before.keys()
    assert before[gone]["name"] == after[new]["name"] and after[new]["config"]["kind"] == "front"
    log(tmp_path)  # a copy of the first front may be in W&B: its rows would be there twice
    assert gone not in {run["id"] for run in runs_in(tmp_path)}


@pytest.mark.slow
def test_an_outdated_front_that_was_synced_is_taken_out_of_the_views(tmp_path: Path) -> None:
    log(tmp_path)
    fronts = {run["id"] for run in runs_in(tmp_path, "front")}
    for path in paths(tmp_path):
        path.with_name(f"{path.name}.synced").touch()
    log(tmp_path, sample(1))
    marked = runs_in(tmp_path, "outdated_front")
    assert {run["id"] for run in marked} == fronts and not any(run["rows"] for run in marked)
    assert {run["config"]["sweep"] for run in marked} == {"sweep/one"}


def test_nothing_of_the_machine_is_logged(logged: tuple[Path, Report]) -> None:
    folder, _ = logged
    assert paths(folder)
    for path in paths(folder):
        assert not list(path.parent.glob("files/wandb-metadata.json"))
        assert not list(path.parent.glob("files/requirements.txt"))


@pytest.mark.slow
def test_a_knob_given_in_two_ways_is_logged(tmp_path: Path) -> None:
    taus: tuple[float | str, ...] = (0.01, "4x")
    settings = [
        replace(own, knobs={**own.knobs, "axon.tau_sink": taus[number % 2]})
        for number, own in enumerate(SETTINGS)
    ]
    report = write_report(tmp_path, [make_run(settings)], RECORDS, [])
    assert (
        track(Destination("offline", "axon", "g", tmp_path), report, tables(RECORDS))
        == len(SETTINGS) + FRONTS + 1
    )


@pytest.mark.slow
def test_settings_of_two_runs_and_two_tasks_are_logged_apart(tmp_path: Path) -> None:
    lists = [replace(changed(own, task={"name": "lists"}), id=f"lists-{own.id}") for own in SETTINGS]
    runs = [RUN, make_run([*SETTINGS, *lists], name="both")]
    lists_records = RECORDS.assign(setting_id="lists-" + RECORDS["setting_id"])
    records = pd.concat([RECORDS, lists_records], ignore_index=True)
    report = write_report(tmp_path, runs, records, [])
    track(Destination("offline", "axon", "g", tmp_path), report, tables(records))
    logged = runs_in(tmp_path, "setting")
    places = {(run["summary"]["run"], run["summary"]["setting_id"]) for run in logged}
    assert len(places) == len(logged) == 3 * len(SETTINGS)
    names = {run["name"] for run in logged}
    assert len(names) == len(logged) and "both: base threshold=0.3 · lists · tiny" in names
    areas = {run["name"]: run["summary"]["hypervolume"] for run in runs_in(tmp_path, "front")}
    assert areas == {
        f"{group} · confidence · {facet.task} · {facet.model}": pytest.approx(area.estimate)
        for facet in report.findings.facets
        for group, area in facet.hypervolumes.items()
    }


@pytest.mark.slow
def test_a_group_with_two_decoders_has_two_fronts(tmp_path: Path) -> None:
    settings = [changed(own, decoder="dawn") if number % 2 else own for number, own in enumerate(SETTINGS)]
    report = write_report(tmp_path, [make_run(settings)], RECORDS, [])
    track(Destination("offline", "axon", "g", tmp_path), report, tables(RECORDS))
    runs = runs_in(tmp_path, "front")
    assert {(run["config"]["group"], run["config"]["decoder"]["name"]) for run in runs} == {
        (group, decoder) for group in ("base", "AXON") for decoder in ("confidence", "dawn")
    }
    assert sum(run["summary"]["settings"] for run in runs) == len(SETTINGS)
    assert not any("hypervolume_lo" in run["summary"] for run in runs), "the report has it for whole groups"


@pytest.mark.slow
def test_answers_from_elsewhere_are_of_no_decoder(tmp_path: Path) -> None:
    """Their decode settings are placeholders: no run, tag or table says that they are the default decoder's."""
    ours = SETTINGS[0]
    theirs = replace(ours, id="theirs", group="theirs (imported)", identity=FOREIGN)
    alone = RECORDS[RECORDS["setting_id"] == ours.id]
    records = pd.concat([alone, alone.assign(setting_id=theirs.id)], ignore_index=True)
    report = write_report(tmp_path, [make_run([ours, theirs])], records, [])
    track(Destination("offline", "axon", "g", tmp_path), report, tables(records))
    found = [run for kind in ("setting", "front") for run in runs_in(tmp_path, kind)]
    elsewhere = [run for run in found if run["config"]["group"] == theirs.group]
    assert [run["kind"] for run in elsewhere] == ["setting", "front"]
    for run in elsewhere:
        told = str([run["config"], run["tags"], run["name"]])
        assert not {"decoder", "cache"} & set(run["config"]) and "confidence" not in told
        assert run["config"]["front"] == "theirs (imported) · arith · tiny"
    rest = [run for run in found if run not in elsewhere]
    assert len(rest) == 2 and all("confidence" in run["tags"] for run in rest)
