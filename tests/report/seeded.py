"""A sweep over seeds, each of its own luck."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pipeline.report import find
from pipeline.report.facet import Facet
from tests.report.sweep import THRESHOLDS, Sweep, changed, make_record, make_setting

EXAMPLES, SEEDS = 40, (2, 0, 1)  # in the order in which the sweep names them


def seeded(
    seeds: tuple[int, ...] = SEEDS,
    thresholds: tuple[float, ...] = THRESHOLDS,
    anchors: tuple[int | None, ...] = (None,),
    temperature: float = 0.5,
    done: dict[int, int] | None = None,
) -> Sweep:
    """Each seed's answers are its own luck; `done`: how many examples a seed has, of those that have fewer."""
    sweep = Sweep()
    for own in anchors:
        for threshold in thresholds:
            for seed in seeds:
                sid = f"{own}-{threshold}-{seed}"
                setting = changed(make_setting(sid, threshold, own), seed=seed, temperature=temperature)
                sweep.settings[sid] = replace(setting, knobs={"seed": seed, **setting.knobs})
                rng = np.random.default_rng([int(threshold * 10), seed, own or 0])
                for position in range((done or {}).get(seed, EXAMPLES)):
                    score, nfe = float(rng.random() < 0.3 + 0.5 * threshold), int(rng.integers(4, 12))
                    sweep.rows.append(make_record(sid, position, score, nfe + int(20 * threshold)))
    return sweep


def facet_of(sweep: Sweep) -> Facet:
    (facet,) = find([sweep.run], sweep.records).facets
    return facet
