"""A network in training, with all that continuing it needs: weights, optimizers, their running average, the step."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import PreTrainedTokenizerFast

from assets.tiny.batches import CANVASES, Canvas, draw_batch, mask_answers
from assets.tiny.network import build_network, export
from assets.tiny.tokenizer import build_tokenizer

# (step, fraction of the peak learning rate), linear in between: warm-up, constant, decay.
SCHEDULE = ((0, 0.0), (200, 1.0), (1500, 1.0), (9000, 0.0))
STEPS = SCHEDULE[-1][0]
AVERAGE = 0.998


class Training:
    """`step`: steps taken so far. `seconds`: what they took, for whoever takes them to keep up to date."""

    def __init__(self, seed: int, rate: float, device: str, compiled: bool) -> None:
        """`rate`: peak learning rate. `compiled`: by torch.compile."""
        self.step, self.seconds = 0, 0.0
        self._seed, self._rate, self._device = seed, rate, device
        self._tokenizer = build_tokenizer()
        torch.manual_seed(seed)
        network: nn.Module = build_network(len(self._tokenizer))
        self._network = network.to(device)
        self._optimizers = _optimizers(self._network, rate)
        self._average = {name: value.detach().clone() for name, value in self._network.state_dict().items()}
        self._forward = torch.compile(self._network, dynamic=False) if compiled else self._network

    def advance(self) -> list[Tensor]:
        """Takes one step; returns each task's loss, which its batch alone decides and the seed and step draw."""
        factor = _rate_fraction(self.step)
        for optimizer in self._optimizers:
            for group in optimizer.param_groups:
                group["lr"] = self._rate * factor
        rng = random.Random(f"{self._seed} {self.step}")
        generator = torch.Generator().manual_seed(self._seed * 1_000_003 + self.step)
        losses = [
            _task_loss(self._forward, canvas, self._tokenizer, rng, generator, self._device)
            for canvas in CANVASES
        ]
        nn.utils.clip_grad_norm_(self._network.parameters(), 1.0)
        for optimizer in self._optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        with torch.no_grad():
            for name, value in self._network.state_dict().items():
                self._average[name].lerp_(value, 1 - min(AVERAGE, (self.step + 1) / (self.step + 10)))
        self.step += 1
        return losses

    def load(self, file: Path) -> None:
        """Continues from what `save` wrote."""
        state = torch.load(file, weights_only=True, map_location=self._device)
        self._network.load_state_dict(state["network"])
        for optimizer, saved in zip(self._optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        self._average, self.step, self.seconds = state["average"], state["step"], state["seconds"]

    def save(self, file: Path) -> None:
        """Written beside it first, so that the file is always whole."""
        partial = file.with_suffix(".part")
        torch.save(
            {
                "network": self._network.state_dict(),
                "optimizers": [optimizer.state_dict() for optimizer in self._optimizers],
                "average": self._average,
                "step": self.step,
                "seconds": self.seconds,
            },
            partial,
        )
        partial.rename(file)

    def export(self, folder: Path) -> None:
        """The running average of the weights, as a checkpoint."""
        export({name: value.cpu() for name, value in self._average.items()}, self._tokenizer, folder)


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
