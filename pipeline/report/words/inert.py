"""Settings under which AXON, DAWN or a decoder that holds or takes tokens back had no effect: no evidence about them.

Sink thresholds are fractions of attention. If one lies below uniform attention, 1 / (positions of the sequence),
nearly every column counts as a sink: no candidate supports another, DAWN's graph has no edge, and both fall back to
confidence alone. Such settings look like any other, so the report warns of them before it concludes anything.
"""

from typing import Any, NamedTuple

import pandas as pd

from pipeline.report.comparisons.cohorts import MOST
from pipeline.report.words.phrases import counted

FOUR_TIMES = "four times uniform attention, 1 / length"
REMEDIES = {
    "axon.tau_sink": f"axon.tau_sink=4x ({FOUR_TIMES})",
    "decoder.tau_sink": f"decoder.tau_sink=4x ({FOUR_TIMES}; null uses axon.tau_sink)",
}


class Method(NamedTuple):
    """A method that selects by attention, and how to warn where it had nothing to select by."""

    name: str
    subject: str  # what is empty
    among: str  # the settings that could be empty
    empty: str  # the points' column: fraction of its steps that were empty,
    sinks: str  # and of the columns that counted as sinks
    why: str  # what an empty step means
    threshold: str  # the parameter that is the usual cause
    alternative: str  # what to try where it is not


METHODS = (
    Method(
        name="AXON",
        subject="AXON",
        among="in which it fired",
        empty="axon_empty",
        sinks="axon_sink_share",
        why="no candidate had any support, so AXON fell back to the single most confident token",
        threshold="axon.tau_sink",
        alternative="a lower axon.uncertainty_threshold",
    ),
    Method(
        name="DAWN",
        subject="DAWN's graph",
        among="with DAWN",
        empty="graph_empty",
        sinks="graph_sink_share",
        why="no position depended on another, so DAWN revealed tokens by confidence alone",
        threshold="decoder.tau_sink",
        alternative="a lower decoder.tau_edge",
    ),
)


def inert_warnings(points: pd.DataFrame) -> list[str]:
    """One warning per kind: how many settings, to what extent, what it means and the remedy. None for unknowns.

    Of `points`: axon, label, group, decode, n, axon_share, axon_empty, axon_sink_share, graph_empty, graph_sink_share,
    held_share, remasked_share, replaced_share, ahead_share.
    """
    scored = points[points["n"] > 0]
    found = [
        *(_empty(scored, method) for method in METHODS),
        _sinks(scored),
        _never(scored),
        _as_base(scored),
        _held_none(scored),
        _revised_none(scored),
        _ahead_none(scored),
    ]
    return [warning for warning in found if warning]


def _empty(scored: pd.DataFrame, method: Method) -> str:
    known = scored[scored[method.empty].notna()]
    empty = known[known[method.empty] > MOST]
    if empty.empty:
        return ""
    return (
        f"{method.subject} was empty in {_of(empty, known)} {method.among}: in {_percent(empty[method.empty])} of "
        f"{method.name}'s steps {method.why}. {_no_evidence(empty)} about {method.name}. "
        + _remedy(empty[method.sinks], method)
    )


def _remedy(sinks: "pd.Series[float]", method: Method) -> str:
    """By the cause: the sinks where most columns are sinks, or where that is unknown."""
    many = sinks[~(sinks <= MOST)]
    if many.empty:
        return (
            f"Only {_percent(sinks)} of the columns counted as sinks, so {method.threshold} is not the cause; "
            f"try {method.alternative}."
        )
    why = f"{_percent(many)} of the columns counted as sinks. " if many.notna().all() else ""
    return f"{why}Remedy: {REMEDIES[method.threshold]}."


def _sinks(scored: pd.DataFrame) -> str:
    """Settings that are not empty, and so not reported above, although most columns are ignored."""
    found = {}
    for method in METHODS:
        known = scored[scored[method.sinks].notna()]
        most = known[(known[method.sinks] > MOST) & ~(known[method.empty] > MOST)]
        if len(most):
            found[method.threshold] = f"{_percent(most[method.sinks])} in {_of(most, known)}"
    if not found:
        return ""
    extents = "; ".join(f"{text} ({key})" for key, text in found.items())
    return (
        f"Most columns counted as sinks: {extents}. Attention to sinks is ignored. "
        f"Remedy: {' and '.join(REMEDIES[key] for key in found)}."
    )


def _never(scored: pd.DataFrame) -> str:
    known = scored[scored["axon"] & scored["axon_share"].notna()]
    never = known[known["axon_share"] == 0]
    if never.empty:
        return ""
    checked = _percent(never["gate_share"].fillna(0.0))
    which, whose = (f"{_of(never, known)} that use it", "their") if len(known) > 1 else ("its setting", "the")
    return (
        f"AXON never fired in {which}; its gate was evaluated in {checked} of {whose} steps. "
        f"{_no_evidence(never)} about AXON except that its gate never fired; axon.gate=always fires in every step "
        "in which the gate is evaluated."
    )


def _as_base(scored: pd.DataFrame) -> str:
    """Settings in which AXON fired and yet the decodes are the same as without it."""
    base = scored[~scored["axon"]].drop_duplicates("decode").set_index("decode")
    axon = scored[scored["axon"] & (scored["axon_share"] > 0)]
    same = axon[axon["decode"].isin(base.index)]
    if same.empty:
        return ""
    first = same.iloc[0]
    twin = base.loc[first["decode"]]
    return (
        f"AXON changed no token in {_of(same, axon)} in which it fired: they decode exactly as the base decoder alone "
        f"(for example {_name(first)}, the same as {_name(twin)})."
    )


def _held_none(scored: pd.DataFrame) -> str:
    """Settings of decoders that hold tokens back by attention, and held none."""
    known = scored[scored["held_share"].notna()]
    none = known[known["held_share"] == 0]
    if none.empty:
        return ""
    return (
        f"Attention held no token back in {_of(none, known)} whose decoder may do so (for example "
        f"{_name(none.iloc[0])}): they decode as without it. {_no_evidence(none)} about what attention does."
    )


def _revised_none(scored: pd.DataFrame) -> str:
    """Settings of decoders that may take tokens back, and took none."""
    known = scored[scored["remasked_share"].notna() & scored["replaced_share"].notna()]
    none = known[known["remasked_share"] + known["replaced_share"] == 0]
    if none.empty:
        return ""
    return (
        f"No token was masked again or replaced in {_of(none, known)} whose decoder may do so "
        f"(for example {_name(none.iloc[0])}). {_no_evidence(none)} about taking tokens back."
    )


def _ahead_none(scored: pd.DataFrame) -> str:
    """Settings of decoders that look ahead, and revealed nothing by it."""
    known = scored[scored["ahead_share"].notna()]
    none = known[known["ahead_share"] == 0]
    if none.empty:
        return ""
    return (
        f"No guess was kept in {_of(none, known)} whose decoder looks ahead (for example {_name(none.iloc[0])}): "
        f"they decode as without it. {_no_evidence(none)} about looking ahead."
    )


def _of(some: pd.DataFrame, known: pd.DataFrame) -> str:
    return f"{len(some):,} of {counted(len(known), 'setting')}"


def _no_evidence(some: pd.DataFrame) -> str:
    return "This setting is no evidence" if len(some) == 1 else "These settings are no evidence"


def _percent(values: "pd.Series[float]") -> str:
    lo, hi = (f"{value * 100:.0f}" for value in (values.min(), values.max()))
    return f"{lo} %" if lo == hi else f"{lo} to {hi} %"


def _name(point: "pd.Series[Any]") -> str:
    return str(point["group"]) if point["group"] == point["label"] else f"{point['group']} {point['label']}"
