"""A W&B run for the report as a whole: its tables, its picture, its page, and the records as a dataset."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import wandb

from pipeline.report import Report
from pipeline.report.tracker.content import Content, digest, identifier, rows, tags
from pipeline.report.tracker.fronts import fronts_of
from pipeline.report.words.matched_table import matched_table
from pipeline.report.words.verdict_table import verdict_table
from pipeline.runs.run import Run
from pipeline.storage.record import SCHEMA

RECORDS = "records.parquet"
ROWS = 50_000  # of a row group: what is in memory at once


def sweep_content(report: Report, records: Iterable[pa.Table], sweep: str, folder: Path) -> Content:
    """Writes the records into `folder`, from where W&B takes them."""
    findings = report.findings
    tables = {"points": findings.points, "front": findings.front, "fronts": _fronts(report)}
    if len(verdicts := verdict_table(findings.facets)):
        tables["verdicts"] = verdicts
    if any(facet.matched for facet in findings.facets):
        tables["matched_nfe"] = matched_table(findings.facets)
    data = folder / RECORDS
    examples = _write(records, data)
    config = {
        **{"kind": "sweep", "sweep": sweep, "title": findings.title, "settings": len(findings.points)},
        **_made_by(report.runs),
    }
    summary = {"verdict": findings.verdict, "warnings": findings.warnings, "examples": examples}

    def log(run: Any) -> None:
        run.log(
            {
                **{name: _table(frame) for name, frame in tables.items()},
                "front_picture": wandb.Image(str(report.picture)),
                "report": wandb.Html(str(report.page), inject=False),
            }
        )
        artifact = wandb.Artifact(
            f"records-{digest(sweep)[:16]}", type="dataset", description=f"Records of {sweep}"
        )
        artifact.add_file(str(data), policy="immutable")  # no second copy of it
        run.log_artifact(artifact)

    return Content(
        key="sweep",
        name=sweep,
        kind="sweep",
        config=config,
        summary=summary,
        state=[config, summary, {name: rows(frame) for name, frame in tables.items()}, _hash(data)],
        tags=tags("sweep", *(name for facet in findings.facets for name in (facet.task, facet.model))),
        log=log,
    )


def _made_by(runs: Sequence[Run]) -> dict[str, Any]:
    """By what command, from which commit of the code; of several runs each once, in one text to filter by."""
    told = [run for run in runs if run.command]  # what was put together from a store has none
    commits = [run.environment.commit for run in told if run.environment.commit]
    return {
        "command": "; ".join(dict.fromkeys(run.command for run in told)),
        "commit": ", ".join(dict.fromkeys(commits)),
        "uncommitted_changes": any(run.environment.dirty for run in told),
    }


def _fronts(report: Report) -> pd.DataFrame:
    """One row per front: its hypervolume, best quality and number of points."""
    return pd.DataFrame(
        [
            {
                "front": front.name,
                "group": front.group,
                "decoder": front.decoder,
                "task": front.facet.task,
                "model": front.facet.model,
                **front.summary,
            }
            for facet in report.findings.facets
            for front in fronts_of(facet)
        ]
    )


def _write(records: Iterable[pa.Table], path: Path) -> int:
    """With the store's own schema, and the column `run` of a report on several runs; returns how many.

    Part by part, into a file beside it; what is there already is left alone.
    """
    rows, held, new = 0, 0, path.with_suffix(".new")
    writer: pq.ParquetWriter | None = None
    waiting: list[pa.Table] = []
    for table in records:
        waiting.append(table)
        rows, held = rows + len(table), held + len(table)
        if held >= ROWS:  # counted as they come: adding up the lengths anew took n^2 of many small parts
            writer, held = _flush(writer, waiting, new), 0
    if waiting or writer is None:
        writer = _flush(writer, waiting, new)
    writer.close()
    if path.is_file() and _hash(path) == _hash(new):
        new.unlink()
    else:
        new.replace(path)
    return rows


def _flush(writer: pq.ParquetWriter | None, waiting: list[pa.Table], path: Path) -> pq.ParquetWriter:
    table = pa.concat_tables(waiting or [SCHEMA.empty_table()])
    waiting.clear()
    writer = writer or pq.ParquetWriter(path, table.schema.with_metadata(SCHEMA.metadata))
    writer.write_table(table.replace_schema_metadata(SCHEMA.metadata))
    return writer


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _table(frame: pd.DataFrame) -> wandb.Table:
    # A knob may have values of several types: tau_sink as 0.01 and as "4x".
    data: list[Iterable[Any]] = [list(row.values()) for row in rows(frame)]
    columns: list[str | int] = [identifier(str(column)) for column in frame.columns]
    return wandb.Table(columns=columns, data=data, allow_mixed_types=True)
