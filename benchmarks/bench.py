"""What the benchmarks share: a checkpoint with prompts, seconds by part, and contenders that take turns.

Contenders are timed in turns within one run, so that a busy machine slows them all; ratios are of medians.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import torch

from axon import MaskedDiffusionModel, load_model, load_tokenizer
from pipeline.jobs.timing import take_turns
from pipeline.tasks import get_task

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Bench:
    """A model on its device and the prompts it decodes."""

    model: MaskedDiffusionModel
    prompts: list[list[int]]
    rounds: int


def open_bench(description: str | None) -> Bench:
    """Read the command line, load the model, encode the prompts."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--checkpoint", default=str(ROOT / "assets/tiny"), help="folder of the checkpoint")
    parser.add_argument("--dtype", default="float32", help="float32, bfloat16 or float16")
    parser.add_argument(
        "--device", default="cuda" if torch.cuda.is_available() else "cpu", help="where to run"
    )
    parser.add_argument("--task", default="arith", help="whose prompts: arith, pycode or lists")
    parser.add_argument("--prompts", type=int, default=64, help="how many")
    parser.add_argument("--rounds", type=int, default=5, help="how often each contender is timed")
    chosen = parser.parse_args()
    model, tokenizer = (
        load_model(chosen.checkpoint, chosen.dtype, chosen.device),
        load_tokenizer(chosen.checkpoint),
    )
    examples = get_task(chosen.task).examples("test", 0, chosen.prompts)
    prompts = [tokenizer.encode(example.prompt, add_special_tokens=False) for example in examples]
    print(f"{chosen.checkpoint} ({chosen.dtype}) on {model.device}, {torch.get_num_threads()} threads, "
          f"{len(prompts)} prompts of {chosen.task}, {chosen.rounds} rounds")  # fmt: skip
    return Bench(model, prompts, chosen.rounds)


def medians(
    contenders: Mapping[str, Callable[[], Mapping[str, float]]], rounds: int
) -> dict[str, dict[str, float]]:
    """The median of what each contender measures, over rounds in which each has its turn, after one to warm up.

    With 0 rounds that one is measured.
    """
    found: dict[str, list[Mapping[str, float]]] = {name: [] for name in contenders}
    for number, name, measured in take_turns(contenders, rounds):
        if number or not rounds:
            found[name].append(measured)
    return {
        name: {part: median(each[part] for each in measured) for part in measured[0]}
        for name, measured in found.items()
    }
