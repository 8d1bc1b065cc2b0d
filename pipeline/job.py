"""A job: what one command is about, where its results are, and what of them is still lacking."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from pipeline.config import DECODE_KEYS, Config, to_tree
from pipeline.pending import pending_slices, reachable
from pipeline.plan import Plan
from pipeline.search import Range, Space
from pipeline.setting import setting_id
from pipeline.store import Contents, Span, Store


@dataclass(frozen=True)
class Job:
    """What one command is about."""

    config: Config
    plan: Plan
    store: Store
    folder: Path
    command: str  # what the user typed, to be typed again

    @property
    def title(self) -> str:
        c = self.config
        return f"{c.sweep.name} · {c.task.name} · {c.decode.decoder.name} · {model_name(c)}"


def limit_of(config: Config, plan: Plan) -> int:
    """`limit`, or the examples of the smallest task, should they be fewer."""
    return min([config.limit, *(reachable(setting, config.limit) for setting in plan.settings.values())])


def lacking(job: Job, contents: Contents) -> dict[str, list[Span]]:
    """The plan minus the store."""
    settings = job.plan.settings.values()
    return pending_slices(settings, contents, job.config.limit, job.config.slice_size)


def model_name(config: Config) -> str:
    return config.model.path.rstrip("/").rsplit("/", 1)[-1]


def folder_name(config: Config, space: Space) -> str:
    """Readable, and the same whenever the same thing is asked for: so running again finds its folder again."""
    words = [config.task.name, config.decode.decoder.name, model_name(config), str(config.limit)]
    plain = [re.sub(r"[^A-Za-z0-9._]+", "_", word) for word in words]
    tree = to_tree(config)
    asked = {key: tree[key] for key in ("model", "task", *DECODE_KEYS, "seed", "limit")}
    asked["model"] = {key: value for key, value in asked["model"].items() if key != "device"}
    regions = [
        [region.group, _plain(region.fixed), _plain(region.grid), _plain(region.when)] for region in space
    ]
    return "-".join([*plain, setting_id({**asked, "search": config.sweep.search, "space": regions})[:6]])


def _plain(part: Any) -> Any:
    """As JSON can hold it."""
    if isinstance(part, Mapping):
        return {key: _plain(value) for key, value in part.items()}
    if isinstance(part, (list, tuple)):
        return [_plain(value) for value in part]
    return vars(part) if isinstance(part, Range) else part


def say(console: Console, text: str) -> None:
    console.print(text, highlight=False, markup=False, soft_wrap=True)
