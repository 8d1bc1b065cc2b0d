"""Training batches for the bundled model: fresh examples of the training split, tokenised, and their masks."""

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
    """A task with the longest prompt it makes, the lengths it is decoded at (tokens), and its rows in a batch."""

    task: GeneratedTask
    prompt: int
    answer: int
    block: int
    rows: int
    training: GeneratedTask | None = None  # where training examples come from, if not from the task itself


def _swap(items: str, rng: random.Random) -> tuple[str, Edit]:
    """Any two neighbours change places: in the training mix, but no part of the task, as it was not learnt (LOG.md)."""
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
    """tokens (rows, prompt + answer) int64, right-filled with end-of-text, and prompt lengths (rows, 1) int64.

    Rows with a short prompt have a longer canvas: what follows the answer is always end-of-text, so the model sees
    every generation length from ``answer`` up.
    """
    prompts: list[str] = []
    answers: list[str] = []
    task = canvas.training or canvas.task
    while len(prompts) < canvas.rows:
        prompt, answer, _ = task.draw(rng)
        if split_of(prompt) == "train":
            prompts.append(prompt)
            answers.append(answer)
    prompt_ids = tokenizer(prompts, add_special_tokens=False)["input_ids"]
    answer_ids = tokenizer(answers, add_special_tokens=False)["input_ids"]
    end = tokenizer.eos_token_id
    width = canvas.prompt + canvas.answer
    texts = [(p + a + [end] * width)[:width] for p, a in zip(prompt_ids, answer_ids, strict=True)]
    return torch.tensor(texts), torch.tensor([[len(p)] for p in prompt_ids])


def mask_answers(
    tokens_BL: Tensor, prompt_B1: Tensor, mask_id: int, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Mask each answer token with its row's probability t ~ U(0, 1); prompts never (LLaDA, arXiv 2502.09992).

    The t of a batch are evenly spaced after one random shift, which lowers the variance and changes no marginal.
    Returns the noised tokens (B, L), which are masked (B, L) bool, and t (B, 1).
    """
    rows, length = tokens_BL.shape
    shift = torch.rand(1, generator=generator)
    t_B1 = ((torch.arange(rows)[:, None] / rows + shift) % 1.0).clamp(min=1e-3)
    masked_BL = torch.rand(rows, length, generator=generator) < t_B1
    masked_BL &= torch.arange(length)[None, :] >= prompt_B1
    return torch.where(masked_BL, mask_id, tokens_BL), masked_BL, t_B1
