"""job=time: how long the settings of a sweep take, side by side. Nothing is stored."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd
import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from axon import row_seed
from axon.row_memory import ON_PROCESSOR
from pipeline.counted import counted
from pipeline.environment import device_name
from pipeline.errors import ConfigError, reason
from pipeline.evaluation.evaluate import Loaded, fitting, load
from pipeline.inputs.checks import check_settings
from pipeline.inputs.config import Compose, Config, ModelSettings
from pipeline.inputs.places import check_places
from pipeline.jobs.console import draw, say
from pipeline.jobs.display import clock
from pipeline.jobs.reading import reading
from pipeline.jobs.timing import Contender, Spread, take_turns
from pipeline.planning.plan import Plan
from pipeline.planning.regions import choices_of
from pipeline.planning.setting import Setting, setting_id
from pipeline.report.data.labels import knob_names, knob_texts
from pipeline.runs.run_folder import folder_of
from pipeline.stop import DONE, FAILED
from pipeline.tasks.first import first_examples
from pipeline.workers.capacity import unsplit

MOST = 48  # settings, which sweep=decoders has room in; more would take long and make no readable table
Key = tuple[str, int]  # setting id, batch


def time_settings(config: Config, compose: Compose, console: Console) -> int:
    """Measures, prints the tables and writes timing.csv; returns the exit code.

    Of a search that asks several times, the settings that it asks for first are timed. Raises ConfigError for what
    can't be timed.
    """
    check_places(config)
    torch.set_num_threads(max(1, int(config.cluster.cpus_per_worker)))  # as many as a sweep's worker has
    # Each part of a group has a setting at least. With AXON's configs by name some may be equal.
    parts = [
        part
        for group in config.sweep.groups.values()
        if "axon" not in group.named
        for part in choices_of(group)
    ]
    _check_count(len(parts), "at least ")
    with reading(console, "reading the task and the model") as walk:
        plan = Plan(config, compose, walk=walk)
        plan.extend((), walk)
        _check_count(len(plan.settings))
        check_settings(plan.settings, config.timing.examples, here=True)
        contenders = _contenders(config, plan)
    for line in unsplit(config.cluster, {setting.model for setting in plan.settings.values()}):
        say(console, line)
    _announce(contenders, config.timing.rounds, console)
    try:
        _measure(contenders, config.timing.rounds, console)
    except KeyboardInterrupt:
        say(console, "Interrupted timings are not kept.")
        raise
    rows = _rows(contenders, plan)
    for batch in dict.fromkeys(row["batch"] for row in rows):
        draw(console, _table(batch, [row for row in rows if row["batch"] == batch]))
    say(
        console,
        "ratio: of seconds, to the same decoder without AXON if that is timed, else to the first without AXON",
    )
    failed = {key: contender.error for key, contender in contenders.items() if contender.error is not None}
    for (sid, batch), error in failed.items():
        say(console, f"failed: {plan.settings[sid]} at batch {batch}: {error}")
    folder = folder_of(config, plan)  # of the run of the same command
    try:
        folder.mkdir(parents=True, exist_ok=True)
        pd.DataFrame(rows).to_csv(folder / "timing.csv", index=False)
    except OSError as error:
        say(console, f"out={config.out}: can't be written ({reason(error)}); make room, and time again")
        return FAILED
    say(console, str(folder))
    return FAILED if failed else DONE


def _check_count(count: int, least: str = "") -> None:
    if count > MOST:
        line = f"job=time: {least}{count} settings are too many to time side by side, at most {MOST}; choose fewer, "
        raise ConfigError([f"{line}such as one value with trade_off.values=[...], or sweep=none"])


def _announce(contenders: Mapping[Key, Contender], rounds: int, console: Console) -> None:
    batches = dict.fromkeys(batch for _, batch in contenders)
    settings, threads = len(contenders) // len(batches), torch.get_num_threads()
    device = next(iter(contenders.values())).model.device
    say(
        console,
        f"timing {counted(settings, 'setting')} at batch {' and '.join(map(str, batches))}, "
        f"{counted(rounds, 'round')}, on {device_name(device)}, {counted(threads, 'thread')}",
    )


def _contenders(config: Config, plan: Plan) -> dict[Key, Contender]:
    """Every setting at batch size 1, then at the configured one; each model is loaded once. Raises ConfigError."""
    models: dict[ModelSettings, Loaded] = {}
    found = {}
    for batch in sorted({1, config.batch_size or ON_PROCESSOR}):
        # Whole batches: a batch empties at the end of a decode, and half a batch would measure something else.
        count = math.ceil(config.timing.examples / batch) * batch
        for sid, setting in plan.settings.items():
            if setting.model not in models:
                models[setting.model] = load(setting.model, config.cluster.gpus_per_worker == 0)
            loaded = models[setting.model]
            prompts, seeds = _prompts(loaded, setting, count)
            found[sid, batch] = Contender(setting, loaded.model, prompts, seeds, min(batch, len(prompts)))
    return found


def _prompts(loaded: Loaded, setting: Setting, count: int) -> tuple[list[list[int]], list[int]]:
    """Of the task's first examples, and the seed of each one's draws. Raises ConfigError."""
    try:
        examples = first_examples(setting.task, count)
    except ValueError as error:
        raise ConfigError([str(error)]) from None
    prompts, seeds = [], []
    for example in examples:
        try:
            tokens = loaded.encode(example, setting.task)
            prompts.append(list(fitting(loaded, tokens, setting.decode)))
        except ValueError as error:
            line = f"task.name={setting.task.name!r}: {error}; choose shorter ones"
            raise ConfigError([line]) from None
        seeds.append(row_seed(setting.seed, example.id))
    return prompts, seeds


def _measure(contenders: Mapping[Key, Contender], rounds: int, console: Console) -> None:
    """Runs all turns and shows how much time is left."""
    latest = dict.fromkeys(contenders, 0.0)
    turns = {key: contender.attempt for key, contender in contenders.items()}
    with Progress(TextColumn("{task.description}"), BarColumn(), console=console, transient=True) as progress:
        bar = progress.add_task("warming up", total=(rounds + 1) * len(contenders))
        for done, (number, key, seconds) in enumerate(take_turns(turns, rounds), 1):
            latest[key] = seconds
            left = sum(latest.values()) * (1 + rounds - done / len(contenders))
            at = "warming up" if number == 0 else f"round {number} of {rounds} · {clock(left)} left"
            progress.update(bar, completed=done, description=at)
            if not console.is_terminal and done % len(contenders) == 0 and number < rounds:
                say(console, f"{f'round {number}' if number else 'warming up'} done · {clock(left)} left")


def _rows(contenders: Mapping[Key, Contender], plan: Plan) -> list[dict[str, Any]]:
    """A row for each setting and batch that was measured."""
    settings = list(plan.settings.values())
    bases = _bases(plan)
    texts = dict(zip(plan.settings, knob_texts(settings, knob_names(settings)), strict=True))
    rows = []
    for (sid, batch), contender in contenders.items():
        if contender.error is not None:
            continue
        label, base = plan.settings[sid], contenders[bases[sid], batch]
        model = contender.setting.model
        row: dict[str, Any] = {
            "setting_id": sid,
            "group": label.group,
            "label": texts[sid],
            "batch": contender.batch,
        }
        row |= {f"knob.{key}": value for key, value in label.knobs.items()}
        row |= {"examples": len(contender.prompts), "rounds": len(contender.seconds)}
        row |= {"tokens": contender.tokens, "steps": contender.steps}
        row |= _columns("seconds_per_example", contender.per_example)
        row |= _columns("tokens_per_second", contender.tokens_per_second)
        row |= _columns("seconds_per_step", contender.per_step)
        if base.error is None:
            row |= _columns("ratio", contender.ratio(base))
        row |= {"ratio_to": str(plan.settings[bases[sid]]), "device": device_name(contender.model.device)}
        row |= {"dtype": model.dtype, "attention_kernel": model.attention_kernel}
        row |= {"torch": torch.__version__, "threads": torch.get_num_threads()}
        rows.append(row)
    return rows


def _columns(name: str, spread: Spread) -> dict[str, float]:
    return {name: spread.middle, f"{name}_min": spread.least, f"{name}_max": spread.most}


def _bases(plan: Plan) -> dict[str, str]:
    """The setting to which each one's seconds are compared: for a setting with AXON the same decoder without, if
    that is timed; for others the first setting without AXON, or the first.
    """
    settings = plan.settings
    alone = {_without_axon(own.identity): sid for sid, own in settings.items() if not own.uses_axon}
    first = next(iter([*alone.values(), *settings]))
    return {
        sid: alone.get(_without_axon(own.identity), first) if own.uses_axon else first
        for sid, own in settings.items()
    }


def _without_axon(identity: Mapping[str, Any]) -> str:
    return setting_id({**identity, "axon": None, "versions": {**identity["versions"], "axon": None}})


def _table(batch: int, rows: list[dict[str, Any]]) -> Table:
    title = f"batch {batch}, {counted(rows[0]['examples'], 'example')}: median of the rounds [min, max]"
    table = Table(title=Text(title), title_justify="left", box=None, padding=(0, 1, 0, 0))
    for heading in ("group", "setting"):
        table.add_column(heading, overflow="fold")
    for heading in ("ms per example", "tokens/s", "ms per step", "ratio"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(
            Text(row["group"]),
            Text("" if row["label"] == row["group"] else row["label"]),
            _spread(row, "seconds_per_example", 1000),
            _figure(row["tokens_per_second"]),
            _figure(1000 * row["seconds_per_step"]),
            _spread(row, "ratio", 1),
        )
    return table


def _spread(row: Mapping[str, Any], name: str, scale: int) -> Text:
    if name not in row:  # the setting it would be compared to has failed
        return Text("-")
    middle, least, most = (_figure(scale * row[key]) for key in (name, f"{name}_min", f"{name}_max"))
    return Text(f"{middle} [{least}, {most}]")


def _figure(value: float) -> str:
    """To three digits, and larger ones whole: `0.912`, `34.6`, `2,050`."""
    return f"{value:,.0f}" if value >= 999.5 else f"{value:.3g}"
