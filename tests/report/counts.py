"""What a decode counts besides its steps, added to a simulated sweep as the records' nullable columns."""

from typing import Any

from tests.report.sweep import GEN_LENGTH, Sweep

PROMPT = 18
WIDTH = PROMPT + GEN_LENGTH


def count(
    sweep: Sweep,
    sinks: float = 0.1,
    supported: bool = True,
    edges: bool = True,
    remasked: int = 0,
    held: int = 1,
    ahead: int = 0,
) -> Sweep:
    """`sinks`: fraction of columns that AXON and DAWN count as sinks; whether AXON finds support, DAWN an edge;
    `held`: tokens that CLAD holds back in each step; `remasked`, `ahead`: tokens of each example that are masked again,
    or revealed ahead."""
    for row in sweep.rows:
        setting = sweep.settings[row["setting_id"]]
        positions = row["nfe"] * WIDTH * setting.decode.decoder.branches
        row |= {"computed_positions": positions, "flops": 2e6 * positions}
        row |= _held(row, held) if setting.decode.decoder.name == "clad" else _NO_HELD
        row |= {"remasked": remasked, "replaced": 0, "ahead": ahead, "post_steps": 0}
        row |= _axon(row, sinks, supported) if setting.uses_axon else _NO_AXON
        row |= _graph(row, sinks, edges) if setting.decode.decoder.name == "dawn" else _NO_GRAPH
    return sweep


_NO_AXON = {"axon_steps": [], "unsupported_steps": [], "anchors": 0, "axon_sinks": 0, "axon_columns": 0}
_NO_HELD = {"compared_steps": 0, "held_back_steps": 0, "held_back": 0}
_NO_GRAPH = {"graph_steps": 0, "empty_graph_steps": 0, "graph_sinks": 0, "graph_columns": 0}


def _held(row: dict[str, Any], held: int) -> dict[str, Any]:
    steps = row["nfe"]
    return {"compared_steps": steps, "held_back_steps": steps if held else 0, "held_back": steps * held}


def _axon(row: dict[str, Any], sinks: float, supported: bool) -> dict[str, Any]:
    steps = row["axon_steps"]
    return {
        "unsupported_steps": [] if supported else steps,
        "anchors": len(steps) * (3 if supported else 1),
        "axon_sinks": round(sinks * 100) * len(steps),
        "axon_columns": 100 * len(steps),
    }


def _graph(row: dict[str, Any], sinks: float, edges: bool) -> dict[str, Any]:
    return {
        "graph_steps": row["nfe"],
        "empty_graph_steps": 0 if edges else row["nfe"],
        "graph_sinks": round(sinks * 100) * row["nfe"],
        "graph_columns": 100 * row["nfe"],
    }


def decode_alike(sweep: Sweep, first: str, *others: str) -> Sweep:
    """Gives the other settings the first one's records."""
    own = [row for row in sweep.rows if row["setting_id"] == first]
    sweep.rows = [row for row in sweep.rows if row["setting_id"] not in others]
    sweep.rows += [row | {"setting_id": other} for other in others for row in own]
    return sweep
