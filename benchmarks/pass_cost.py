"""What a pass of LLaDA-8B asks of a GPU, counted without one: `python benchmarks/pass_cost.py [--batch 1 8]`.

First table: kernels and multiply-adds of the network, and of the column means of its last four layers (sinks, on a
canvas of 500 positions), at several batch sizes, on tensors without data, chunked as on a card of 80 GB. Second: how
often the host waits for the device in a pass, for every decoder alone and with AXON in every step, on a small network
of the same kind.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
from torch.utils.flop_counter import FlopCounterMode

from axon import AxonSettings, DecoderSettings, DecodeSettings, MaskedDiffusionModel, decode
from axon.attention import Capture
from axon.decoders import DECODERS
from axon.decoders.pc_sampler import PcSampler
from axon.token_counts import TokenCounts
from benchmarks.counted import Launches, Waits, on_card
from benchmarks.shapes import LLADA_8B, TOY, random_model

BATCHES = (1, 8, 32, 64)
PROMPT, GEN_LENGTH, BLOCK_LENGTH = 244, 256, 32
LAYERS = (28, 29, 30, 31)
GATES: dict[str, str] = {"alone": "never", "with AXON": "always"}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--batch", type=int, nargs="+", default=BATCHES, help="batch sizes of the first table"
    )
    asked = parser.parse_args()
    print(
        f"{'batch':>6}{'padded':>8}{'kernels':>9}{'of means':>10}{'share':>8}{'GFLOP':>10}{'of means':>10}{'share':>8}"
    )
    for batch in asked.batch:
        for padded in (False, True)[: 1 + (batch > 1)]:
            network, means = counted(batch, padded)
            cells = [f"{network[0]:9}{means[0]:10}{means[0] / network[0]:8.1%}"]
            cells += [f"{network[1] / 1e9:10.0f}{means[1] / 1e9:10.1f}{means[1] / network[1]:8.2%}"]
            print(f"{batch:>6}{'yes' if padded else 'no':>8}" + "".join(cells), flush=True)
    print(f"\n{'waits per pass':>18}" + "".join(f"{name:>12}" for name in GATES))
    model = random_model(TOY, "cpu", torch.float32)
    with TemporaryDirectory() as folder:
        for decoder in decoders(Path(folder) / "counts.json"):
            cells = [
                f"{waits(model, DecodeSettings(64, 32, decoder=decoder, axon=axon(gate))):12.2f}"
                for gate in GATES.values()
            ]
            print(f"{decoder.name:>18}" + "".join(cells), flush=True)


def decoders(table: Path) -> Iterator[DecoderSettings]:
    """Each with its defaults; the table of tokens that one can't do without is written there."""
    table.write_text(TokenCounts(1, {0: 1}).text(), encoding="utf-8")
    for kind in DECODERS.values():
        yield PcSampler(token_counts=str(table)) if kind is PcSampler else kind()


def counted(batch: int, padded: bool) -> tuple[tuple[int, int], tuple[int, int]]:
    """Kernels and floating-point operations of a pass of the network, and of its column means."""
    model = random_model(LLADA_8B, "meta")
    layout = model.layout([PROMPT - row % 2 * padded for row in range(batch)], GEN_LENGTH, BLOCK_LENGTH)
    capture = Capture(LAYERS, layout.real_BW)
    tokens = torch.zeros(layout.real_BW.shape, dtype=torch.long, device="meta")
    rows = torch.arange(batch, device="meta")
    return _asked(lambda: model(tokens, layout, capture)), _asked(lambda: capture.column_means(rows))


def _asked(run: Callable[[], object]) -> tuple[int, int]:
    with on_card(), torch.no_grad(), Launches() as launches, FlopCounterMode(display=False) as flops:
        run()
    return launches.total, flops.get_total_flops()


def axon(gate: str) -> AxonSettings:
    return AxonSettings(gate=gate, policy="cover", tau_sink="4x", max_anchor_steps=1000)


def waits(model: MaskedDiffusionModel, settings: DecodeSettings) -> float:
    """Per pass, of rows that all start together: what their entering and leaving costs is in it."""
    passes = 0

    def timer(part: str) -> AbstractContextManager[object]:
        nonlocal passes
        passes += part == "model"
        return nullcontext()

    with Waits() as counts:
        decode(model, [[1] * 20] * 4, settings, seeds=range(4), batch_size=4, timer=timer)
    return float(counts.total / passes)


if __name__ == "__main__":
    main()
