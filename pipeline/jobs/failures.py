"""The settings that failed, in lines: those of one error together, since a fault often fails all of a front."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.runs.run import Run

NAMED = 3  # settings of one error; of more, the first and their number


def failure_lines(run: Run, failures: Mapping[str, str]) -> list[str]:
    """`failures`: the error of each, by id."""
    by_error: dict[str, list[str]] = {}
    for sid, error in failures.items():
        by_error.setdefault(error, []).append(sid)
    return [f"{_named(run, ids)}: {error}" for error, ids in by_error.items()]


def _named(run: Run, ids: list[str]) -> str:
    shown = ids if len(ids) <= NAMED else ids[:1]
    names = "; ".join(f"{run.by_id[sid]} ({sid})" for sid in shown)
    return names if shown == ids else f"{names} and {len(ids) - 1:,} more settings"
