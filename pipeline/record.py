"""A record: one example under one setting, the row of every Parquet file of the store.

Raw counts and sums only; every ratio (tokens a step, accuracy, speed) is made later, in the report.

A column that comes later is nullable: a file that lacks it is read with nulls there, so that no result is lost to a
new column. Files of a newer version are read without the columns that this one doesn't know.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import pyarrow as pa

# Of the files' metadata. Raise it when a required column comes, goes, or changes its type or meaning; a file of
# another format is read all the same if the required columns are there.
FORMAT = 3
FORMAT_KEY = b"axon_record_format"  # files older than the key are of format 1

RENAMED = {  # column -> its name in format 2
    "axon_steps": "axon_passes",
    "unsupported_steps": "unsupported_passes",
    "graph_steps": "graph_passes",
    "empty_graph_steps": "empty_graph_passes",
    "metrics": "others",
}

SCHEMA = pa.schema(
    [
        pa.field("setting_id", pa.string(), nullable=False),
        pa.field("task", pa.string(), nullable=False),
        pa.field("example_id", pa.string(), nullable=False),
        pa.field("position", pa.int64(), nullable=False),
        pa.field("prompt_tokens", pa.int64(), nullable=False),
        pa.field("tokens", pa.list_(pa.int64()), nullable=False),
        pa.field("revealed_at", pa.list_(pa.int64()), nullable=False),
        pa.field("axon_steps", pa.list_(pa.int64()), nullable=False),
        pa.field("unsupported_steps", pa.list_(pa.int64())),
        pa.field("gate_checks", pa.int64(), nullable=False),
        pa.field("anchors", pa.int64()),
        pa.field("axon_columns", pa.int64()),
        pa.field("axon_sinks", pa.int64()),
        pa.field("graph_steps", pa.int64()),
        pa.field("empty_graph_steps", pa.int64()),
        pa.field("graph_columns", pa.int64()),
        pa.field("graph_sinks", pa.int64()),
        pa.field("computed_positions", pa.int64()),
        pa.field("logit_positions", pa.int64()),
        pa.field("flops", pa.float64()),
        pa.field("nfe", pa.int64()),
        pa.field("nfe_to_eos", pa.int64()),
        pa.field("tokens_generated", pa.int64()),
        pa.field("tokens_to_eos", pa.int64()),
        pa.field("seconds_model", pa.float64(), nullable=False),
        pa.field("seconds_capture", pa.float64(), nullable=False),
        pa.field("seconds_select", pa.float64(), nullable=False),
        pa.field("answer", pa.string()),
        pa.field("extracted", pa.string()),
        pa.field("score", pa.float64()),
        pa.field("metrics", pa.map_(pa.string(), pa.float64()), nullable=False),
        pa.field("sandbox", pa.string()),
        pa.field("error", pa.string()),
    ],
    metadata={FORMAT_KEY: str(FORMAT)},
)


@dataclass(frozen=True)
class Record:
    """One example under one setting. `score` None means unscored; then `error` says why."""

    setting_id: str
    task: str
    example_id: str
    position: int  # place in the task's fixed order of examples
    prompt_tokens: int = 0
    tokens: tuple[int, ...] = ()  # the generated tokens, (gen_length,)
    revealed_at: tuple[int, ...] = ()  # the step that revealed each of them, 0-based
    axon_steps: tuple[int, ...] = ()  # steps in which AXON's anchors were revealed
    unsupported_steps: tuple[int, ...] | None = None  # those of them in which no candidate had any support
    gate_checks: int = 0  # steps in which a gate was evaluated
    anchors: int | None = (
        None  # this and the next: see `axon.Trace`; None: not decoded, or an older version's
    )
    axon_columns: int | None = None
    axon_sinks: int | None = None
    graph_steps: int | None = None
    empty_graph_steps: int | None = None
    graph_columns: int | None = None
    graph_sinks: int | None = None
    computed_positions: int | None = None
    logit_positions: int | None = None
    flops: float | None = None  # of the network, in all its steps
    nfe: int | None = None
    nfe_to_eos: int | None = None
    tokens_generated: int | None = None
    tokens_to_eos: int | None = None
    # Machine time an example at the batch size of the run, no latency: what its slice took, in equal shares over the
    # slice's decoded examples.
    seconds_model: float = 0.0
    seconds_capture: float = 0.0
    seconds_select: float = 0.0
    answer: str | None = None
    extracted: str | None = None
    score: float | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)  # further metrics of the task, by name
    sandbox: str | None = None  # the isolation under which the answer was run, where it is a program
    error: str | None = None


def to_table(records: list[Record]) -> pa.Table:
    """The records as a table with exactly SCHEMA; raises pa.ArrowInvalid where a value doesn't fit."""
    rows: list[dict[str, Any]] = [asdict(record) for record in records]
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def conformed(table: pa.Table) -> pa.Table:
    """The table of a file, of whatever version, with exactly SCHEMA.

    A nullable column that is absent or of another type is filled with nulls; columns that SCHEMA doesn't know are
    dropped. Raises ValueError that names a required column which is absent, of another type,
    or has nulls.
    """
    columns = [_column(table, field) for field in SCHEMA]
    return pa.Table.from_arrays(columns, schema=SCHEMA)


def _column(table: pa.Table, field: pa.Field) -> pa.ChunkedArray:
    place = table.schema.get_field_index(field.name)
    if place < 0:
        place = table.schema.get_field_index(RENAMED.get(field.name, field.name))
    same = place >= 0 and table.schema.field(place).type.equals(field.type)
    if field.nullable and not same:
        return pa.chunked_array([pa.nulls(len(table), field.type)])
    if place < 0:
        raise ValueError(f"lacks the column {field.name}{_other_format(table)}")
    column = table.column(place)
    if not same:
        raise ValueError(f"the column {field.name} is {column.type}, not {field.type}{_other_format(table)}")
    if column.null_count and not field.nullable:
        raise ValueError(f"the column {field.name} has no value in {column.null_count} rows")
    return column


def _other_format(table: pa.Table) -> str:
    found = (table.schema.metadata or {}).get(FORMAT_KEY, b"1").decode(errors="replace")
    return "" if found == str(FORMAT) else f"; written in format {found}, read in format {FORMAT}"
