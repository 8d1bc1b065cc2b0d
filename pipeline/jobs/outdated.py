"""Stored records whose rules have other code by now, under the same version: nobody would be told otherwise."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from axon.code_digest import digest
from pipeline.counted import counted
from pipeline.environment import REPOSITORY
from pipeline.evaluation.rule_code import rules_of
from pipeline.planning.setting import Setting

VERSIONS = {
    "decoder": "its version",
    "gate": "AXON_VERSION in axon/identity.py",
    "policy": "AXON_VERSION in axon/identity.py",
    "task": "its version",
}


def outdated(records: pd.DataFrame, settings: Mapping[str, Setting]) -> list[str]:
    """A line for each rule whose code is not what it was when some of these records were made.

    Records older than the column say nothing.
    """
    found: dict[tuple[str, str, str], set[str]] = {}
    told = records[["setting_id", "code"]].dropna().drop_duplicates()
    for sid, code in told.itertuples(index=False):
        then = dict(word.split("=", 1) for word in str(code).split())
        for part, rule in rules_of(settings[sid]).items():
            if then.get(part) not in (None, digest(rule)):
                found.setdefault((part, _name(settings[sid], part), _file(rule)), set()).add(sid)
    return [
        f"Warning: the code of {part} {name} ({file}) has changed since {counted(len(own), 'setting')} "
        f"{'was' if len(own) == 1 else 'were'} evaluated: raise {VERSIONS[part]} to evaluate "
        f"{'it' if len(own) == 1 else 'them'} anew; job=rerun says whether anything differs"
        for (part, name, file), own in found.items()
    ]


def _name(setting: Setting, part: str) -> str:
    axon = setting.decode.axon
    names = {"decoder": setting.decode.decoder.name, "gate": axon.gate, "policy": axon.policy}
    return names.get(part) or setting.task.name


def _file(rule: Any) -> str:
    path = Path(inspect.getsourcefile(rule) or "")
    return str(path.relative_to(REPOSITORY)) if path.is_relative_to(REPOSITORY) else str(path)
