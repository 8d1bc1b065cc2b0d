"""Reads a W&B offline file back: a 7-byte header, then LevelDB log records that hold protobuf messages."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from wandb.proto import wandb_internal_pb2

BLOCK, FILE_HEADER, RECORD_HEADER = 32768, 7, 7
FULL, FIRST, LAST = 1, 2, 4


def messages(path: Path) -> Iterator[Any]:
    """The messages of one .wandb file in order."""
    data = path.read_bytes()
    assert data[:4] == b":W&B"
    place, parts = FILE_HEADER, b""
    while place + RECORD_HEADER <= len(data):
        if BLOCK - place % BLOCK < RECORD_HEADER:  # a block's tail too short for a header is padding
            place += BLOCK - place % BLOCK
            continue
        length, kind = int.from_bytes(data[place + 4 : place + 6], "little"), data[place + 6]
        content = data[place + RECORD_HEADER : place + RECORD_HEADER + length]
        place += RECORD_HEADER + length
        parts = content if kind in (FULL, FIRST) else parts + content
        if kind in (FULL, LAST):
            message = wandb_internal_pb2.Record()
            message.ParseFromString(parts)
            yield message


def read_run(path: Path) -> dict[str, Any]:
    """id, group, name, kind, tags, config, summary, rows (`history`: all in one), metrics and artifacts of one run.

    `metrics`: a metric's name -> the metric that is its x-axis.
    """
    run: dict[str, Any] = {
        "config": {},
        "summary": {},
        "history": {},
        "rows": [],
        "metrics": {},
        "artifacts": [],
    }
    for message in messages(path):
        if message.HasField("run"):
            run |= {
                "id": message.run.run_id,
                "group": message.run.run_group,
                "name": message.run.display_name,
                "started": message.run.start_time.ToMicroseconds(),
            }
            run |= {"kind": message.run.job_type, "tags": list(message.run.tags)}
            run["config"] |= {item.key: json.loads(item.value_json) for item in message.run.config.update}
        elif message.HasField("summary"):
            run["summary"] |= {_key(item): json.loads(item.value_json) for item in message.summary.update}
        elif message.HasField("history"):
            row = {_key(item): json.loads(item.value_json) for item in message.history.item}
            run["rows"].append({key: value for key, value in row.items() if not key.startswith("_")})
            run["history"] |= row
        elif message.HasField("metric"):
            run["metrics"][message.metric.name] = message.metric.step_metric
        elif message.HasField("artifact"):
            run["artifacts"].append((message.artifact.type, message.artifact.name))
    return run


def _key(item: Any) -> str:
    return item.key or ".".join(item.nested_key)  # nested keys as dotted ones
