"""Training batches for the bundled model: fresh, tokenised examples of the training split, and their masks."""

from __future__ import annotations

import random
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from pipeline.tasks import GeneratedTask, split_of
from pipeline.tasks.arith import Arith
from pipeline.tasks.lists import KINDS, Edit, Lists
from pipeline.tasks.pycode import PyCode


@dataclass(frozen=True)
class Canvas:
    """A task with its longest prompt, the lengths at which it is decoded (in tokens), and its rows in a batch."""

    task: GeneratedTask
    prompt: int
    answer: int
    block: int
    rows: int
    training: GeneratedTask | None = None  # the source of training examples, if not the task itself


def _swap(items: str, rng: random.Random) -> tuple[str, Edit]:
    """Swaps any two neighbours: part of the training mix but not of the task, as it was not learnt (LOG.md)."""
    return "swap ", lambda text: [
        text[:k] + text[k + 1] + text[k] + text[k + 2 :] for k in range(len(text) - 1)
    ]


CANVASES = (
    Canvas(Arith(), prompt=18, answer=20, block=20, rows=44),
    Canvas(PyCode(), prompt=17, answer=28, block=28, rows=60),
    Canvas(Lists(), prompt=24, answer=16, block=16, rows=40, training=Lists((*KINDS, _swap))),
)


def draw_batch(
    canvas: Canvas, tokenizer: PreTrainedTokenizerFast, rng: random.Random
) -> tuple[Tensor, Tensor]:
    """Tokens (rows, prompt + answer) int64, padded on the right with end-of-text, and prompt lengths (rows, 1) int64.

    Rows with a short prompt have a longer canvas: the answer is always followed by end-of-text, so the model sees
    every generation length from ``answer`` up.
    """
    prompts: list[str] = []
    references: list[str] = []
    task = canvas.training or canvas.task
    while len(prompts) < canvas.rows:
        prompt, reference, _ = task.draw(rng)
        if split_of(prompt) == "train":
            prompts.append(prompt)
            references.append(reference)
    prompt_ids = tokenizer(prompts, add_special_tokens=False)["input_ids"]
    reference_ids = tokenizer(references, add_special_tokens=False)["input_ids"]
    end = tokenizer.eos_token_id
    width = canvas.prompt + canvas.answer
    texts = [(p + r + [end] * width)[:width] for p, r in zip(prompt_ids, reference_ids, strict=True)]
    return torch.tensor(texts), torch.tensor([[len(p)] for p in prompt_ids])


def mask_answers(
    tokens_BL: Tensor, prompt_B1: Tensor, mask_id: int, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Masks each answer token with its row's probability t ~ U(0, 1), prompts never (LLaDA, arXiv 2502.09992).

    The t of a batch are evenly spaced after one random shift, which lowers the variance without changing the marginals.
    Returns the noised tokens (B, L), a boolean mask of those that are masked (B, L), and t (B, 1).
    """
    rows, length = tokens_BL.shape
    shift = torch.rand(1, generator=generator)
    t_B1 = ((torch.arange(rows)[:, None] / rows + shift) % 1.0).clamp(min=1e-3)
    masked_BL = torch.rand(rows, length, generator=generator) < t_B1
    masked_BL &= torch.arange(length)[None, :] >= prompt_B1
    return torch.where(masked_BL, mask_id, tokens_BL), masked_BL, t_B1
