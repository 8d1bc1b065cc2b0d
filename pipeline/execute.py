"""From a plan and a store to the results the store lacks, here or on a cluster."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.config import Config
from pipeline.display import Display
from pipeline.evaluate import Evaluator
from pipeline.pending import outcomes, pending_slices
from pipeline.plan import Plan
from pipeline.store import Contents, Span, Store, StoreFull
from pipeline.totals import totals_of


def replay(config: Config, plan: Plan, store: Store) -> Contents:
    """Asks the plan's search for more, until something that it asks for is not whole in the store.

    Returns what the store holds of the settings asked for. Raises ConfigError as `Plan.extend` does.
    """
    while True:
        contents = store.load(plan.settings, config.limit)
        if pending_slices(plan.settings.values(), contents, config.limit, config.slice_size):
            return contents
        if not plan.extend(outcomes(plan, contents.records)):
            return contents


def execute(
    config: Config, plan: Plan, store: Store, pending: Mapping[str, list[Span]], display: Display
) -> dict[str, str]:
    """Evaluates what is pending; returns the settings that failed, each with its error in a line.

    Raises KeyboardInterrupt where the user stops it, Lost where what it ran on is gone, StoreFull where nothing more
    can be kept, and ConfigError where Ray can't be had.
    """
    if len(plan.settings) == 1:
        if config.cluster.address is not None:
            display.status("a single setting needs no cluster: it runs on this machine")
        return _execute_here(config, plan, store, pending, display)
    from pipeline.sweep import Work, run_sweep  # Ray takes seconds to import: only when it is needed

    threads = max(1, int(config.cluster.cpus_per_worker))
    work = Work(plan.settings, pending, store.root, config.batch_size, threads, config.sandbox.require)
    return run_sweep(work, config.cluster, display)


def _execute_here(
    config: Config, plan: Plan, store: Store, pending: Mapping[str, list[Span]], display: Display
) -> dict[str, str]:
    display.started()
    evaluator = Evaluator(config.batch_size, config.sandbox.require, display.example)
    failures = {}
    for sid, slices in pending.items():
        try:
            for start, stop in slices:
                records = evaluator.slice(plan.settings[sid], start, stop)
                store.write_slice(sid, start, stop, records)
                display.slice(sid, totals_of(records))
        except StoreFull:
            raise
        except Exception as error:
            failures[sid] = f"{type(error).__name__}: {error}".splitlines()[0]
            display.failed(sid)
    return failures
