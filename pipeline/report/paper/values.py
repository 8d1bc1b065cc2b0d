"""The lines as numbers, one CSV for all facets."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from pipeline.report.paper.lines import Lines


def csv(tables: Sequence[Lines]) -> str:
    found = pd.DataFrame(
        [
            {
                "task": own.task,
                "model": own.model,
                "method": line.method,
                "setting": line.setting,
                "setting_id": line.setting_id,
                "accuracy": line.accuracy.estimate,
                "accuracy_lo": line.accuracy.lo,
                "accuracy_hi": line.accuracy.hi,
                "nfe": line.nfe,
                "tpf": line.tpf,
                "tpf_to_eos": line.tpf_to_eos,
                "tokens_per_second": line.tokens_per_second,
                "speed_up": line.speed_up,
                "speed_up_against": own.against,
                "n": line.n,
                "seeds": line.seeds,
                "seed_sd": line.seed_sd,
            }
            for own in tables
            for line in own.lines
        ]
    )
    seeded = "seeds" in found and found["seeds"].notna().any()
    return (found if seeded else found.drop(columns=["seeds", "seed_sd"], errors="ignore")).to_csv(
        index=False
    )
