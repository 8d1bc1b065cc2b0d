"""What a sweep's earlier commands could not score is scored again before it goes on, and the user is told."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from rich.console import Console

from pipeline.counted import counted
from pipeline.importing import importing_models
from pipeline.inputs.config import Config
from pipeline.jobs.console import say
from pipeline.planning.setting import Setting
from pipeline.storage.store import Contents, Store


class Again:
    """Tries once in a command, setting by setting as the plan comes to know of them."""

    def __init__(self, config: Config, store: Store, console: Console) -> None:
        self._store, self._console, self._require = store, console, config.sandbox.require
        self._tried: set[str] = set()

    def scores(self, settings: Mapping[str, Setting], contents: Contents) -> bool:
        """Whether any answer has got its score. `contents`: as of `Store.outcomes`."""
        lacking = without_score(contents.records)
        new = [setting for sid, setting in settings.items() if sid in lacking and sid not in self._tried]
        if not new:
            return False
        self._tried.update(setting.id for setting in new)
        with importing_models():  # torch takes seconds
            from pipeline.evaluation.score_again import ScoredAgain

        done = ScoredAgain(self._store, self._require)
        with self._console.status("scoring again what could not be scored"):
            done.settle(new, lacking, contents.covered)
        if done.answers:
            line = f"{counted(done.answers, 'answer')} that could not be scored before: scored again"
            say(self._console, f"{line}, and {done.scored:,} of them could be")
        for fault in done.faults:
            say(self._console, f"answers without a score stay so: {fault}")
        return done.scored > 0


def without_score(records: pd.DataFrame) -> dict[str, set[int]]:
    """By setting, the positions of what was decoded and not scored. `records`: as of `Store.outcomes`."""
    found = records[records["score"].isna() & records["nfe"].notna()]
    return {str(sid): set(own) for sid, own in found.groupby("setting_id", observed=True)["position"]}
