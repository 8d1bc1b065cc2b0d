"""How often `sink_rows` decides: `python benchmarks/sink_sets.py [--checkpoint FOLDER --task lists --block-length 4]`.

Attention sinks are sought by a column's mean over all rows of the canvas (`canvas`), or over those up to the block's
end (`visible`), all that a cached pass of a block-causal model has. A row per threshold: the steps of DAWN's decodes
under `canvas` in which the other rows would name another set of sinks among the columns up to the block's end, all that
anybody reads; of how many columns such a step's sets disagree; and the prompts whose decode under `visible` has other
tokens, steps or NFE. In a row's last block the two are the same set of rows, so that with one block nothing can differ.

`--cases FILE` takes prompts, lengths and alignment of a file of recorded decodes (axon/verify.py) instead of a task's.
"""

from __future__ import annotations

import sys
from argparse import ArgumentDefaultsHelpFormatter, ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
from torch import Tensor

import axon.forward
from axon import AxonSettings, Dawn, DecodeSettings, MaskedDiffusionModel, decode, load_model, load_tokenizer
from axon.block_attention import BlockAttention
from axon.columns import Counted
from axon.sinks import SinkThreshold, multiples
from axon.verify import read_cases
from pipeline.tasks import get_task

ROOT = Path(__file__).resolve().parents[1]
LENGTHS = 32, 8  # tokens, in blocks of so many


@dataclass
class Tally:
    """Over the steps of all prompts."""

    steps: int = 0
    differ: int = 0  # steps whose two sets of sinks are not the same
    columns: int = 0  # of those steps, the columns that are in one set only

    def add(self, apart_BW: Tensor) -> None:
        apart_B = apart_BW.sum(1)
        self.steps += len(apart_B)
        self.differ += int((apart_B > 0).sum())
        self.columns += int(apart_B.sum())


@dataclass(frozen=True)
class Found:
    """Of one threshold."""

    tally: Tally = field(default_factory=Tally)
    decodes: int = 0  # prompts that decode otherwise under `visible`


def main() -> None:
    parser = _words()
    asked = parser.parse_args()
    try:
        model = load_model(asked.checkpoint, asked.dtype, asked.device)
        prompts, settings = _from_cases(asked, model) if asked.cases else _from_task(asked)
    except ValueError as error:
        parser.error(str(error).splitlines()[0])
    print(
        f"{asked.checkpoint} ({asked.dtype}), {'block-causal' if model.block_causal else 'bidirectional'}, "
        f"on {model.device}, {len(prompts)} prompts of {asked.cases or asked.task}, "
        f"{settings.gen_length} tokens in blocks of {settings.block_length}, AXON's gate {settings.axon.gate}"
    )
    print(f"{'tau_sink':>8}{'steps':>8}{'differ':>8}{'share':>8}{'columns each':>14}{'other decodes':>15}")
    for threshold in asked.thresholds:
        found = measure(model, prompts, settings, threshold)
        own = found.tally
        each = f"{own.columns / own.differ:.1f}" if own.differ else "-"
        print(
            f"{threshold!s:>8}{own.steps:>8}{own.differ:>8}{own.differ / own.steps:>8.1%}{each:>14}"
            f"{f'{found.decodes} of {len(prompts)}':>15}"
        )


def measure(
    model: MaskedDiffusionModel,
    prompts: Sequence[Sequence[int]],
    settings: DecodeSettings,
    threshold: SinkThreshold,
) -> Found:
    own = replace(settings, sink_rows="canvas", axon=replace(settings.axon, tau_sink=threshold))
    tally = Tally()
    with _watching(model, threshold, tally):
        canvas = decode(model, prompts, own)
    visible = decode(model, prompts, replace(own, sink_rows="visible"))
    return Found(tally, sum(one.events != other.events for one, other in zip(canvas, visible, strict=True)))


@contextmanager
def _watching(model: MaskedDiffusionModel, threshold: SinkThreshold, tally: Tally) -> Iterator[None]:
    """Within it every step is counted; decode under `canvas`."""

    def watched(
        capture: Any, columns_BK: Tensor, start: int | None, counted: Counted, *further: Any
    ) -> BlockAttention:
        places_W = torch.arange(counted.counted_BW.shape[1], device=columns_BK.device)
        visible_BW = counted.counted_BW & (places_W <= columns_BK[:, -1:])
        visible = Counted(visible_BW, visible_BW.sum(1) if model.block_causal else counted.seen_B)
        sets = [capture.column_means(None, one) > one.bound(threshold) for one in (counted, visible)]
        tally.add((sets[0] ^ sets[1]) & visible_BW)
        return BlockAttention(capture, columns_BK, start, counted, *further)

    with patch.object(axon.forward, "BlockAttention", watched):
        yield


def _from_task(asked: Namespace) -> tuple[list[list[int]], DecodeSettings]:
    encode = partial(load_tokenizer(asked.checkpoint).encode, add_special_tokens=False)
    examples = get_task(asked.task).examples("test", 0, asked.prompts)
    prompts = [encode(example.prompt) for example in examples]
    return prompts, _settings(asked, asked.gen_length, asked.block_length)


def _from_cases(asked: Namespace, model: MaskedDiffusionModel) -> tuple[list[list[int]], DecodeSettings]:
    cases = read_cases(Path(asked.cases), model)
    settings = _settings(asked, cases["gen_length"], cases["block_length"])
    alignment = cases.get("block_alignment", "prompt")
    return [case["prompt"] for case in cases["cases"]], replace(settings, block_alignment=alignment)


def _settings(asked: Namespace, gen_length: int, block_length: int) -> DecodeSettings:
    axon = AxonSettings(gate=asked.gate, attention_layers=asked.layers)
    return DecodeSettings(gen_length, block_length, decoder=Dawn(tau_edge=asked.tau_edge), axon=axon)


def _words() -> ArgumentParser:
    parser = ArgumentParser(description=__doc__, formatter_class=ArgumentDefaultsHelpFormatter)
    parser.add_argument("--checkpoint", default=str(ROOT / "assets/tiny"), help="folder of the checkpoint")
    parser.add_argument("--dtype", default="float32", help="float32, bfloat16 or float16")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--task", default="lists", help="whose prompts")
    parser.add_argument("--prompts", type=int, default=64, help="how many")
    parser.add_argument("--gen-length", type=int, default=LENGTHS[0])
    parser.add_argument("--block-length", type=int, default=LENGTHS[1])
    parser.add_argument("--cases", help="a file of recorded decodes")
    parser.add_argument("--thresholds", nargs="+", default=["4x", "2x", 0.01], type=_threshold)
    parser.add_argument("--tau-edge", type=float, default=Dawn().tau_edge, help="DAWN's")
    parser.add_argument("--gate", default="coverage_gap", help="of AXON; never: DAWN alone")
    parser.add_argument("--layers", default=AxonSettings().attention_layers, help="whose attention is read")
    return parser


def _threshold(text: str) -> SinkThreshold:
    return text if multiples(text) is not None else float(text)


if __name__ == "__main__":
    main()
