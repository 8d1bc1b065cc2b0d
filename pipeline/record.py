"""A record: one example under one setting, the row of every Parquet file of the store.

Raw counts and sums only; every ratio (tokens a pass, accuracy, speed) is made later, in the report.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import pyarrow as pa

SCHEMA = pa.schema(
    [
        pa.field("setting_id", pa.string(), nullable=False),
        pa.field("task", pa.string(), nullable=False),
        pa.field("example_id", pa.string(), nullable=False),
        pa.field("position", pa.int64(), nullable=False),
        pa.field("prompt_tokens", pa.int64(), nullable=False),
        pa.field("tokens", pa.list_(pa.int64()), nullable=False),
        pa.field("revealed_at", pa.list_(pa.int64()), nullable=False),
        pa.field("axon_passes", pa.list_(pa.int64()), nullable=False),
        pa.field("unsupported_passes", pa.list_(pa.int64())),
        pa.field("gate_checks", pa.int64(), nullable=False),
        pa.field("anchors", pa.int64()),
        pa.field("axon_columns", pa.int64()),
        pa.field("axon_sinks", pa.int64()),
        pa.field("graph_passes", pa.int64()),
        pa.field("empty_graph_passes", pa.int64()),
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
        pa.field("others", pa.map_(pa.string(), pa.float64()), nullable=False),
        pa.field("sandbox", pa.string()),
        pa.field("error", pa.string()),
    ]
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
    revealed_at: tuple[int, ...] = ()  # the pass that revealed each of them, 0-based
    axon_passes: tuple[int, ...] = ()  # passes in which AXON's anchors were revealed
    unsupported_passes: tuple[int, ...] | None = None  # those of them in which no candidate had any support
    gate_checks: int = 0  # passes in which a gate was evaluated
    anchors: int | None = (
        None  # this and the next: see `axon.Trace`; None: not decoded, or an older version's
    )
    axon_columns: int | None = None
    axon_sinks: int | None = None
    graph_passes: int | None = None
    empty_graph_passes: int | None = None
    graph_columns: int | None = None
    graph_sinks: int | None = None
    computed_positions: int | None = None
    logit_positions: int | None = None
    flops: float | None = None  # of the network, in all its passes
    nfe: int | None = None
    nfe_to_eos: int | None = None
    tokens_generated: int | None = None
    tokens_to_eos: int | None = None
    seconds_model: float = 0.0  # this row's share of its batch, by its number of passes
    seconds_capture: float = 0.0
    seconds_select: float = 0.0
    answer: str | None = None
    extracted: str | None = None
    score: float | None = None
    others: Mapping[str, float] = field(default_factory=dict)  # further metrics of the task, by name
    sandbox: str | None = None  # the isolation under which the answer was run, where it is a program
    error: str | None = None


def to_table(records: list[Record]) -> pa.Table:
    """The records as a table with exactly SCHEMA; raises pa.ArrowInvalid where a value doesn't fit."""
    rows: list[dict[str, Any]] = [asdict(record) for record in records]
    return pa.Table.from_pylist(rows, schema=SCHEMA)
