"""Train the bundled model from scratch: `python assets/tiny/train.py` (see --help). After Ctrl-C, the same command
continues where it stopped. The weights written are a running average over the last steps."""

from __future__ import annotations

import argparse
import csv
import math
import shutil
import sys
import time
from pathlib import Path

import torch
from torch import Tensor

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from assets.tiny.batches import CANVASES  # noqa: E402
from assets.tiny.training import STEPS, Training  # noqa: E402

SAVE_EVERY, SHOW_EVERY = 250, 25


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--rate", type=float, default=3e-3, help="peak learning rate")
    parser.add_argument("--seed", type=int, default=0, help="seed of weights, examples and masks")
    parser.add_argument(
        "--device", default="cuda" if torch.cuda.is_available() else "cpu", help="where to train"
    )
    parser.add_argument(
        "--compile", action=argparse.BooleanOptionalAction, default=True, help="torch.compile (1.4x)"
    )
    parser.add_argument(
        "--work", type=Path, default=Path("outputs/train-tiny"), help="folder of the state to continue from"
    )
    parser.add_argument("--out", type=Path, default=HERE, help="folder of the finished checkpoint")
    return parser.parse_args()


def main() -> None:
    chosen = options()
    chosen.work.mkdir(parents=True, exist_ok=True)
    training = Training(chosen.seed, chosen.rate, chosen.device, chosen.compile)
    state_file = chosen.work / "state.pt"
    if state_file.exists():
        training.load(state_file)
        print(f"continuing from step {training.step}", flush=True)
    try:
        _train(training, chosen.work)
    except KeyboardInterrupt:
        _save(training, chosen.work)
        print(f"\nstopped at step {training.step}; the same command continues from there")
        raise SystemExit(130) from None
    _save(training, chosen.work)
    training.export(chosen.out)
    shutil.copy(chosen.work / "loss.csv", chosen.out)  # which the card plots
    print(f"checkpoint in {chosen.out}")


def _train(training: Training, work: Path) -> None:
    """To the last step; `training.seconds` is kept up to date at every save and line."""
    start, before, began = training.step, training.seconds, time.perf_counter()
    shown: list[list[Tensor]] = []
    try:
        while training.step < STEPS:
            shown.append(training.advance())
            if training.step % SHOW_EVERY == 0:
                training.seconds = before + time.perf_counter() - began
                pace = (training.seconds - before) / (training.step - start)
                _show(training, shown, pace, work / "loss.csv")
                shown = []
            if training.step % SAVE_EVERY == 0:
                training.seconds = before + time.perf_counter() - began
                _save(training, work)
    finally:
        training.seconds = before + time.perf_counter() - began


def _save(training: Training, work: Path) -> None:
    training.save(work / "state.pt")
    training.export(work / "checkpoint")


def _show(training: Training, shown: list[list[Tensor]], pace: float, file: Path) -> None:
    """The losses since the last line, on the terminal and in a csv file; `pace`: seconds a step."""
    means = torch.tensor([[float(loss) for loss in losses] for losses in shown]).mean(0).tolist()
    names = [canvas.task.name for canvas in CANVASES]
    text = "  ".join(f"{name} {mean:.4f}" for name, mean in zip(names, means, strict=True))
    left = math.ceil(pace * (STEPS - training.step) / 60)
    print(
        f"step {training.step}/{STEPS}  {text}  {training.seconds:.0f} s, about {left} min left", flush=True
    )
    fresh = not file.exists()
    with file.open("a", newline="") as stream:
        writer = csv.writer(stream)
        if fresh:
            writer.writerow(["step", "seconds", *names])
        writer.writerow([training.step, f"{training.seconds:.1f}", *(f"{mean:.5f}" for mean in means)])


if __name__ == "__main__":
    main()
