"""From a plan and a store to the results that the store lacks, here or on a cluster."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from threading import Thread
from typing import TYPE_CHECKING

from pipeline.errors import fault_line, reason
from pipeline.importing import importing, importing_models
from pipeline.inputs.config import Config
from pipeline.jobs.display import Display
from pipeline.jobs.report_job import import_report
from pipeline.planning.backlog import Backlog
from pipeline.planning.pending import sizes
from pipeline.planning.plan import Plan
from pipeline.planning.setting import Setting
from pipeline.search import ASK_ONCE
from pipeline.storage.store import Contents, Span, Store, StoreFull
from pipeline.storage.totals import stored_totals
from pipeline.workers.capacity import need_of, this_machine, widened

if TYPE_CHECKING:
    from pipeline.evaluation.evaluate import Evaluator


def runs_here(config: Config, plan: Plan) -> bool:
    """Whether it takes no Ray: one setting, no search that may ask for others, and nothing to share its slices with."""
    if config.sweep.search not in ASK_ONCE or len(plan.settings) != 1:
        return False
    [examples] = sizes(plan, config.limit).values()
    return examples <= config.slice_size or not _several_workers(config, plan)


def _several_workers(config: Config, plan: Plan) -> bool:
    """Whether a cluster is named, or this machine has GPUs for more workers than one. Cores one process uses itself."""
    if config.cluster.address is not None:
        return True
    cluster = widened(config.cluster, [setting.model for setting in plan.settings.values()])
    need = need_of(cluster)
    return need.gpus > 0 and cluster.workers != 1 and need.room(this_machine()) > 1


def execute(
    config: Config,
    plan: Plan,
    store: Store,
    pending: Mapping[str, list[Span]],
    display: Display,
    asked: Callable[[], None] = lambda: None,
) -> Backlog:
    """Evaluates what is pending and what the search then asks for, until it asks for nothing or the budget is spent.

    `asked` is called whenever the plan has grown, possibly in another thread. The backlog that is returned tells which
    settings failed, each with its error in one line, and what was left out. Raises KeyboardInterrupt if the user stops
    it, Lost if Ray is gone, StoreFull if no result can be stored, and ConfigError if Ray can't be started or joined, or
    if the search asks for a setting that can't be evaluated.
    """
    known = set(plan.settings)

    def follow(contents: Contents) -> None:
        if new := [setting for sid, setting in plan.settings.items() if sid not in known]:
            known.update(setting.id for setting in new)
            _write_settings(store, new)
            asked()
        totals = stored_totals(contents.records)
        display.asked(plan.settings, totals, more=not backlog.over, stopped=plan.stopped)

    limit, slice_size, rule = config.limit, config.slice_size, config.sweep.stop
    backlog = Backlog(plan, store, limit, slice_size, pending, follow, rule, config.budget, plan.neighbours)
    display.asked(plan.settings, {}, more=config.sweep.search not in ASK_ONCE, stopped=plan.stopped)
    if runs_here(config, plan):
        if config.cluster.address is not None:
            display.status("one setting of one slice needs no cluster: it runs on this machine")
        execute_here(backlog, _evaluator(config, display), store, limit, display)
        return backlog
    with importing():  # Ray takes seconds: only when it is needed
        from pipeline.workers.sweep import run_sweep

    # Meanwhile Ray starts, in other processes. No daemon: Python ends those amid an import, and pybind11 then aborts.
    Thread(target=import_report, args=[config.wandb], name="report").start()
    models = [setting.model for setting in plan.settings.values()]
    run_sweep(backlog, replace(config, cluster=widened(config.cluster, models)), store.root, display)
    return backlog


def _write_settings(store: Store, settings: Sequence[Setting]) -> None:
    """Raises StoreFull, whatever the reason: without them nothing can be stored of what the search asks for."""
    try:
        store.write_settings({setting.id: dict(setting.identity) for setting in settings})
    except StoreFull:
        raise
    except OSError as error:
        line = f"store={store.root}: can't be written ({reason(error)}); choose another with store=..."
        raise StoreFull(line) from None


def _evaluator(config: Config, display: Display) -> Evaluator:
    with importing_models():  # torch takes seconds: only when something is decoded
        from pipeline.evaluation.evaluate import Evaluator

    return Evaluator(
        config.batch_size,
        config.sandbox.require,
        display.example,
        display.note,
        cores_only=config.cluster.gpus_per_worker == 0,
    )


def execute_here(backlog: Backlog, evaluator: Evaluator, store: Store, limit: int, display: Display) -> None:
    """Works the backlog off in this process. Raises as `execute` does."""
    display.started()
    model = None
    while assignment := backlog.take(model):
        setting = assignment.setting
        model = setting.model
        try:
            for totals in assignment.evaluated(evaluator, store, limit):
                display.evaluated(assignment, totals)
        except StoreFull:
            raise
        except Exception as error:
            backlog.failed(assignment, fault_line(error))
            display.failed(setting.id)
        else:
            backlog.finished(assignment)
