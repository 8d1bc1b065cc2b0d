"""What AXON costs a step: `python benchmarks/axon_cost.py [--device cuda --checkpoint FOLDER]`.

Each decoder alone and with AXON (gate always, two anchor steps per block) on the same prompts. Milliseconds per step
of the batch, by part, and the ratio of their sum to that of the decoder alone.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from axon import AxonSettings, Confidence, Dawn, DecodeSettings, Klass, decode
from axon.decoders import DecoderSettings
from benchmarks.bench import Bench, medians, open_bench
from pipeline.evaluation.stopwatch import Stopwatch

GEN_LENGTH = BLOCK_LENGTH = 32
PARTS = ("model", "capture", "select")
DECODERS: tuple[DecoderSettings, ...] = (Confidence(), Dawn(), Klass())
AXON = {
    "alone": AxonSettings(gate="never", tau_sink="4x"),
    "+ AXON fixed 1": AxonSettings(gate="always", max_anchor_steps=2, tau_sink="4x"),
    "+ AXON cover": AxonSettings(gate="always", policy="cover", max_anchor_steps=2, tau_sink="4x"),
    # evaluated in every step, never fires
    "+ AXON, gate alone": AxonSettings(gate="coverage_gap", beta_r=0.0, beta_u=0.0, tau_sink="4x"),
}


def main() -> None:
    bench = open_bench(__doc__)
    print(
        f"\n{'':32}"
        + "".join(f"{part:>10}" for part in (*PARTS, "all", "ratio"))
        + "   (ms per step of the batch)"
    )
    for decoder in DECODERS:
        runs = {name: partial(_step, bench, decoder, axon) for name, axon in AXON.items()}
        measured = medians(runs, bench.rounds)
        totals = {name: sum(parts.values()) for name, parts in measured.items()}
        for name, total in totals.items():
            cells = [*(measured[name][part] for part in PARTS), total]
            figures = "".join(f"{1000 * cell:10.2f}" for cell in cells)
            print(f"{decoder.name:>12} {name:19}{figures}{total / totals['alone']:10.3f}")


def _step(bench: Bench, decoder: DecoderSettings, axon: AxonSettings) -> dict[str, float]:
    """Seconds per step of the whole batch, by part."""
    timer = Stopwatch(bench.model.device)
    settings = DecodeSettings(gen_length=GEN_LENGTH, block_length=BLOCK_LENGTH, decoder=decoder, axon=axon)
    traces = decode(bench.model, bench.prompts, settings, batch_size=len(bench.prompts), timer=timer)
    steps = max(
        trace.nfe for trace in traces
    )  # all rows start together: the batch has as many as its longest
    return {part: timer.seconds[part] / steps for part in PARTS}


if __name__ == "__main__":
    main()
