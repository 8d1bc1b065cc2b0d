"""A run.json that this version can't read: refused in a line that tells damage from what other code wrote."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import ConfigError
from pipeline.runs.later import REMEDY
from pipeline.runs.run import FORMAT, RUN_FILE, read_run
from pipeline.runs.run_folder import folder_of
from tests.pipeline.conftest import ROOT, judging, planned, small_config
from tests.pipeline.runs.test_run import run


@pytest.mark.parametrize("settings", [None, 5])
def test_a_damaged_run_of_an_older_version_is_refused_in_a_line(settings: object, tmp_path: Path) -> None:
    older = json.loads((ROOT / "tests/pipeline/run_of_format_1.json").read_bytes())
    (tmp_path / RUN_FILE).write_text(json.dumps({**older, "settings": settings}))
    with pytest.raises(ConfigError, match=rf"^run={tmp_path}: {RUN_FILE} is damaged \(no list of settings\)"):
        read_run(tmp_path)


def with_column(form: dict[str, Any], name: str, value: Any) -> dict[str, Any]:
    return form | {"columns": form["columns"] | {name: {"values": [value]}}}


BROKEN: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "another format": (
        lambda own: own | {"format": 99},
        f"is not of this version (its format is 99, not {FORMAT}): a later version, or changed code, wrote it (",
    ),
    "an older format": (lambda own: own | {"format": 0}, "has the format 0, this version reads"),
    "no format": (lambda own: {}, "has the format None"),
    "a list": (lambda own: [own], "has the format None"),
    "a key too many": (lambda own: own | {"more": 1}, "is not of this version (the key more): "),
    "a key of a setting": (
        lambda own: own | {"settings": [with_column(own["settings"][0], "/decode/axon/more", 1)]},
        "is not of this version (the key decode.axon.more): ",
    ),
    "a choice": (
        lambda own: own | {"settings": [with_column(own["settings"][0], "/decode/decoder/name", "new")]},
        "is not of this version (decode.decoder: 'new', of a package that isn't installed here, or of a later "
        "version): ",
    ),
    "a key too many and another's type": (
        lambda own: own | {"more": 1, "limit": "x"},
        "is damaged (limit: ",
    ),
    "a key too few": (lambda own: {key: own[key] for key in own if key != "store"}, "is damaged (store: "),
    "another setting": (
        lambda own: own | {"settings": [with_column(own["settings"][0], "/id", "0" * 16)]},
        "is damaged (setting 0000000000000000: the id doesn't belong to the identity)",
    ),
    "a setting's value": (
        lambda own: own | {"settings": [with_column(own["settings"][0], "/decode/gen_length", "x")]},
        "is damaged (decode.gen_length: ",
    ),
    "no settings": (
        lambda own: {key: own[key] for key in own if key != "settings"},
        "is damaged (not columns",
    ),
}


@pytest.fixture(scope="module")
def written(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A run's file."""
    with pytest.MonkeyPatch.context() as patch:
        judging(patch)
        run(config := small_config(checkpoint, tmp_path_factory.mktemp("written"), "task.name=judge"))
        return (folder_of(config, planned(config)) / RUN_FILE).read_text()


@pytest.mark.parametrize("how", BROKEN)
def test_a_file_that_is_not_as_this_version_writes_it_is_refused_in_a_line(
    how: str, written: str, tmp_path: Path
) -> None:
    (tmp_path / RUN_FILE).write_text(written)
    assert read_run(tmp_path).status == "done"
    change, expected = BROKEN[how]
    (tmp_path / RUN_FILE).write_text(json.dumps(change(json.loads(written))))
    with pytest.raises(ConfigError) as refused:
        read_run(tmp_path)
    [line] = refused.value.lines
    assert line.startswith(f"run={tmp_path}: {RUN_FILE} ") and expected in line and "\n" not in line


@pytest.mark.parametrize("change", [{"format": 99}, {"more": 1}])
def test_what_a_later_version_wrote_is_told_with_the_version_and_the_way_to_its_results(
    change: dict[str, Any], written: str, tmp_path: Path
) -> None:
    own = json.loads(written)
    later = {**own, **change, "environment": {**own["environment"], "project": "9.8.7", "commit": "a" * 40}}
    (tmp_path / RUN_FILE).write_text(json.dumps({**later, "store": "../store"}))
    with pytest.raises(ConfigError) as refused:
        read_run(tmp_path)
    [line] = refused.value.lines
    assert "wrote it (axon-sweeps 9.8.7, commit aaaaaaa; here is " in line
    assert line.endswith(f"; {REMEDY} job=compare store={tmp_path.parent}/store")
    (tmp_path / RUN_FILE).write_text(json.dumps({**own, "format": 99, "environment": 3, "store": 5}))
    with pytest.raises(ConfigError, match=r"which doesn't say which it is; .* job=compare store=ADDRESS$"):
        read_run(tmp_path)


@pytest.mark.parametrize("content", [None, b"", b"{", b"\xff"])
def test_a_folder_without_a_readable_file_is_no_run(content: bytes | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / RUN_FILE).write_bytes(content)
    with pytest.raises(
        ConfigError, match=rf"^run={tmp_path}: .*{RUN_FILE}.*; (give the folder|run its command)"
    ):
        read_run(tmp_path)
