"""The words that jobs on finished runs take, known without what carries them out: errors are told in an instant."""

from __future__ import annotations

ASKED = ("nfe", "against", "format")  # more than a report has by itself
PLACES = ("runs", "under", "store")  # what job=compare compares: one of them
RUN_WORDS = {
    "report": ("run", "out", "wandb", *ASKED),
    "rerun": ("run", "limit", "batch_size", "workers"),
    "compare": (*PLACES, "where", "out", "wandb", *ASKED),
    "list": ("under",),
    "show": ("run", "setting", "settings", "example", "step", "format", "out"),
}
