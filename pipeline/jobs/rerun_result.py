"""What a rerun found, kept as rerun.json in the run's folder."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from pydantic import TypeAdapter
from pydantic.dataclasses import dataclass
from rich.console import Console

from pipeline.environment import Environment
from pipeline.jobs.console import say
from pipeline.runs.run import Run
from pipeline.storage.record_differences import Difference, RecordDifferences
from pipeline.tasks.task import STRICT

FORMAT = 1  # raised when the form of rerun.json changes
RESULT_FILE = "rerun.json"
KEPT = 100  # differences that the file holds
SHOWN = 5  # differences that the terminal shows


@dataclass(frozen=True, config=STRICT)
class RerunResult:
    format: int
    all_equal: bool
    compared: int  # records decoded both times
    equal: int
    missing: int  # records that the rerun could not decode
    columns: dict[str, int]  # column -> records that differ in it
    unrecorded: tuple[str, ...]  # columns that the run's records are older than; not compared
    differences: tuple[Difference, ...]  # the first ones
    changed: tuple[str, ...]  # what differs in model, task, code, machine and packages
    environment: Environment  # of the rerun
    started: datetime
    finished: datetime | None
    seconds: float | None

    @staticmethod
    def of(again: Run, found: RecordDifferences, changed: list[str]) -> RerunResult:
        return RerunResult(
            format=FORMAT,
            all_equal=not found.differences and not found.missing,
            compared=found.compared,
            equal=found.equal,
            missing=found.missing,
            columns=found.columns,
            unrecorded=found.unrecorded,
            differences=tuple(found.differences[:KEPT]),
            changed=tuple(changed),
            environment=again.environment,
            started=again.started,
            finished=again.finished,
            seconds=again.seconds,
        )


def write_result(folder: Path, result: RerunResult) -> Path:
    """Raises OSError if it can't be written."""
    file = folder / RESULT_FILE
    file.write_bytes(TypeAdapter(RerunResult).dump_json(result, indent=1))
    return file


def say_result(run: Run, result: RerunResult, console: Console) -> None:
    """How many records are equal, the first that are not, and what was not the same as in the run."""
    total = result.compared + result.missing
    say(console, f"{result.equal:,} of {total:,} records are equal" + ("" if result.all_equal else ":"))
    if result.missing:
        say(console, f"  {result.missing:,} could not be decoded again")
    for difference in result.differences[:SHOWN]:
        setting = run.by_id[difference.setting_id]
        say(console, f"  {setting} ({setting.id}), {difference.example_id}: {difference}")
    if rest := result.compared - result.equal - len(result.differences[:SHOWN]):
        say(console, f"  and {rest:,} more")
    if result.columns:
        counts = ", ".join(f"{column} in {count:,}" for column, count in result.columns.items())
        say(console, f"  columns that differ: {counts}")
    if result.unrecorded:
        say(console, f"not compared, recorded by a later version only: {', '.join(result.unrecorded)}")
    numerics = sorted({f"{s.model.dtype}, attention kernel {s.model.attention_kernel}" for s in run.settings})
    say(console, f"decoded again on {_machine(result.environment)} in {'; '.join(numerics)}")
    for line in result.changed:
        say(console, f"  {line}")
    if not result.changed:
        say(console, "  same model, task, code, packages and machine as in the run")


def _machine(environment: Environment) -> str:
    hardware = environment.hardware
    return ", ".join(hardware.gpus) if hardware.device == "cuda" else f"cpu ({hardware.processor})"
