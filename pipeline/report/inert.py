"""Settings under which AXON or DAWN did nothing: what they show is no finding about AXON or DAWN.

Sink thresholds are shares of attention. Where one lies below uniform attention, 1 / (positions of the sequence),
nearly every column counts as a sink: no candidate supports another, DAWN's graph has no edge, and both fall back to
confidence alone. Such settings look like any other, so it is said before anything is concluded from them.
"""

from typing import Any

import pandas as pd

from pipeline.report.cohorts import MOST
from pipeline.report.phrases import counted

FOUR_TIMES = "four times uniform attention, 1 / length"
REMEDIES = {
    "axon.tau_sink": f"axon.tau_sink=4x ({FOUR_TIMES})",
    "decoder.tau_sink": f"decoder.tau_sink=4x ({FOUR_TIMES}; null takes axon.tau_sink)",
}


def inert_warnings(points: pd.DataFrame) -> list[str]:
    """One warning per kind: with how many settings, which share, what it means and what to do. Unknown is no warning.

    Of `points`: axon, label, group, decode, n, axon_share, axon_empty, axon_sink_share, graph_empty, graph_sink_share.
    """
    scored = points[points["n"] > 0]
    found = [_axon_empty(scored), _graph_empty(scored), _sinks(scored), _never(scored), _as_base(scored)]
    return [warning for warning in found if warning]


def _axon_empty(scored: pd.DataFrame) -> str:
    known = scored[scored["axon_empty"].notna()]
    empty = known[known["axon_empty"] > MOST]
    if empty.empty:
        return ""
    return (
        f"AXON was empty in {_of(empty, known)} in which it fired: in {_share(empty['axon_empty'])} of AXON's steps "
        "no candidate had any support, so AXON fell back to the single most confident token. "
        f"{_these(empty)} nothing about AXON. "
        + _remedy(empty["axon_sink_share"], "axon.tau_sink", "a lower axon.uncertainty_threshold")
    )


def _graph_empty(scored: pd.DataFrame) -> str:
    known = scored[scored["graph_empty"].notna()]
    empty = known[known["graph_empty"] > MOST]
    if empty.empty:
        return ""
    return (
        f"DAWN's graph was empty in {_of(empty, known)} with DAWN: in {_share(empty['graph_empty'])} of its steps "
        "no position depended on another, so DAWN revealed by confidence alone. "
        f"{_these(empty)} nothing about DAWN. "
        + _remedy(empty["graph_sink_share"], "decoder.tau_sink", "a lower decoder.tau_edge")
    )


def _sinks(scored: pd.DataFrame) -> str:
    """Settings that are not empty, and so not told of above, although most columns are left out of account."""
    told = {}
    for owner, sinks, empty in (
        ("axon", "axon_sink_share", "axon_empty"),
        ("decoder", "graph_sink_share", "graph_empty"),
    ):
        known = scored[scored[sinks].notna()]
        most = known[(known[sinks] > MOST) & ~(known[empty] > MOST)]
        if len(most):
            told[f"{owner}.tau_sink"] = f"{_share(most[sinks])} in {_of(most, known)}"
    if not told:
        return ""
    shares = "; ".join(f"{text} ({key})" for key, text in told.items())
    return (
        f"Most columns counted as sinks: {shares}. Attention to them is left out of account. "
        f"Remedy: {' and '.join(REMEDIES[key] for key in told)}."
    )


def _never(scored: pd.DataFrame) -> str:
    known = scored[scored["axon"] & scored["axon_share"].notna()]
    never = known[known["axon_share"] == 0]
    if never.empty:
        return ""
    asked = _share(never["gate_share"].fillna(0.0))
    return (
        f"AXON never fired in {_of(never, known)} that use it; its gate was asked in {asked} of their steps. "
        f"{_these(never)} nothing about AXON but that its gate kept still; axon.gate=always fires whenever asked."
    )


def _as_base(scored: pd.DataFrame) -> str:
    """Settings in which AXON fired, and yet nothing came out otherwise than without it."""
    base = scored[~scored["axon"]].drop_duplicates("decode").set_index("decode")
    axon = scored[scored["axon"] & (scored["axon_share"] > 0)]
    same = axon[axon["decode"].isin(base.index)]
    if same.empty:
        return ""
    first = same.iloc[0]
    twin = base.loc[first["decode"]]
    return (
        f"AXON changed no token in {_of(same, axon)} in which it fired: they decode exactly as the base decoder alone "
        f"(such as {_name(first)} as {_name(twin)})."
    )


def _remedy(sinks: "pd.Series[float]", key: str, other: str) -> str:
    """By the cause: sinks where most columns are, or where that is not known."""
    many = sinks[~(sinks <= MOST)]
    if many.empty:
        return (
            f"Only {_share(sinks)} of the columns counted as sinks, so {key} is not the cause; try {other}."
        )
    why = f"{_share(many)} of the columns counted as sinks. " if many.notna().all() else ""
    return f"{why}Remedy: {REMEDIES[key]}."


def _of(some: pd.DataFrame, known: pd.DataFrame) -> str:
    return f"{len(some):,} of {counted(len(known), 'setting')}"


def _these(some: pd.DataFrame) -> str:
    return "This setting says" if len(some) == 1 else "These settings say"


def _share(values: "pd.Series[float]") -> str:
    lo, hi = (f"{value * 100:.0f}" for value in (values.min(), values.max()))
    return f"{lo} %" if lo == hi else f"{lo} to {hi} %"


def _name(point: "pd.Series[Any]") -> str:
    return str(point["group"]) if point["group"] == point["label"] else f"{point['group']} {point['label']}"
