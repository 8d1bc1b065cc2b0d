"""job=plan: what a job would take, before any weights are read: settings, passes, FLOPs, GPU hours, memory.

Each line says how it was found: counted, measured in the store, published, or estimated under an assumption.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd
from rich.console import Console

from axon.models.family import Family
from axon.row_memory import ON_PROCESSOR, Part
from pipeline.checkpoints.cost_estimate import MEASURED, SHARE, Network, gpu_hours, most_passes
from pipeline.checkpoints.outline import Outline, open_outline
from pipeline.counted import counted
from pipeline.errors import ConfigError, reason
from pipeline.inputs.block_size import unlike_training
from pipeline.inputs.config import Compose, Config, ModelSettings
from pipeline.inputs.mask_token import unlike_files
from pipeline.inputs.recipe import RecipeSettings
from pipeline.inputs.silent_gate import never_fires
from pipeline.inputs.unknown_text import unknown_texts
from pipeline.jobs.console import say
from pipeline.jobs.display import clock
from pipeline.jobs.plan_prompts import SAMPLED, Prompts, count_prompts
from pipeline.jobs.reading import reading
from pipeline.planning.line import Lines
from pipeline.planning.pending import reachable
from pipeline.planning.plan import Plan
from pipeline.planning.seeds import SEED
from pipeline.planning.setting import Setting, model_name
from pipeline.report.words.percent import percent
from pipeline.runs.opening import title_of
from pipeline.search import ASK_ONCE, OPTUNA
from pipeline.search.grid import ask_grid
from pipeline.search.over_seeds import seeds_by_group
from pipeline.stop import DONE
from pipeline.storage.store import Contents, Store
from pipeline.tasks import TaskSettings
from pipeline.workers.capacity import unsplit

GIB = 2**30
REPEATS = "; each setting is counted whole, but what repeats a neighbour's decode is not decoded again"

MOST = "at most: every pass reveals one token"
MOST_STEPS = "at most: the steps that the decoder has for it"
MOST_REVISING = "at most, with tokens that the decoder takes back"


@dataclass(frozen=True)
class Work:
    """What one setting still has to do. `source`: where the passes of an example are from, unless the store has any."""

    setting: Setting
    examples: int
    stored: int
    passes: float  # of an example
    source: str
    seconds: float | None = None  # of an example, as the store measured them
    measured: int = 0  # examples in the store that say so

    @property
    def left(self) -> int:
        return self.examples - self.stored


def plan_job(config: Config, compose: Compose, console: Console) -> int:
    """Prints the plan; returns the exit code. Raises ConfigError for what could not be run either."""
    with reading(console, "reading the task and the model's description") as walk:
        plan = Plan(config, compose, open_outline, walk)
        plan.extend((), walk)
        settings = list(plan.settings.values())
        outlines = {setting.model: open_outline(setting.model) for setting in settings}
        contents = _stored(config, outlines, settings)
        stored = _by_setting(contents.records) if contents is not None else {}
        networks = {model: Network(outline.described) for model, outline in outlines.items()}
        # To make prompts takes a while.
        one_of_each = {(setting.model, setting.task): setting for setting in settings}
        prompts = {
            of: count_prompts(setting, outlines[setting.model], config.limit)
            for of, setting in one_of_each.items()
        }
        works = [
            _work(
                setting,
                config,
                stored.get(setting.id),
                prompts[setting.model, setting.task],
                outlines[setting.model].described.family,
            )
            for setting in settings
        ]
    lines = _lines(config, plan, works, networks, prompts, contents is not None)
    told = [
        *unsplit(config.cluster, outlines),
        *unlike_training(settings, open_outline),
        *unlike_files(settings, open_outline),
        *never_fires(settings),
    ]
    for line in [*lines, *told, *unknown_texts(settings, min(SAMPLED, config.limit), open_outline)]:
        say(console, line)
    return DONE


def _stored(
    config: Config, outlines: Mapping[ModelSettings, Outline], settings: Sequence[Setting]
) -> Contents | None:
    """What the store has; None where the settings can't be looked up in it."""
    if not all(outline.identified for outline in outlines.values()):
        return None
    try:
        return Store(config.store).outcomes([setting.id for setting in settings], config.limit)
    except ConfigError:
        raise
    except Exception as error:  # the client of every service has errors of its own
        raise ConfigError(
            [f"store={config.store}: can't be read ({reason(error)}); check your access"]
        ) from None


def _by_setting(records: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Grouped once: to look for the records of one of n settings takes n steps."""
    return {str(sid): rows for sid, rows in records.groupby("setting_id", sort=False, observed=True)}


def _work(
    setting: Setting, config: Config, rows: pd.DataFrame | None, prompts: Prompts, family: Family
) -> Work:
    """`rows`: its records in the store; None where there are none, or it can't be looked up.

    By the store's measurements of this setting, else the recipe's published figure, else the most there can be.
    """
    work = Work(
        setting,
        reachable(setting, config.limit),
        stored=0,
        passes=float(most := most_passes(setting.decode, prompts.most, family)),
        source=_bound(setting, most),
    )
    if config.recipe is not None and (published := _published(config.recipe, setting)) is not None:
        work = replace(work, passes=published, source="published by the recipe's source")
    if rows is None:
        return work
    measured = rows[rows["nfe"].notna()]
    if measured.empty:
        return replace(work, stored=len(rows))
    seconds = measured["seconds"].dropna()  # repeats of other settings' decodes took none
    return replace(
        work,
        stored=len(rows),
        passes=float(measured["nfe"].mean()),
        seconds=None if seconds.empty else float(seconds.mean()),
        measured=len(measured),
    )


def _bound(setting: Setting, most: int) -> str:
    """What so many passes go by (`most_passes`)."""
    if setting.decode.decoder.revises:
        return MOST_REVISING
    return MOST if most >= setting.decode.gen_length else MOST_STEPS


def _published(recipe: RecipeSettings, setting: Setting) -> float | None:
    """Passes of an example. Only the setting without knobs is the recipe's.

    Tokens per pass tell them only where all of the canvas is decoded.
    """
    expected, decode = recipe.expected, setting.decode
    if setting.knobs or expected.nfe is not None or expected.tpf is None:
        return None if setting.knobs else expected.nfe
    whole = expected.tpf_counts == "canvas" and decode.end_of_text != "stop_at_eos"
    return decode.gen_length / expected.tpf if whole else None


def _lines(
    config: Config,
    plan: Plan,
    works: Sequence[Work],
    networks: Mapping[ModelSettings, Network],
    prompts: Mapping[tuple[ModelSettings, TaskSettings], Prompts],
    looked: bool,
) -> list[str]:
    examples = sum(work.examples for work in works)
    stored = (
        f"{sum(work.stored for work in works):,} of them stored already"
        if looked
        else "the store is not looked at: a setting's id needs a hash of the weights, which aren't here or are many"
    )
    lines = [
        title_of(config, plan),
        f"settings   {len(works):,}, {counted(examples, 'example')} to decode in all; {stored}",
    ]
    lines += _seeds(plan)
    if config.sweep.search not in ASK_ONCE:
        lines.append(f"search     {_later(config, plan, works)}")
    lines += [
        f"prompts    {task.name}{f' for {model_name(model)}' * (len(networks) > 1)}: {lengths}"
        for (model, task), lengths in prompts.items()
    ]
    passes = sum(work.left * work.passes for work in works)
    told = f"passes     {passes:,.0f}, a batch of rows counted row by row ({_sources(works)})"
    lines.append(f"{told}{REPEATS if _may_repeat(plan) else ''}")
    flops = sum(
        work.left
        * networks[work.setting.model].flops(
            work.setting.decode, prompts[work.setting.model, work.setting.task].mean, work.passes
        )
        for work in works
    )
    lines.append(f"FLOPs      {flops:.2e} (from the shapes in config.json, prompts of the mean length)")
    lines += [f"time       {text}" for text in _times(works, flops)]
    return [*lines, *_memory(config, works, networks, prompts), *_too_long(works, networks, prompts)]


def _seeds(plan: Plan) -> list[str]:
    """Where seeds were asked for of settings that draw no random numbers."""
    of_setting: dict[str, set[int]] = {}
    for candidate, sid in plan.asked:
        if SEED in candidate.knobs:
            of_setting.setdefault(sid, set()).add(candidate.knobs[SEED])
    alike = {sid: seeds for sid, seeds in of_setting.items() if len(seeds) > 1}
    if not alike:
        return []
    named = ", ".join(map(str, sorted(set().union(*alike.values()))))
    return [
        f"seeds      {named} fall together in {counted(len(alike), 'setting')}: at temperature=0 their decoder draws "
        "no random numbers, so that a seed is no further evidence; temperature=T above 0 tells seeds apart"
    ]


def _may_repeat(plan: Plan) -> bool:
    lines = Lines(plan.settings)
    return any(lines.neighbours(sid) for sid in plan.settings)


def _sources(works: Sequence[Work]) -> str:
    """Where the passes are from, each kind of source once."""
    counts = sorted(work.measured for work in works if work.measured)
    others = list(dict.fromkeys(work.source for work in works if not work.measured))
    if not counts:
        return "; ".join(others)
    spread = f"{counts[0]:,}" if counts[0] == counts[-1] else f"{counts[0]:,} to {counts[-1]:,}"
    part = f" for {len(counts):,} of {len(works):,} settings" if others else ""
    return "; ".join([f"measured on {spread} examples in the store{part}", *others])


def _later(config: Config, plan: Plan, works: Sequence[Work]) -> str:
    """What a search may ask for beyond its first ask, and what bounds it."""
    calls = sum(work.examples * work.passes for work in works) / len(works)
    found = f"{config.sweep.search} begins with these and asks for more as their results come"
    if config.sweep.search == OPTUNA:
        seeds = seeds_by_group(plan.space)
        groups = {region.group for region in plan.space}
        most = config.sweep.optuna.trials * sum(len(seeds.get(group, (0,))) for group in groups)
        found += f", {most:,} settings at most: {most * calls:,.0f} passes"
    try:
        grid = len(ask_grid(plan.space, ()))
    except ValueError:  # a range without a number of values has no grid
        grid = 0
    if grid:
        found += f"; sweep.search=grid would ask for {grid:,} at once: {grid * calls:,.0f} passes"
    own = config.budget.model_calls
    if own is not None:
        return f"{found}; budget.model_calls={own} ends it at {own:,}"
    return f"{found}; budget.model_calls=N ends it"


def _too_long(
    works: Sequence[Work],
    networks: Mapping[ModelSettings, Network],
    prompts: Mapping[tuple[ModelSettings, TaskSettings], Prompts],
) -> list[str]:
    """Examples that a run would leave unscored, as far as prompts were tokenised."""
    found = {}
    for setting in (work.setting for work in works):
        own, most = prompts[setting.model, setting.task], networks[setting.model].max_length
        if own.counted and own.most > (room := setting.decode.longest_prompt(most)):
            takes = f"the {most:,} tokens that {setting.model_name} takes"
            found[setting.model, setting.task, room] = (
                f"too long   {setting.task.name}: prompts of more than {room:,} tokens leave no room for the answer in "
                f"{takes}; those examples would be unscored"
                if room > 0
                else f"too long   gen_length={setting.decode.gen_length}: no room for a prompt in {takes}; lower it"
            )
    return list(found.values())


def _times(works: Sequence[Work], flops: float) -> list[str]:
    known = [work for work in works if work.seconds is not None]
    found = []
    if known:
        seconds = sum(work.left * (work.seconds or 0.0) for work in known)
        which = "all settings" if len(known) == len(works) else f"{len(known)} of {len(works)} settings"
        found.append(
            f"{clock(seconds)} for {which} (measured in the store, on the machine and at the batch of then)"
        )
    if len(known) < len(works):
        hours = " or ".join(f"{_hours(value)} on an {name}" for name, value in gpu_hours(flops).items())
        found.append(f"{hours} (rough: the FLOPs at {percent(SHARE)} of its bfloat16 peak; {MEASURED})")
    return found


def _hours(value: float) -> str:
    if value < 0.1 / 60:
        return "seconds"
    return f"{value:,.1f} GPU hours" if value >= 0.1 else f"{value * 60:,.1f} GPU minutes"


def _memory(
    config: Config,
    works: Sequence[Work],
    networks: Mapping[ModelSettings, Network],
    prompts: Mapping[tuple[ModelSettings, TaskSettings], Prompts],
) -> list[str]:
    """Of the setting that needs most. Where as many rows as fit are decoded at once, of as many as on a processor."""
    batch = config.batch_size or ON_PROCESSOR

    def parts(setting: Setting) -> list[Part]:
        longest = prompts[setting.model, setting.task].most
        network = networks[setting.model]
        return list(network.memory(setting.decode, longest, batch, setting.model.dtype))

    most = max((parts(work.setting) for work in works), key=lambda own: sum(part.bytes for part in own))
    total = sum(part.bytes for part in most)
    lines = [f"memory     {total / GIB:,.2f} GiB at batch_size={batch} (leading terms, largest setting):"]
    return lines + [f"             {part.bytes / GIB:8,.3f} GiB {part.name} ({part.how})" for part in most]
