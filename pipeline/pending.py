"""What a plan still lacks in the store, and what its whole settings have come to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pandas as pd

from pipeline.plan import Plan
from pipeline.search import Outcome
from pipeline.setting import Setting
from pipeline.store import Contents, Span, Store, missing
from pipeline.tasks import open_task
from pipeline.totals import Totals, stored_totals


def reachable(setting: Setting, limit: int) -> int:
    """`limit`, or all the examples of the setting's task, should they be fewer."""
    size = open_task(setting.task).size
    return limit if size is None else min(limit, size)


def pending_slices(
    settings: Iterable[Setting], contents: Contents, limit: int, slice_size: int
) -> dict[str, list[Span]]:
    """The slices that each unfinished setting lacks, by setting id."""
    lacking = {
        setting.id: missing(contents.covered[setting.id], reachable(setting, limit), slice_size)
        for setting in settings
    }
    return {sid: slices for sid, slices in lacking.items() if slices}


def outcomes(plan: Plan, records: pd.DataFrame) -> list[Outcome]:
    """What every candidate asked for has come to by these records, in the order asked.

    A pure function of the records in their canonical order, so that a search resumed from the store sees the very
    numbers that it would have seen without the interruption.
    """
    totals = stored_totals(records)
    return [
        Outcome(candidate, sid, own.examples, own.scored, own.quality, own.mean_nfe)
        for candidate, sid in plan.asked
        for own in [totals.get(sid, Totals())]
    ]


def incomplete(
    plan: Plan, contents: Contents, store: Store, limit: int, slice_size: int, failures: Mapping[str, str]
) -> dict[str, str]:
    """After a run: the settings that lack examples all the same, each with how many and why, in a line."""
    found = {}
    for sid, slices in pending_slices(plan.settings.values(), contents, limit, slice_size).items():
        lacking = sum(stop - start for start, stop in slices)
        unread = next((line for line in contents.damaged if f"/{sid}/" in line), None)
        why = failures.get(sid) or unread or f"not in {store.root}, though it was written there"
        found[sid] = f"lacks {lacking} of {reachable(plan.settings[sid], limit)} examples: {why}"
    return found
