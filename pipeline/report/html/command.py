"""The command that evaluates one point of a report again: the run's words, with the point's values for the sweep."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from typing import Any

from pipeline.planning.seeds import SEED, seeds_of
from pipeline.planning.setting import ALONE, Setting
from pipeline.search.space import is_name

PROGRAM = ("python", "launch.py")
SEEDS = f"+sweep.groups.{ALONE}.grid.{SEED}"  # of conf/sweep/none.yaml, which has one group and no grid
OTHERS = ("job", "sweep", "budget", "timing", "run", "runs")  # keys that say what to do with many settings
BARE = re.compile(r"[A-Za-z_./][\w./:@+-]*", re.ASCII)  # text that Hydra reads as itself
RESERVED = ("null", "true", "false", "nan", "inf", "yes", "no", "on", "off")


def point_words(command: str, setting: Setting) -> list[str]:
    """As shell words, the first of them all those that don't depend on the point's values. `command`: the run's
    (`run.json`); empty for a run that no launch.py has made. With all seeds of a setting that has several.

    With the same conf/ and the same model the words compose to the setting's id. A store that holds the results isn't
    decoded again: what changes is the report.
    """
    words = shlex.split(command)
    if tuple(words[: len(PROGRAM)]) != PROGRAM:
        return []
    own = {key: value for key, value in setting.knobs.items() if is_name(key, value)}
    rest = {key: value for key, value in setting.knobs.items() if key not in own}
    if seeds := seeds_of(setting):
        rest[SEED if len(seeds) == 1 else SEEDS] = seeds[0] if len(seeds) == 1 else seeds
    kept = [word for word in words[len(PROGRAM) :] if not _replaced(word, own, rest)]
    sweep = ["sweep=none"] if any(_group(word) in ("sweep", "experiment") for word in words) else []
    values = [f"{key}={name}" for key, name in own.items()]
    values += [f"{key}={spelled(value)}" for key, value in rest.items()]
    return [shlex.join([*PROGRAM, *kept, *sweep]), *map(shlex.quote, values)]


def spelled(value: Any) -> str:
    """As Hydra reads it back."""
    if value is None or isinstance(value, (bool, int, float)):
        return json.dumps(value)
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{key}:{spelled(own)}" for key, own in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(spelled(own) for own in value) + "]"
    text = str(value)
    if BARE.fullmatch(text) and text.lower() not in RESERVED:
        return text
    escaped = re.sub(r'(\\*)(")', r"\1\1\\\2", text)
    tail = re.search(r"\\*$", escaped)
    return f'"{escaped}{tail[0] if tail else ""}"'


def _replaced(word: str, names: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
    key = _key(word)
    return _group(word) in OTHERS or key in names or key in values


def _group(word: str) -> str:
    return _key(word).split(".")[0]


def _key(word: str) -> str:
    return word.lstrip("+~").partition("=")[0]
