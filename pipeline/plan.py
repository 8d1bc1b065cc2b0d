"""The plan: which settings a job evaluates, under which ids, and on which examples.

A setting is everything that can move a token or a score. Its id is a hash of its identity, so equal settings are
equal files whatever sweep asked for them. What is still to do is the plan minus the store.
"""

from __future__ import annotations

import copy
import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from axon import DecodeSettings
from axon.identity import decode_identity
from axon.settings import check_ends
from pipeline.checkpoint import Checkpoint, open_checkpoint
from pipeline.config import SETTING_KEYS, Config, Group, ModelSettings, read_config, to_tree
from pipeline.errors import ConfigError
from pipeline.tasks import TaskSettings, open_task

EXAMPLE_KEYS = ("name", "split", "seed", "path", "revision")  # of task: what says which examples there are


@dataclass(frozen=True)
class Label:
    """What a setting is called in a sweep: its group, and the knobs that were turned (dotted key -> value)."""

    group: str
    knobs: dict[str, Any]

    def __str__(self) -> str:
        turned = " ".join(f"{key.rpartition('.')[2]}={value}" for key, value in self.knobs.items())
        return f"{self.group} {turned}".strip()


@dataclass(frozen=True)
class Setting:
    """What a worker needs to evaluate examples, and what the results are filed under."""

    id: str
    identity: dict[str, Any]
    model: ModelSettings
    task: TaskSettings
    decode: DecodeSettings
    seed: int


@dataclass(frozen=True)
class Plan:
    """Distinct settings in the order they run, and what each is called."""

    settings: dict[str, Setting]
    labels: dict[str, Label]
    asked: int  # before equal settings collapsed


def make_plan(config: Config) -> Plan:
    """All settings of the config's sweep. Raises ConfigError, a line per fault, before anything is decoded."""
    settings: dict[str, Setting] = {}
    labels: dict[str, Label] = {}
    faults: dict[str, str] = {}  # line -> the group where it came up first
    asked = 0
    for place, label in _variants(config):
        asked += 1
        try:
            changed = _changed(config, label.knobs)
            _check_examples(config, changed)
            setting = make_setting(changed)
        except ConfigError as error:
            for line in error.lines:
                faults.setdefault(line, f"{place}: {line}" if label.knobs else line)
            continue
        settings.setdefault(setting.id, setting)
        labels[setting.id] = _shared(labels[setting.id], label) if setting.id in labels else label
    if faults:
        raise ConfigError(faults.values())
    return Plan(settings, labels, asked)


def _check_examples(config: Config, changed: Config) -> None:
    """Raises ConfigError where a setting of the sweep has other examples: a report compares on the same ones."""
    for key in EXAMPLE_KEYS:
        if getattr(changed.task, key) != getattr(config.task, key):
            line = f"task.{key}: can't be swept, since settings are compared on the same examples; "
            raise ConfigError([f"{line}run a sweep for each, with task.{key}=... on the command line"])


def _shared(first: Label, equal: Label) -> Label:
    """The name of two equal settings: a knob on which they differ turned nothing, and names nothing."""
    knobs = {
        key: value for key, value in first.knobs.items() if key in equal.knobs and equal.knobs[key] == value
    }
    return Label(first.group, knobs)


def make_setting(config: Config) -> Setting:
    """The setting of a config's own values. Raises ConfigError where the model doesn't fit them."""
    try:
        checkpoint = open_checkpoint(config.model.path, config.model.revision)
        check_ends(config.decode_settings(), checkpoint.described.end_token_ids)
        identity = _identity(config, checkpoint)
    except ValueError as error:
        raise ConfigError([str(error)]) from None
    return Setting(
        setting_id(identity), identity, config.model, config.task, config.decode_settings(), config.seed
    )


def setting_id(identity: Mapping[str, Any]) -> str:
    """16 hex digits: a hash of the identity's canonical JSON."""
    text = json.dumps(identity, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _identity(config: Config, checkpoint: Checkpoint) -> dict[str, Any]:
    """Everything that can move a token or a score, each thing said in one way only."""
    decode = decode_identity(config.decode_settings(), checkpoint.described.num_layers)
    return {
        "model": {
            "content": checkpoint.content,
            "dtype": config.model.dtype,
            "attention_kernel": config.model.attention_kernel,
            "prompt": config.model.prompt,
        },
        "task": _task_identity(config.task),
        **decode,
        "versions": {**decode["versions"], "model": checkpoint.described.family.version},
        "seed": config.seed if config.temperature > 0 or config.decoder.needs_seeds else None,
    }


def _task_identity(settings: TaskSettings) -> dict[str, Any]:
    """Of a benchmark its rows count, not where they were found."""
    task = open_task(settings)
    identity = {"name": task.name, "version": task.version, "split": settings.split, "seed": settings.seed}
    if task.content is None:
        return identity
    return {**identity, "content": task.content, "shots": settings.shots, "shot_style": settings.shot_style}


def _variants(config: Config) -> Iterator[tuple[str, Label]]:
    """Per setting of the sweep the group's place (for messages) and its label, whose knobs are all that differs."""
    for number, group in enumerate(config.sweep.groups):
        place = f"sweep.groups[{number}]"
        for knobs in _grid(config, group):
            yield place, Label(group.label, {**group.set, **knobs})


def _grid(config: Config, group: Group) -> Iterator[dict[str, Any]]:
    grid = dict(group.grid)
    if config.sweep.along_trade_off and config.trade_off.parameter:
        grid.setdefault(config.trade_off.parameter, config.trade_off.values)
    for values in itertools.product(*grid.values()):
        yield dict(zip(grid, values, strict=True))


def _changed(config: Config, knobs: Mapping[str, Any]) -> Config:
    """The config with dotted keys set. Only what a setting is made of can be turned."""
    tree = to_tree(config)
    for key, value in knobs.items():
        *parents, leaf = key.split(".")
        owner: Any = tree
        if key.split(".")[0] not in SETTING_KEYS:
            raise ConfigError([f"{key}: can't be swept; a sweep turns keys of {', '.join(SETTING_KEYS)}"])
        for parent in parents:
            owner = owner.get(parent) if isinstance(owner, dict) else None
        if not isinstance(owner, dict):
            raise ConfigError([f"{key}: unknown key"])
        # A decoder's name alone stands for the decoder with its defaults, as `decoder=` does on the command line.
        by_name = key == "decoder" and isinstance(value, str)
        owner[leaf] = {"name": value} if by_name else copy.deepcopy(value)
    return read_config(tree)
