"""The plan: which settings a job evaluates, in which order. It grows as the sweep's search asks for more.

What is still to do is the plan minus the store.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from axon.identity import decode_identity
from axon.settings import check_cache, check_ends, check_shadow
from pipeline.checkpoints.checkpoint import Checkpoint, open_model, says_itself
from pipeline.checkpoints.outline import Outline
from pipeline.checkpoints.prompt import form_of, reads_template
from pipeline.errors import ConfigError, one_of
from pipeline.inputs.config import (
    SETTING_KEYS,
    Compose,
    Config,
    PromptStyle,
    SweepSettings,
    read_config,
    to_tree,
)
from pipeline.inputs.dotted import assign, flatten
from pipeline.planning.line import Lines
from pipeline.planning.regions import Base, Names, Open, Walk, names_of, placed, space_of
from pipeline.planning.setting import ALONE, Setting, Stop, setting_id
from pipeline.search import (
    ASK_ONCE,
    OPTUNA,
    SEARCHES,
    Ask,
    Candidate,
    GroupSettings,
    Outcome,
    Region,
    is_name,
)
from pipeline.search.optuna_search import optuna_search
from pipeline.search.over_seeds import over_seeds
from pipeline.tasks import TaskSettings, open_task

NO_SWEEP = SweepSettings("none", "grid", along_trade_off=False, groups={ALONE: GroupSettings()})


class Plan:
    """The distinct settings asked for so far, in the order they run: those of one model follow each other."""

    def __init__(self, config: Config, compose: Compose, open_: Open = open_model, walk: Walk = iter) -> None:
        """Raises ConfigError, one line per fault, for a space that can't be searched, and for models and tasks chosen
        by name that aren't there. `walk` is over the combinations of names.
        """
        self._open = open_
        self._base: Base = cache(lambda names: _composed(config, compose, names))
        # A setting is made of a few keys. A sweep of many values, read again with each of them, would take n squared.
        self._bare: Base = cache(lambda names: replace(self._base(names), sweep=NO_SWEEP, recipe=None))
        self._search = _search(config, self._base)
        self.space = space_of(config, self._base, open_, walk)
        self._against, self._groups = config.sweep.against, list(config.sweep.groups)
        self.settings: dict[str, Setting] = {}
        self.neighbours = Lines(self.settings).neighbours
        self.asks: list[list[str]] = []  # the new settings of each time that the search was asked, by id
        self.stopped: dict[str, Stop] = {}  # by id; the others are to be evaluated on all examples
        self.asked: list[
            tuple[Candidate, str]
        ] = []  # all candidates, equal ones too, with their settings' ids

    def extend(self, outcomes: Sequence[Outcome], walk: Walk = iter) -> list[Setting]:
        """The distinct new settings that the search asks for next; none when it is done, or what it asks for is there.

        `walk` is over the candidates. Raises ConfigError, one line per fault, before anything is decoded.
        """
        try:
            candidates = self._search(self.space, outcomes)
        except ValueError as error:
            raise ConfigError([f"sweep: {error}"]) from None
        new: dict[str, Setting] = {}
        faults: dict[str, str] = {}  # line -> with the group where it came up first
        for candidate in walk(candidates):
            try:
                setting = self.setting(candidate)
            except ConfigError as error:
                for line in error.lines:
                    faults.setdefault(line, placed(candidate.group, line) if candidate.knobs else line)
                continue
            self.asked.append((candidate, setting.id))
            if earlier := self.settings.get(setting.id):
                self.settings[setting.id] = _shared(earlier, setting)
            else:
                new[setting.id] = _shared(new[setting.id], setting) if setting.id in new else setting
        if faults:
            raise ConfigError(faults.values())
        # The model that was asked for last comes first: a worker has it loaded.
        models = list(dict.fromkeys(s.model for s in [*list(self.settings.values())[-1:], *new.values()]))
        ordered = sorted(new.values(), key=lambda setting: models.index(setting.model))
        self.settings |= {setting.id: setting for setting in ordered}
        self.asks.append([setting.id for setting in ordered])
        self._check_against()
        return ordered

    def _check_against(self) -> None:
        """Raises ConfigError for a front to compare with that the sweep doesn't have: every decoder is asked for at
        first."""
        decoders = {sid: setting.decode.decoder.name for sid, setting in self.settings.items()}
        fronts = dict.fromkeys(f"{candidate.group} ({decoders[sid]})" for candidate, sid in self.asked)
        if self._against not in (None, *self._groups, *fronts):
            known = one_of([*self._groups, *fronts])
            raise ConfigError([f"sweep.against={self._against!r}: no front of the sweep; {known}"])

    def setting(self, candidate: Candidate) -> Setting:
        """The setting of a candidate, whether it was asked for or not. Raises ConfigError if it can't be evaluated."""
        rest = {key: value for key, value in candidate.knobs.items() if not is_name(key, value)}
        return make_setting(_changed(self._bare(names_of(candidate.knobs)), rest), candidate, self._open)


def _search(config: Config, base: Base) -> Ask:
    """Raises ConfigError for a search whose package is not installed."""
    if config.sweep.search in ASK_ONCE:
        return SEARCHES[config.sweep.search]
    if config.sweep.search != OPTUNA:
        return over_seeds(SEARCHES[config.sweep.search])

    def defaults(region: Region) -> Mapping[str, Any]:
        return {**flatten(to_tree(base(names_of(region.fixed)))), **region.fixed}

    try:
        return over_seeds(optuna_search(config.sweep.optuna.sampler, config.sweep.optuna.trials, defaults))
    except ValueError as error:
        raise ConfigError([f"sweep.{error}"]) from None


def make_setting(config: Config, candidate: Candidate | None = None, open_: Open = open_model) -> Setting:
    """The setting of a config's own values. Raises ConfigError if they don't fit the model."""
    candidate = candidate or Candidate(ALONE, {})
    try:
        checkpoint = open_(config.model)
        decode = config.decode.for_model(checkpoint.described.block_size)
        config = replace(config, decode=decode)
        check_cache(decode, bool(checkpoint.described.family.block_causal))
        check_shadow(decode, checkpoint.described.family.shift > 0)
        check_ends(decode, checkpoint.described.eos_token_ids, checkpoint.described.end_token_ids)
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
    """The first of two equal settings, without the knobs on which they differ: those have no effect here."""
    kept = {key: value for key, value in first.knobs.items() if equal.knobs.get(key, first) == value}
    return replace(first, knobs=kept)


def _identity(config: Config, checkpoint: Checkpoint | Outline) -> dict[str, Any]:
    """Everything that can change a token or a score, with one spelling for each value."""
    decode = decode_identity(config.decode, checkpoint.described.num_layers)
    draws = config.decode.temperature > 0 or config.decode.decoder.needs_seeds
    return {
        "model": {
            "content": checkpoint.content,
            "dtype": config.model.dtype,
            "attention_kernel": config.model.attention_kernel,
            "prompt": config.model.prompt,
            **({"template": dict(config.model.template)} if reads_template(config.model) else {}),
            # Fused kernels round in another order than those they replace, so that a token can differ.
            **({"compile": True} if config.model.compile else {}),
            **_overridden(config, checkpoint),
        },
        "task": task_identity(config.task, config.model.prompt),
        **decode,
        "versions": {**decode["versions"], "model": checkpoint.described.family.version},
        "seed": config.seed if draws else None,
    }


def _overridden(config: Config, checkpoint: Checkpoint | Outline) -> dict[str, Any]:
    """What the user says in place of the checkpoint's files, which are in the content's hash.

    Not what they say themselves: with and without it the model is one.
    """
    model, described = config.model, checkpoint.described
    given = {
        "mask_token_id": model.mask_token_id,
        "end_tokens": model.end_tokens and list(described.end_token_ids),
        "attention": model.attention,
    }
    return {
        key: value
        for key, value in given.items()
        if value is not None and not says_itself(checkpoint.folder, model.overrides, key)
    }


def task_identity(settings: TaskSettings, prompt: PromptStyle) -> dict[str, Any]:
    """A benchmark is identified by its rows, wherever they were found; the form counts where it is not the default."""
    task = open_task(settings)
    identity = {"name": task.name, "version": task.version, "split": settings.split, "seed": settings.seed}
    if (form := form_of(settings, prompt)) != form_of(replace(settings, form=None), prompt):
        identity["form"] = form
    if task.content is None:
        return identity
    identity |= {"content": task.content, "shots": settings.shots, "shot_style": settings.shot_style}
    if settings.shots and settings.shot_draw != "same":
        identity["shot_draw"] = settings.shot_draw
    return identity


def _composed(config: Config, compose: Compose, names: Names) -> Config:
    if not names:
        return config
    chosen = dict(sorted(names))
    tree = compose(chosen)
    try:
        return read_config(tree)
    except ConfigError as error:
        words = " ".join(f"{key}={name}" for key, name in chosen.items())
        raise ConfigError([f"{words}: {line}" for line in error.lines]) from None


def _changed(config: Config, knobs: Mapping[str, Any]) -> Config:
    """The config with dotted keys set: those that a setting is made of."""
    if not knobs:
        return config
    tree = to_tree(config)
    for key, value in knobs.items():
        if key.split(".")[0] not in SETTING_KEYS:
            raise ConfigError([f"{key}: can't be swept; a sweep varies keys of {', '.join(SETTING_KEYS)}"])
        try:
            assign(tree, key, copy.deepcopy(value))
        except KeyError:
            raise ConfigError([f"{key}: unknown key"]) from None
    return read_config(tree)
