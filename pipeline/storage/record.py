"""A record: one example under one setting, the row of every Parquet file of the store.

Raw counts and sums only; every ratio (tokens per step, accuracy, examples per second) is computed in the report.

A file says its format. This version reads its own format and older ones: columns are looked up under their old names,
columns added later are nullable and read as nulls, and columns that this version does not know are ignored. A file of a
newer format may mean something else by the same column, so it is never read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

# Kept in a file's metadata. Raise it when a required column is added or dropped, or a column changes its name, type or
# meaning. A new nullable column does not need it.
FORMAT = 4  # 4: seconds on a GPU are those of its own work, between two events on it
FORMAT_KEY = b"axon_record_format"  # files without the key are of format 1

RENAMED = {  # column -> its name up to format 2
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
        pa.field("confidence_percent", pa.list_(pa.uint8())),
        pa.field("leeway_above", pa.float64()),
        pa.field("leeway_below", pa.float64()),
        pa.field("decoded_under", pa.string()),
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
        pa.field("compared_steps", pa.int64()),
        pa.field("held_back_steps", pa.int64()),
        pa.field("held_back", pa.int64()),
        pa.field("remasked", pa.int64()),
        pa.field("replaced", pa.int64()),
        pa.field("ahead", pa.int64()),
        pa.field("post_steps", pa.int64()),
        pa.field("prefill_passes", pa.int64()),
        pa.field("store_passes", pa.int64()),
        pa.field("full_passes", pa.int64()),
        pa.field("computed_positions", pa.int64()),
        pa.field("attention_pairs", pa.int64()),
        pa.field("logit_positions", pa.int64()),
        pa.field("flops", pa.float64()),
        pa.field("nfe", pa.int64()),
        pa.field("nfe_to_eos", pa.int64()),
        pa.field("tokens_generated", pa.int64()),
        pa.field("tokens_to_eos", pa.int64()),
        pa.field("seconds_model", pa.float64(), nullable=False),
        pa.field("seconds_capture", pa.float64(), nullable=False),
        pa.field("seconds_select", pa.float64(), nullable=False),
        pa.field("seconds_in_batch", pa.float64()),
        pa.field("seconds_to_first_block", pa.float64()),
        pa.field("batch_size", pa.int64()),
        pa.field("device", pa.string()),
        pa.field("attention_kernel", pa.string()),
        pa.field("torch", pa.string()),
        pa.field("code", pa.string()),
        pa.field("answer", pa.string()),
        pa.field("extracted", pa.string()),
        pa.field("score", pa.float64()),
        pa.field("metrics", pa.map_(pa.string(), pa.float64()), nullable=False),
        pa.field("sandbox", pa.string()),
        pa.field("error", pa.string()),
    ],
    metadata={FORMAT_KEY: str(FORMAT)},
)


UNANSWERED = "no answer to it was imported"  # the error of an example that a file from elsewhere leaves out


@dataclass(frozen=True)
class Record:
    """One example under one setting. `score` None means unscored; then `error` says why."""

    setting_id: str
    task: str
    example_id: str
    position: int  # place in the task's fixed order of examples
    prompt_tokens: int = 0
    tokens: tuple[int, ...] = ()  # the generated tokens: gen_length, or to fill an absolute block a few more
    revealed_at: tuple[int, ...] = ()  # the step that revealed each of them, 0-based
    # The confidence c (docs/method.md) with which each was revealed, in percent, rounded to whole ones; None for a
    # token that no step revealed. None in all: not decoded, or recorded before the column existed.
    confidence_percent: tuple[int | None, ...] | None = None
    # Between which values of the decoder's trade-off parameter the decode would be the same (axon/leeway.py).
    leeway_above: float | None = None
    leeway_below: float | None = None
    decoded_under: str | None = None  # the setting whose decode this one would repeat; None: its own
    axon_steps: tuple[int, ...] = ()  # steps in which AXON's anchors were revealed
    unsupported_steps: tuple[int, ...] | None = None  # those of them in which no candidate had any support
    gate_checks: int = 0  # steps in which a gate was evaluated
    # From here to logit_positions: see `axon.Trace`. None: not decoded, or recorded before the column existed.
    anchors: int | None = None
    axon_columns: int | None = None
    axon_sinks: int | None = None
    graph_steps: int | None = None
    empty_graph_steps: int | None = None
    graph_columns: int | None = None
    graph_sinks: int | None = None
    compared_steps: int | None = None
    held_back_steps: int | None = None
    held_back: int | None = None
    remasked: int | None = None
    replaced: int | None = None
    ahead: int | None = None
    post_steps: int | None = None
    prefill_passes: int | None = None
    store_passes: int | None = None
    full_passes: int | None = (
        None  # of the steps, with a cache that approximates: those over the whole canvas
    )
    computed_positions: int | None = None
    attention_pairs: int | None = None
    logit_positions: int | None = None
    flops: float | None = None  # of the network, over all steps
    nfe: int | None = None
    nfe_to_eos: int | None = None
    tokens_generated: int | None = None
    tokens_to_eos: int | None = None
    # Machine time per example at the run's batch size, not latency: the time of each step that it was decoded in,
    # divided equally among the rows of that step.
    seconds_model: float = 0.0
    seconds_capture: float = 0.0
    seconds_select: float = 0.0
    # Wall clock from the step with which this row entered its batch: until it left, and until its first block was
    # full. Each of its steps was shared with up to batch_size - 1 other rows.
    seconds_in_batch: float | None = None
    seconds_to_first_block: float | None = None
    # What the tokens of a row may depend on below float32, and its seconds always do.
    batch_size: int | None = None  # rows decoded at once, at most
    device: str | None = None  # the GPU's name, or the processor's
    attention_kernel: str | None = None
    torch: str | None = None  # its version
    code: str | None = None  # digests of its rules' code (pipeline/evaluation/rule_code.py)
    answer: str | None = None
    extracted: str | None = None
    score: float | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)  # further metrics of the task, by name
    sandbox: str | None = None  # isolation level under which the answer ran, where it is a program
    error: str | None = None


def to_table(records: list[Record]) -> pa.Table:
    """The records as a table with exactly SCHEMA; raises pa.ArrowInvalid where a value doesn't fit."""
    return pa.Table.from_pylist([vars(record) for record in records], schema=SCHEMA)


def from_table(table: pa.Table) -> list[Record]:
    """The records of a table with exactly SCHEMA."""
    return [Record(**{name: _plain(name, value) for name, value in row.items()}) for row in table.to_pylist()]


def _plain(name: str, value: Any) -> Any:
    if name == "metrics":
        return dict(value)
    return tuple(value) if isinstance(value, list) else value


class NewerFormat(ValueError):
    """A file that only a newer version of the project can read."""


def conformed(table: pa.Table) -> pa.Table:
    """The table of a file, of this format or an older one, with exactly SCHEMA.

    Raises NewerFormat for a newer one, and ValueError that names a column which is required and absent, is of another
    type, or lacks values.
    """
    found = _format_of(table)
    if found > FORMAT:
        raise NewerFormat(f"written in format {found}, while this version reads up to {FORMAT}")
    try:
        columns = [_column(table, field, found) for field in SCHEMA]
    except ValueError as error:
        older = f"; written in format {found}, read as format {FORMAT}" if found < FORMAT else ""
        raise ValueError(f"{error}{older}") from None
    return pa.Table.from_arrays(columns, schema=SCHEMA)


def is_current(table: pa.Table) -> bool:
    """Whether `conformed` keeps all of it, and its format: it can be written again by this version."""
    return _format_of(table) == FORMAT and set(table.column_names) <= set(SCHEMA.names)


def _format_of(table: pa.Table) -> int:
    text = (table.schema.metadata or {}).get(FORMAT_KEY, b"1")
    if not text.isdigit():
        raise ValueError(f"the format {text.decode(errors='replace')!r} is not a number")
    return int(text)


def _column(table: pa.Table, field: pa.Field, found: int) -> pa.ChunkedArray:
    name = RENAMED.get(field.name, field.name) if found < 3 else field.name
    place = table.schema.get_field_index(name)
    if place < 0:
        if not field.nullable:
            raise ValueError(f"lacks the column {name}")
        return pa.chunked_array([pa.nulls(len(table), field.type)])
    column = table.column(place)
    if not column.type.equals(field.type):
        raise ValueError(f"the column {name} is {column.type}, not {field.type}")
    if column.null_count and not field.nullable:
        raise ValueError(f"the column {name} has no value in {column.null_count} rows")
    return column
