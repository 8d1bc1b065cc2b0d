"""A job: what one command is about, where its results are, and what of them is still lacking."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from pipeline.config import DECODE_KEYS, Config, to_tree
from pipeline.plan import Plan
from pipeline.search import Range, Space
from pipeline.setting import setting_id
from pipeline.store import Contents, Span, Store, missing
from pipeline.tasks import open_task


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


def reachable(config: Config, plan: Plan) -> int:
    """`limit`, or all the examples there are, should they be fewer."""
    sizes = (open_task(setting.task).size for setting in plan.settings.values())
    return min([config.limit, *(size for size in sizes if size is not None)])


def pending_slices(job: Job, contents: Contents) -> dict[str, list[Span]]:
    """The plan minus the store: the slices each unfinished setting lacks."""
    lacking = {
        sid: missing(contents.covered[sid], job.config.limit, job.config.slice_size)
        for sid in job.plan.settings
    }
    return {sid: slices for sid, slices in lacking.items() if slices}


def incomplete(job: Job, contents: Contents, failures: Mapping[str, str]) -> dict[str, str]:
    """After a run: the settings that lack examples all the same, each with how many and why, in a line."""
    found = {}
    for sid, slices in pending_slices(job, contents).items():
        lacking = sum(stop - start for start, stop in slices)
        unread = next((line for line in contents.damaged if f"/{sid}/" in line), None)
        why = failures.get(sid) or unread or f"not in {job.store.root}, though it was written there"
        found[sid] = f"lacks {lacking} of {job.config.limit} examples: {why}"
    return found


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
