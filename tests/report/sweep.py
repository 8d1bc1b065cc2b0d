"""A made-up sweep: every group along a threshold, example-level luck shared by all settings (so pairs are pairs)."""

from dataclasses import dataclass, field
from typing import Any
from zlib import crc32

import numpy as np
import pandas as pd

GEN_LENGTH = 64
THRESHOLDS = (0.3, 0.5, 0.7, 0.9)
TRADE_OFF = "decoder.threshold"


@dataclass(frozen=True)
class Label:
    """As pipeline.plan.Label."""

    group: str
    knobs: dict[str, Any]


@dataclass
class Sweep:
    settings: dict[str, dict[str, Any]] = field(default_factory=dict)
    labels: dict[str, Label] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)

    @property
    def records(self) -> pd.DataFrame:
        return pd.DataFrame(self.rows)


def make_setting(threshold: float, anchors: int | None, decoder: str = "confidence") -> dict[str, Any]:
    axon = {"gate": "never"} if anchors is None else {"gate": "coverage_gap", "anchors": anchors}
    return {
        "task": {"name": "arith", "version": 1, "split": "test"},
        "decoder": {"name": decoder, "threshold": threshold},
        "axon": axon,
        "gen_length": GEN_LENGTH,
    }


def make_record(setting_id: str, position: int, score: float | None, nfe: int | None) -> dict[str, Any]:
    return {
        "setting_id": setting_id,
        "task": "arith",
        "example_id": f"arith-{position}",
        "position": position,
        "axon_steps": [0, 2],
        "tokens": [crc32(setting_id.encode())] * GEN_LENGTH,  # every setting decodes otherwise
        "revealed_at": list(range(GEN_LENGTH)),
        "gate_checks": 3,
        "nfe": nfe,
        "nfe_to_eos": nfe,
        "tokens_generated": GEN_LENGTH,
        "tokens_to_eos": 40,
        "seconds_model": 0.1,
        "seconds_capture": 0.01,
        "seconds_select": 0.01,
        "answer": "7",
        "extracted": "7",
        "score": score,
        "metrics": [("strict", score / 2)] if score is not None else [],  # as Parquet gives a map
        "error": None if score is not None else "failed",
    }


def make_sweep(
    gain: float = 0.0,
    faster: float = 1.0,
    examples: int = 60,
    anchors: tuple[int | None, ...] = (None, 1, 2),
    thresholds: tuple[float, ...] = THRESHOLDS,
    seed: int = 0,
) -> Sweep:
    """AXON's log-odds of a right answer are `gain` above the base's, its steps `faster` times as many."""
    luck = np.random.default_rng(seed).normal(0, 1.5, examples)
    sweep = Sweep()
    for own in anchors:
        for threshold in thresholds:
            setting_id = f"{threshold}-{own}"
            sweep.settings[setting_id] = make_setting(threshold, own)
            knobs = {"decoder.threshold": threshold} | ({} if own is None else {"axon.anchors": own})
            sweep.labels[setting_id] = Label("base" if own is None else "AXON", knobs)
            odds = 3.5 * threshold - 0.8 + (0.0 if own is None else gain)
            nfe = 8 + 30 * threshold**2
            for position in range(examples):
                steps = round((nfe + luck[position]) * (1 if own is None else faster))
                score = float(odds + luck[position] > 0)
                sweep.rows.append(make_record(setting_id, position, score, steps))
    return sweep
