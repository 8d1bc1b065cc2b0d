"""Looks up models and rows on the hub of HF_ENDPOINT: `python hub_client.py '{NAME: [KIND, ARGUMENTS...], ...}'`.

The hub's client reads its environment when it is imported, hence a process of its own. What each look-up came to, or
its error's type and message, is printed as JSON.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from pipeline.checkpoints.checkpoint import open_checkpoint
from pipeline.checkpoints.loadable import check_loads
from pipeline.inputs.config import ModelSettings
from pipeline.tasks import TaskSettings, open_task, read_task


def model(path: str, revision: str | None = None, token: str = "") -> Any:
    """The hash of its content."""
    os.environ["HF_TOKEN"] = token  # read at every request
    open_checkpoint.cache_clear()
    content = open_checkpoint(path, revision).content
    check_loads(ModelSettings(path, revision, "float32", "sdpa", "cpu", "raw"))
    return content


def rows(name: str, revision: str | None = None, shots: int = 0) -> Any:
    """The prompts."""
    read_task.cache_clear()
    task = open_task(TaskSettings(name, "test", 0, revision=revision, shots=shots))
    return [example.text for example in task.examples("test", 0, 100)]


def look_up(kind: str, *arguments: Any) -> Any:
    try:
        return {"model": model, "rows": rows}[kind](*arguments)
    except Exception as error:
        return {"error": type(error).__name__, "line": str(error)}


print(json.dumps({name: look_up(*asked) for name, asked in json.loads(sys.argv[1]).items()}))
