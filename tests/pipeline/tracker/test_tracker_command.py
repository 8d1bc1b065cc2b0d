"""By what W&B finds the sweep that a report is about: the commands and commits of its runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.report import write_report
from pipeline.report.tracker.sweep import sweep_content
from tests.pipeline.tracker.test_tracker import RECORDS, RUN, tables


@pytest.mark.slow
def test_a_sweep_is_found_by_its_commands_and_commits(tmp_path: Path) -> None:
    """Each once; what was put together from a store has none."""
    made = [*[("a", "c0ffee", False)] * 2, ("b", "decade", True), ("c", None, None), ("", "facade", None)]
    runs = []
    for command, commit, dirty in made:
        where = replace(RUN.environment, commit=commit, dirty=dirty)
        runs.append(replace(RUN, command=command, environment=where))
    report = replace(write_report(tmp_path, [RUN], RECORDS, []), runs=tuple(runs))
    config = sweep_content(report, tables(RECORDS), "sweep/one", tmp_path).config
    told = [config[key] for key in ("command", "commit", "uncommitted_changes")]
    assert told == ["a; b; c", "c0ffee, decade", True]
