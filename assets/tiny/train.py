"""Train the bundled model from scratch: `python assets/tiny/train.py` (see --help). After Ctrl-C, the same command
continues where it stopped. The weights written are a running average over the last steps."""

from __future__ import annotations

import argparse
import csv
import math
import random
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import PreTrainedTokenizerFast

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from assets.tiny.batches import CANVASES, Canvas, draw_batch, mask_answers  # noqa: E402
from assets.tiny.network import build_network, export  # noqa: E402
from assets.tiny.tokenizer import build_tokenizer  # noqa: E402

# (step, fraction of the peak learning rate), linear in between: warm-up, constant, decay.
SCHEDULE = ((0, 0.0), (200, 1.0), (1500, 1.0), (9000, 0.0))
STEPS = SCHEDULE[-1][0]
AVERAGE, SAVE_EVERY, SHOW_EVERY = 0.998, 250, 25


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
    tokenizer = build_tokenizer()
    torch.manual_seed(chosen.seed)
    network = build_network(len(tokenizer)).to(chosen.device)
    optimizers = _optimizers(network, chosen.rate)
    average = {name: value.detach().clone() for name, value in network.state_dict().items()}
    state_file = chosen.work / "state.pt"
    start, seconds = 0, 0.0
    if state_file.exists():
        state = torch.load(state_file, weights_only=True, map_location=chosen.device)
        network.load_state_dict(state["network"])
        for optimizer, saved in zip(optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        average, start, seconds = state["average"], state["step"], state["seconds"]
        print(f"continuing from step {start}", flush=True)
    forward = torch.compile(network, dynamic=False) if chosen.compile else network

    def save(step: int) -> None:
        partial = state_file.with_suffix(".part")
        torch.save(
            {
                "network": network.state_dict(),
                "optimizers": [optimizer.state_dict() for optimizer in optimizers],
                "average": average,
                "step": step,
                "seconds": seconds + time.perf_counter() - began,
            },
            partial,
        )
        partial.rename(state_file)
        export({name: value.cpu() for name, value in average.items()}, tokenizer, chosen.work / "checkpoint")

    began = time.perf_counter()
    shown: list[list[Tensor]] = []
    step = start
    try:
        for step in range(start, STEPS):
            factor = _rate_fraction(step)
            for optimizer in optimizers:
                for group in optimizer.param_groups:
                    group["lr"] = chosen.rate * factor
            rng = random.Random(f"{chosen.seed} {step}")
            generator = torch.Generator().manual_seed(chosen.seed * 1_000_003 + step)
            losses = [
                _task_loss(
                    forward,
                    canvas,
                    tokenizer,
                    rng,
                    generator,
                    chosen.device,
                )
                for canvas in CANVASES
            ]
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            for optimizer in optimizers:
                optimizer.step()
                optimizer.zero_grad(set_to_none=True)
            with torch.no_grad():
                for name, value in network.state_dict().items():
                    average[name].lerp_(value, 1 - min(AVERAGE, (step + 1) / (step + 10)))
            shown.append(losses)
            if (step + 1) % SHOW_EVERY == 0:
                _show(step + 1, start, shown, seconds, began, chosen.work / "loss.csv")
                shown = []
            if (step + 1) % SAVE_EVERY == 0:
                save(step + 1)
    except KeyboardInterrupt:
        save(step)
        print(f"\nstopped at step {step}; the same command continues from there")
        raise SystemExit(130) from None
    save(STEPS)
    export({name: value.cpu() for name, value in average.items()}, tokenizer, chosen.out)
    shutil.copy(chosen.work / "loss.csv", chosen.out)  # which the card plots
    print(f"checkpoint in {chosen.out}")


def _rate_fraction(step: int) -> float:
    knots, fractions = zip(*SCHEDULE, strict=True)
    return float(np.interp(step + 1, knots, fractions))


def _task_loss(
    forward: Callable[..., Any],
    canvas: Canvas,
    tokenizer: PreTrainedTokenizerFast,
    rng: random.Random,
    generator: torch.Generator,
    device: str,
) -> Tensor:
    """One task's loss per canvas token: cross-entropy on masked tokens, weighted by 1/t; adds its gradient."""
    tokens_BL, prompt_B1 = draw_batch(canvas, tokenizer, rng)
    noised_BL, masked_BL, t_B1 = mask_answers(tokens_BL, prompt_B1, tokenizer.mask_token_id, generator)
    tokens_BL, noised_BL, masked_BL, t_B1 = (
        tensor.to(device) for tensor in (tokens_BL, noised_BL, masked_BL, t_B1)
    )
    with torch.autocast(device, torch.bfloat16):
        logits_BLV = forward(input_ids=noised_BL, use_cache=False).logits
    loss_BL = nn.functional.cross_entropy(logits_BLV.float().transpose(1, 2), tokens_BL, reduction="none")
    loss: Tensor = (loss_BL * masked_BL / t_B1).sum() / (len(tokens_BL) * canvas.answer)
    loss.backward()
    return loss.detach()


def _optimizers(network: nn.Module, rate: float) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside the layers, AdamW for embeddings, head and norms."""
    inside = {id(p) for n, p in network.named_parameters() if p.ndim == 2 and ".layers." in n}
    matrices = [p for p in network.parameters() if id(p) in inside]
    others = [p for p in network.parameters() if id(p) not in inside]
    return [
        torch.optim.Muon(matrices, lr=rate, weight_decay=0.01, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, lr=rate, betas=(0.9, 0.98), weight_decay=0.0),
    ]


def _show(step: int, start: int, shown: list[list[Tensor]], before: float, began: float, file: Path) -> None:
    means = torch.tensor([[float(loss) for loss in losses] for losses in shown]).mean(0).tolist()
    spent = time.perf_counter() - began
    left = spent / (step - start) * (STEPS - step)
    names = [canvas.task.name for canvas in CANVASES]
    text = "  ".join(f"{name} {mean:.4f}" for name, mean in zip(names, means, strict=True))
    print(
        f"step {step}/{STEPS}  {text}  {before + spent:.0f} s, about {math.ceil(left / 60)} min left",
        flush=True,
    )
    fresh = not file.exists()
    with file.open("a", newline="") as stream:
        writer = csv.writer(stream)
        if fresh:
            writer.writerow(["step", "seconds", *names])
        writer.writerow([step, f"{before + spent:.1f}", *(f"{mean:.5f}" for mean in means)])


if __name__ == "__main__":
    main()
