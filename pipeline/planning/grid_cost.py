"""What the full grid would have cost in place of a search: settings and model calls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from pipeline.planning.budget import spent
from pipeline.planning.pending import outcomes, reachable
from pipeline.planning.plan import Plan
from pipeline.search.grid import combinations

Lines = dict[str, dict[float, float]]  # the knobs but for the trade-off parameter -> its values -> mean NFE


def grid_cost(plan: Plan, records: pd.DataFrame, limit: int) -> str | None:
    """A sentence for a search along trade-off parameters; None where the grid's NFE can't be told from what was run.

    Between the values that were evaluated NFE is taken to follow straight lines.
    """
    settings: set[str] = set()
    calls = 0.0
    for region in plan.space:
        if region.along is None:
            return None
        lines = _lines(plan, records, region.along)
        try:
            candidates = list(combinations(region))
        except ValueError:  # a range without a number of values has no grid
            return None
        for candidate in candidates:
            rest = dict(candidate.knobs)
            value = rest.pop(region.along, None)
            known = lines.get(_key(candidate.group, rest))
            if value is None or known is None:
                return None
            setting = plan.setting(candidate)
            if setting.id not in settings:
                settings.add(setting.id)
                values = sorted(known)
                nfe = float(np.interp(value, values, [known[own] for own in values]))
                calls += nfe * reachable(setting, limit)
    own = sum(one.calls for one in spent(records).values())
    sentence = (
        f"The search took {own:,} model calls in {len(plan.settings):,} settings{_repeats(records)}; the grid's "
        f"{len(settings):,} settings, each decoded whole, would have taken about {calls:,.0f}"
    )
    if own <= calls:
        return f"{sentence}."
    return f"{sentence}, less: it has few values. sweep.search=grid evaluates those alone."


def _repeats(records: pd.DataFrame) -> str:
    decoded = records[records["nfe"].notna()]
    repeats = int(decoded["seconds"].isna().sum())
    if not repeats:
        return ""
    return (
        f" ({repeats:,} of the {len(decoded):,} decodes repeat a neighbouring setting's and were made there)"
    )


def _lines(plan: Plan, records: pd.DataFrame, along: str) -> Lines:
    lines: Lines = {}
    for outcome in outcomes(plan, records):
        rest = dict(outcome.candidate.knobs)
        value = rest.pop(along, None)
        if value is not None and outcome.nfe is not None:
            lines.setdefault(_key(outcome.candidate.group, rest), {})[value] = outcome.nfe
    return lines


def _key(group: str, knobs: Mapping[str, Any]) -> str:
    return repr((group, sorted(knobs.items())))
