"""From a validated config to a run that can start: the plan, the checks, what is written before anything is decoded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from pipeline.counted import counted
from pipeline.environment import this_environment
from pipeline.errors import ConfigError, reason
from pipeline.inputs.block_size import unlike_training
from pipeline.inputs.checks import check_address, check_home, check_login, check_settings
from pipeline.inputs.config import Compose, Config, to_tree
from pipeline.inputs.mask_token import unlike_files
from pipeline.inputs.silent_gate import never_fires
from pipeline.inputs.unknown_text import unknown_texts
from pipeline.jobs.console import say
from pipeline.jobs.reading import reading
from pipeline.planning.pending import reachable
from pipeline.planning.plan import Plan
from pipeline.runs.run import FORMAT, Run, private, run_before, store_from
from pipeline.runs.run_folder import RunFolder, asked_for, plain_space, subjects
from pipeline.storage.store import Contents, Span, Store, StoreFull
from pipeline.tasks import CodeTask, open_task
from pipeline.workers.capacity import check_room, this_machine, widened
from pipeline.workers.execute import runs_here

OF_THE_DECODE = ("command", "environment", "started", "finished", "seconds")  # fields of a run


def open_plan(config: Config, compose: Compose, console: Console) -> Plan:
    """The plan, once its settings fit the model's description. Raises ConfigError."""
    if config.wandb.mode == "online":
        check_login()
    # From the hub it may take a while.
    with reading(console, "reading the task and the model's description") as walk:
        plan = Plan(config, compose, walk=walk)
        plan.extend((), walk)
    return plan


def check_start(
    config: Config, plan: Plan, store: Store, contents: Contents, pending: Mapping[str, list[Span]]
) -> None:
    """What must be there for what is pending: folders of the store that this user may write, room, models that load,
    prompts that fit, a cluster that answers.

    Whatever is stored has passed all this once. Raises ConfigError, also for a report of nothing.
    """
    if config.job == "report" and contents.records.empty:
        line = "job=report: nothing is stored for these settings; run them first, without job=report"
        raise ConfigError([line])
    if not pending or config.job != "run":
        return
    barred = [store.barred(sid) for sid in pending]
    if barred[0] and all(barred):  # of some, only these fail
        raise ConfigError([barred[0]])
    address, here = config.cluster.address, runs_here(config, plan)
    if not here:
        check_home()
    if address is None:
        models = [plan.settings[sid].model for sid in pending]
        check_room(widened(config.cluster, models), [this_machine()])
    check_settings({sid: plan.settings[sid] for sid in pending}, config.limit, here or address is None)
    if address is not None and not here:
        check_address(address)


def sandbox_level(config: Config, plan: Plan, pending: Iterable[str]) -> str | None:
    """The level at which these settings' programs will run on this machine, None if they have none.

    Raises ConfigError if the machine offers less than is required.
    """
    for settings in dict.fromkeys(plan.settings[sid].task for sid in pending):
        task = open_task(settings, config.sandbox.require)
        if isinstance(task, CodeTask):
            return task.sandbox.level
    return None


def announce(
    title: str,
    config: Config,
    plan: Plan,
    contents: Contents,
    pending: Mapping[str, list[Span]],
    warnings: Sequence[str],
    console: Console,
) -> None:
    """Says what will be done. Raises ConfigError as `sandbox_level` does."""
    sizes = [reachable(setting, config.limit) for setting in plan.settings.values()]
    total = sum(sizes)
    todo = sum(stop - start for slices in pending.values() for start, stop in slices)
    equal = len(plan.asked) - len(plan.settings)
    asked = f" ({len(plan.asked)} asked for, {equal} of them equal to another, run once)" if equal else ""
    stored = f", {total - todo:,} of {total:,} stored already" if todo < total else ""
    least = "" if min(sizes) == max(sizes) else f"{min(sizes):,} to "
    most = f"{least}{counted(max(sizes), 'example')}"
    say(console, f"{title}: {counted(len(plan.settings), 'setting')}{asked} x {most}{stored}")
    if config.job == "run" and (level := sandbox_level(config, plan, pending)):
        say(console, f"answers are programs; they run in a sandbox of level {level!r}")
    for line in [*warnings, *contents.damaged]:
        say(console, line)


def warnings_of(config: Config, plan: Plan, pending: Mapping[str, list[Span]]) -> list[str]:
    """What is odd about the settings, a line each; of their prompts where any are to be decoded.

    Those of the whole plan then, since a reader of its results asks for no less.
    """
    settings = plan.settings.values()
    lines = [*unlike_training(settings), *unlike_files(settings), *never_fires(settings)]
    if pending and config.job == "run":
        lines += unknown_texts(settings, config.limit)
    return lines


def begin_run(
    path: Path,
    config: Config,
    plan: Plan,
    store: Store,
    title: str,
    command: str,
    warnings: Sequence[str],
    decodes: bool,
) -> RunFolder:
    """Writes run.json into the folder `path`. Raises ConfigError if that fails, or would lose a later version's.

    A command that decodes nothing (not `decodes`) leaves in it what is said of the one that did, and job=report leaves
    it alone.
    """
    before = run_before(path)
    earlier = None if decodes else before
    run = Run(
        format=FORMAT,
        name=config.sweep.name,
        title=title,
        command=private(command),  # reports and W&B show it, too
        status="running",
        error=None,
        failures={},
        config=to_tree(config),
        space=tuple(plain_space(plan.space)),
        limit=config.limit,
        store=store_from(path, store.root, config.out),
        environment=earlier.environment if earlier and earlier.finished else this_environment(),
        started=datetime.now(UTC),
        finished=None,
        seconds=None,
        # Of prompts nothing is said where all is stored.
        warnings=(earlier.warnings if earlier else ()) or tuple(warnings),
        **asked_for(plan, config.limit),
    )
    if earlier is not None and earlier.finished is not None:
        run = replace(run, **{name: getattr(earlier, name) for name in OF_THE_DECODE})
    try:
        return RunFolder(path, run, writes=config.job == "run" or earlier is None)
    except OSError as error:
        line = (
            f"out={config.out}: can't be written ({reason(error)}); make room, or choose another with out=..."
        )
        raise ConfigError([line]) from None


def prepare_store(config: Config, plan: Plan, store: Store) -> None:
    """Files the settings and removes what earlier writers left. Raises ConfigError if the store can't be written."""
    try:
        store.remove_leftovers(plan.settings)
        store.write_settings({sid: dict(setting.identity) for sid, setting in plan.settings.items()})
    except StoreFull as error:
        raise ConfigError([f"{error}, or choose another with store=..."]) from None
    except OSError as error:
        line = f"store={config.store}: can't be written ({reason(error)}); choose another with store=..."
        raise ConfigError([line]) from None


def title_of(config: Config, plan: Plan) -> str:
    """The sweep and what it is about: `decoders · lists · dawn, klass · tiny`."""
    return " · ".join([config.sweep.name, *map(", ".join, subjects(plan))])
