"""How full batches are and how much of them is padding: `python benchmarks/packing.py [--batch 32] [--slice 32]`.

The prompts of the bundled tasks, and of the benchmarks whose rows lie in ../shared/data, are decoded by a small random
network, G = 64 tokens each: slice by slice, and as one stream in the order and with the limits of `Evaluator.slices`.
Tokens are counted roughly (words of up to 7 letters, digits, signs). Rows: the mean in a batch over --batch; padding:
of the columns that passes computed; passes of the batch; processor seconds.
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random
from time import process_time
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch

from axon import AxonSettings, Confidence, DecodeSettings, MaskedDiffusionModel, decode
from axon.models.layout import Layout
from axon.room import Room
from axon.waiting import Prompt, Waiting
from benchmarks.shapes import TOY, random_model
from pipeline.evaluation.evaluate import enough
from pipeline.tasks import get_task

ROWS = Path(__file__).resolve().parents[2] / "shared/data"
WORDS = re.compile(r"\s?[A-Za-z]{1,7}|\d|[^\w\s]|\n+|\s{2,}")
SETTINGS = DecodeSettings(
    gen_length=64, block_length=32, decoder=Confidence(threshold=0.7), axon=AxonSettings(gate="never")
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--slice", type=int, default=32)
    parser.add_argument("--limit", type=int, default=200)
    asked = parser.parse_args()
    torch.manual_seed(0)
    model = random_model(TOY | {"n_layers": 1}, "cpu", torch.float32)
    model.network.get_parameter("lm_head.weight").mul_(
        40
    )  # so that some tokens are likely, and rows differ in steps
    heads = "".join(f"{name:>10}{'padding':>9}{'passes':>8}{'seconds':>9}" for name in ("rows", "rows"))
    print(f"{'':<16}{'slice by slice':>36}{'one stream':>36}\n{'':<16}{heads}")
    for name, texts in _texts().items():
        draw = Random(0)
        draw.shuffle(texts)
        prompts = [draw.choices(range(900), k=len(WORDS.findall(text))) for text in texts[: asked.limit]]
        shown = [
            _counted(model, asked.batch, partial(run, model, prompts, asked)) for run in (_slices, _stream)
        ]
        print(f"{name:<10}{len(prompts):>6}" + "".join(shown), flush=True)


def _texts() -> dict[str, list[str]]:
    found = {
        name: [example.prompt for example in get_task(name).examples("test", 0, 1000)]
        for name in ("arith", "pycode", "lists")
    }
    if ROWS.is_dir():
        found["gsm8k"] = [json.loads(row)["question"] for row in (ROWS / "gsm8k_test.jsonl").open()]
        with gzip.open(ROWS / "HumanEval.jsonl.gz", "rt") as rows:
            found["humaneval"] = [json.loads(row)["prompt"] for row in rows]
        mbpp = [json.loads(row) for row in (ROWS / "mbpp.jsonl").open()]
        found["mbpp"] = ["\n".join([row["text"], *row["test_list"]]) for row in mbpp]
        found["math500"] = [row["question"] for row in json.loads((ROWS / "math500.json").read_text())]
    return found


def _slices(model: MaskedDiffusionModel, prompts: list[list[int]], asked: argparse.Namespace) -> None:
    for start in range(0, len(prompts), asked.slice):
        decode(model, prompts[start : start + asked.slice], SETTINGS, batch_size=asked.batch)


def _stream(model: MaskedDiffusionModel, prompts: list[list[int]], asked: argparse.Namespace) -> None:
    rows = [Prompt(place, tokens, None) for place, tokens in enumerate(prompts)]
    groups: list[list[Prompt]] = [[]]
    for start in range(0, len(rows), asked.slice):
        if enough([len(row.tokens) for row in groups[-1]], asked.batch, SETTINGS.gen_length):
            groups.append([])
        groups[-1] += rows[start : start + asked.slice]
    for _ in Room(asked.batch).stream(model, Waiting(groups), SETTINGS):
        pass


def _counted(model: MaskedDiffusionModel, batch: int, run: Callable[[], None]) -> str:
    passes = rows = columns = real = 0

    def count(module: Any, given: tuple[torch.Tensor, Layout]) -> None:
        nonlocal passes, rows, columns, real
        passes, rows = passes + 1, rows + len(given[0])
        columns, real = columns + given[0].numel(), real + int(given[1].real_BW.sum())

    hook = model.register_forward_pre_hook(count)
    begun = process_time()
    run()
    spent = process_time() - begun
    hook.remove()
    return f"{rows / passes / batch:>10.2f}{1 - real / columns:>9.1%}{passes:>8}{spent:>9.2f}"


if __name__ == "__main__":
    main()
