"""The plan: which settings a job evaluates, in which order. It grows as the sweep's search asks for more.

What is still to do is the plan minus the store.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from axon.decode import check_ends
from axon.identity import decode_identity
from pipeline.checkpoint import Checkpoint, open_checkpoint
from pipeline.config import SETTING_KEYS, Compose, Config, read_config, to_tree
from pipeline.dotted import assign
from pipeline.errors import ConfigError
from pipeline.search import SEARCHES, Candidate, GroupSettings, Outcome, Region, Space
from pipeline.setting import Setting, setting_id
from pipeline.tasks import TaskSettings, open_task

CHOICES = ("model", "task", "decoder", "axon")  # keys whose value may be the name of a config


class Plan:
    """The distinct settings asked for so far, in the order they run: those of one model follow each other."""

    def __init__(self, config: Config, compose: Compose) -> None:
        """Raises ConfigError, one line per fault, for a space that can't be searched."""
        self._base = cache(lambda names: _composed(config, compose, names))
        self._search = SEARCHES[config.sweep.search]
        self.space = _space(config, self._base)
        self.settings: dict[str, Setting] = {}
        self.asked: list[
            tuple[Candidate, str]
        ] = []  # every candidate with its setting's id, equal ones included

    def extend(self, outcomes: Sequence[Outcome]) -> list[Setting]:
        """The distinct new settings that the search asks for next; none where it is done.

        Raises ConfigError, one line per fault, before anything is decoded.
        """
        try:
            candidates = self._search(self.space, outcomes)
        except ValueError as error:
            raise ConfigError([f"sweep: {error}"]) from None
        new: dict[str, Setting] = {}
        faults: dict[str, str] = {}  # line -> with the group where it came up first
        for candidate in candidates:
            try:
                setting = self._setting(candidate)
            except ConfigError as error:
                for line in error.lines:
                    place = f"sweep.groups.{candidate.group}: " if candidate.knobs else ""
                    faults.setdefault(line, f"{place}{line}")
                continue
            self.asked.append((candidate, setting.id))
            if earlier := self.settings.get(setting.id):
                self.settings[setting.id] = _shared(earlier, setting)
            else:
                new[setting.id] = _shared(new[setting.id], setting) if setting.id in new else setting
        if faults:
            raise ConfigError(faults.values())
        models = list(dict.fromkeys(setting.model for setting in new.values()))
        ordered = sorted(new.values(), key=lambda setting: models.index(setting.model))
        self.settings |= {setting.id: setting for setting in ordered}
        return ordered

    def _setting(self, candidate: Candidate) -> Setting:
        names = {key: value for key, value in candidate.knobs.items() if _names(key, value)}
        base = self._base(tuple(names.items()))
        rest = {key: value for key, value in candidate.knobs.items() if key not in names}
        return make_setting(_changed(base, rest), candidate)


def make_setting(config: Config, candidate: Candidate | None = None) -> Setting:
    """The setting of a config's own values. Raises ConfigError where the model doesn't fit them."""
    candidate = candidate or Candidate("setting", {})
    try:
        checkpoint = open_checkpoint(config.model.path, config.model.revision)
        check_ends(config.decode, checkpoint.described.end_token_ids)
        identity = _identity(config, checkpoint)
    except ValueError as error:
        raise ConfigError([str(error)]) from None
    return Setting(
        setting_id(identity),
        identity,
        candidate.group,
        dict(candidate.knobs),
        config.model,
        config.task,
        config.decode,
        config.seed,
        config.trade_off.parameter,
    )


def _shared(first: Setting, equal: Setting) -> Setting:
    """Of two equal settings the first; a knob on which they differ turned nothing, and names nothing."""
    kept = {key: value for key, value in first.knobs.items() if equal.knobs.get(key, first) == value}
    return replace(first, knobs=kept)


def _identity(config: Config, checkpoint: Checkpoint) -> dict[str, Any]:
    """Everything that can move a token or a score, each thing said in one way only."""
    decode = decode_identity(config.decode, checkpoint.described.num_layers)
    draws = config.decode.temperature > 0 or config.decode.decoder.needs_seeds
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
        "seed": config.seed if draws else None,
    }


def _task_identity(settings: TaskSettings) -> dict[str, Any]:
    """Of a benchmark its rows count, not where they were found."""
    task = open_task(settings)
    identity = {"name": task.name, "version": task.version, "split": settings.split, "seed": settings.seed}
    if task.content is None:
        return identity
    return {**identity, "content": task.content, "shots": settings.shots, "shot_style": settings.shot_style}


def _names(key: str, value: Any) -> bool:
    return key in CHOICES and isinstance(value, str)


def _space(config: Config, base: Any) -> Space:
    """The regions of the sweep's groups, one for each combination of named choices, which bring their own values."""
    return tuple(
        region
        for name, group in config.sweep.groups.items()
        for region in _regions(config, name, group, base)
    )


def _regions(config: Config, name: str, group: GroupSettings, base: Any) -> Iterator[Region]:
    named = {
        key: dimension
        for key, dimension in group.grid.items()
        if isinstance(dimension, tuple) and all(_names(key, value) for value in dimension)
    }
    for values in itertools.product(*named.values()):
        fixed = {**group.set, **dict(zip(named, values, strict=True))}
        grid = {key: dimension for key, dimension in group.grid.items() if key not in named}
        chosen = base(tuple((key, value) for key, value in fixed.items() if _names(key, value)))
        if config.sweep.along_trade_off and chosen.trade_off.parameter:
            grid.setdefault(chosen.trade_off.parameter, chosen.trade_off.values)
        yield Region(name, fixed, grid, group.when)


def _composed(config: Config, compose: Compose, names: Sequence[tuple[str, str]]) -> Config:
    return read_config(compose(dict(names))) if names else config


def _changed(config: Config, knobs: Mapping[str, Any]) -> Config:
    """The config with dotted keys set. Only what a setting is made of can be turned."""
    if not knobs:
        return config
    tree = to_tree(config)
    for key, value in knobs.items():
        if key.split(".")[0] not in SETTING_KEYS:
            raise ConfigError([f"{key}: can't be swept; a sweep turns keys of {', '.join(SETTING_KEYS)}"])
        try:
            assign(tree, key, copy.deepcopy(value))
        except KeyError:
            raise ConfigError([f"{key}: unknown key"]) from None
    return read_config(tree)
