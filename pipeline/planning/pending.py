"""What a plan still lacks in the store, and what its whole settings have come to."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from pipeline.planning.line import tells_leeway
from pipeline.planning.plan import Plan
from pipeline.planning.setting import Setting
from pipeline.search import Decodes, Outcome
from pipeline.storage.store import Contents, Span, Store, missing
from pipeline.storage.totals import Totals, stored_totals
from pipeline.tasks import open_task


def reachable(setting: Setting, limit: int) -> int:
    """`limit`, or all the examples of the setting's task, should they be fewer."""
    size = open_task(setting.task).size
    return limit if size is None else min(limit, size)


def sizes(plan: Plan, limit: int) -> dict[str, int]:
    """How many examples each setting is to have in the end, by id."""
    return {
        sid: plan.stopped[sid].n if sid in plan.stopped else reachable(setting, limit)
        for sid, setting in plan.settings.items()
    }


def pending_slices(
    due: Mapping[str, int], covered: Mapping[str, Iterable[Span]], slice_size: int
) -> dict[str, list[Span]]:
    """The slices that settings lack of the examples which are due, by setting id."""
    lacking = {sid: missing(covered[sid], examples, slice_size) for sid, examples in due.items()}
    return {sid: slices for sid, slices in lacking.items() if slices}


def outcomes(plan: Plan, records: pd.DataFrame) -> list[Outcome]:
    """What every candidate asked for has come to by these records, in the order asked.

    A pure function of the records in their canonical order, so that a search resumed from the store sees the very
    numbers that it would have seen without the interruption. A stopped setting counts with its witness's means plus
    its own mean differences from that one: what it is expected to come to on all examples. Of its single decodes
    nothing is said, as of those that can't tell their leeway.
    """
    decodes = _decodes(plan, records)
    totals = stored_totals(records)
    found = []
    for candidate, sid in plan.asked:
        stop = plan.stopped.get(sid)
        own = totals.get(stop.by if stop else sid, Totals())
        quality, nfe, examples, scored = own.quality, own.mean_nfe, own.examples, own.scored
        if stop and quality is not None and nfe is not None:
            quality, nfe, examples = min(1.0, max(0.0, quality + stop.quality)), nfe + stop.nfe, stop.n
            scored = min(scored, examples)
        found.append(Outcome(candidate, sid, examples, scored, quality, nfe, decodes.get(sid)))
    return found


def _decodes(plan: Plan, records: pd.DataFrame) -> dict[str, Decodes]:
    """By setting id. `records`: as of `Store.outcomes`."""
    ids = records["setting_id"].astype("category").cat
    codes = ids.codes.to_numpy()
    edges = [*np.flatnonzero(np.diff(codes, prepend=-1)).tolist(), len(codes)]
    position = records["position"].to_numpy()
    columns = [records[name].to_numpy() for name in Decodes._fields]
    found = {}
    for start, stop in itertools.pairwise(edges):
        sid = str(ids.categories[codes[start]])
        setting = plan.settings.get(sid)
        # Two settings' decodes are set beside each other by their place: none may lack an example in between.
        if (
            setting
            and sid not in plan.stopped
            and tells_leeway(setting)
            and position[stop - 1] == stop - start - 1
        ):
            found[sid] = Decodes(*(column[start:stop] for column in columns))
    return found


def incomplete(
    plan: Plan, contents: Contents, store: Store, limit: int, slice_size: int, failures: Mapping[str, str]
) -> dict[str, str]:
    """After a run: the settings that lack examples all the same, each with how many and why, in a line."""
    found = {}
    wanted = sizes(plan, limit)
    for sid, slices in pending_slices(wanted, contents.covered, slice_size).items():
        lacking = sum(stop - start for start, stop in slices)
        unread = next((line for line in contents.damaged if f"/{sid}/" in line), None)
        why = failures.get(sid) or unread or f"not in {store.root}, though it was written there"
        found[sid] = f"lacks {lacking} of {wanted[sid]} examples: {why}"
    return found
