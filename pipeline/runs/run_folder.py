"""The folder of a run: its name, and the run.json in it, which is written whenever the run changes."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any

from pipeline.errors import reason
from pipeline.inputs.config import DECODE_KEYS, Config, to_tree
from pipeline.planning.pending import sizes
from pipeline.planning.plan import Plan
from pipeline.planning.setting import setting_id
from pipeline.runs.at_work import locked
from pipeline.runs.run import TEMPORARY, Run, Status, write_run
from pipeline.search import OPTUNA, Range, Space
from pipeline.stop import Terminated
from pipeline.storage.leftovers import remove_leftovers

LONGEST = 100  # letters of a folder's name before its ending: file systems allow 255 bytes in all
NAMED = 3  # of the tasks, decoders or models of a run: more are counted
UNASKED = ("device", "family")  # keys of a model that change nothing of what is asked


class RunFolder:
    """A run in progress. Every change is written to run.json; raises OSError if it can't be.

    `writes`: False for a job that only reads results, and leaves the run.json of the run alone.
    """

    def __init__(self, path: Path, run: Run, writes: bool = True) -> None:
        self.path, self.run = path, run
        self._writes = writes
        self._lock = Lock()  # a search may ask for more in Ray Tune's thread
        path.mkdir(parents=True, exist_ok=True)
        self._at_work = locked(path) if writes else None
        if writes:
            remove_leftovers(path, TEMPORARY)
        self._change()

    def grow(self, plan: Plan) -> None:
        """The plan's settings so far."""
        self._change(**asked_for(plan, self.run.limit))

    def end(self, status: Status, failures: Mapping[str, str], error: str | None = None) -> None:
        self._change(status=status, failures=dict(failures), error=error, **_until_now(self.run))
        if self._at_work is not None:
            os.close(self._at_work)
            self._at_work = None

    def keep_cost(self, cost: str | None) -> None:
        """What a search took beside the grid, in a sentence: for reports that are drawn again."""
        self._change(cost=cost)

    @contextmanager
    def ended_early(self) -> Iterator[None]:
        """Notes in run.json whatever ends the command early, and passes it on."""
        try:
            yield
        except BaseException as error:
            with suppress(OSError):  # a full disk is told by the error itself
                if isinstance(error, KeyboardInterrupt):
                    self.end("stopped", {}, str(error) if isinstance(error, Terminated) else "Ctrl-C")
                else:
                    self.end("failed", {}, reason(error))
            raise

    def _change(self, **changes: Any) -> None:
        with self._lock:
            self.run = replace(self.run, **changes)
            if self._writes:
                write_run(self.path, self.run)


def asked_for(plan: Plan, limit: int) -> dict[str, Any]:
    """The fields of a run that change when its plan grows."""
    return {
        "settings": tuple(plan.settings.values()),
        "asked": len(plan.asked),
        "examples": sizes(plan, limit),
        "stopped": dict(plan.stopped),
    }


def _until_now(run: Run) -> dict[str, Any]:
    """The end of a command that has none yet."""
    if run.finished is not None:
        return {}
    now = datetime.now(UTC)
    return {"finished": now, "seconds": round((now - run.started).total_seconds(), 3)}


def folder_of(config: Config, plan: Plan) -> Path:
    """The folder of a run. Its name is readable, and the same whenever the same is asked for: a command run again
    finds its folder again. `plan`: after its search was asked once, which does not depend on the store.
    """
    limit = most_examples(config, plan)
    tree = to_tree(config)
    asked = {key: tree[key] for key in ("model", "task", *DECODE_KEYS, "seed")}
    asked["model"] = {key: value for key, value in asked["model"].items() if key not in UNASKED}
    regions = [list(region.values()) for region in plain_space(plan.space)]
    content = {**asked, "limit": limit, "search": config.sweep.search, "space": regions}
    if config.sweep.stop is not None:
        content["stop"] = vars(config.sweep.stop)
    if config.sweep.search == OPTUNA:
        content["optuna"] = vars(config.sweep.optuna)
    if config.recipe is not None:  # its run.json says what was expected
        content["recipe"] = config.recipe.name
    kept, ending = Path(config.out) / config.sweep.name, f"-{limit}-{setting_id(content)[:6]}"
    about = ["+".join(re.sub(r"[^A-Za-z0-9._]+", "_", name) for name in own) for own in subjects(plan)]
    own = kept / ("-".join(about)[:LONGEST] + ending)
    # Earlier versions called a sweep over several of them by one alone.
    return own if own.is_dir() else next(iter(sorted(kept.glob(f"*{ending}"))), own)


def subjects(plan: Plan) -> list[list[str]]:
    """The tasks, decoders and models that a plan is about, by name; of more than NAMED how many there are."""
    settings = plan.settings.values()
    kinds = {
        "tasks": [own.task.name for own in settings],
        "decoders": [str(own.decode.decoder.name) for own in settings],
        "models": [own.model_name for own in settings],
    }
    distinct = {kind: list(dict.fromkeys(names)) for kind, names in kinds.items()}
    return [own if len(own) <= NAMED else [f"{len(own)} {kind}"] for kind, own in distinct.items()]


def most_examples(config: Config, plan: Plan) -> int:
    """`limit`, or the examples of the largest task, should they be fewer."""
    return max(sizes(plan, config.limit).values())


def plain_space(space: Space) -> list[dict[str, Any]]:
    """The regions as JSON can hold them."""
    return [{key: _plain(value) for key, value in vars(region).items()} for region in space]


def _plain(part: Any) -> Any:
    if isinstance(part, Mapping):
        return {key: _plain(value) for key, value in part.items()}
    if isinstance(part, (list, tuple)):
        return [_plain(value) for value in part]
    return vars(part) if isinstance(part, Range) else part
