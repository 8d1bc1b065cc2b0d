"""The sizes at which loops are compared: a model, prompts of one length, and how they are decoded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from axon import MaskedDiffusionModel, load_model, load_tokenizer
from axon.models.sdar import SDAR
from benchmarks.shapes import SDAR_SMALL, SDAR_TOY, TOY, WIDE, peaked, random_model
from pipeline.tasks import get_task

TINY = Path(__file__).resolve().parents[1] / "assets/tiny"


@dataclass(frozen=True)
class Size:
    """A model and what it decodes. All prompts are as long: the releases' loops know no padding."""

    name: str
    model: MaskedDiffusionModel
    prompts: list[list[int]]
    gen_length: int
    block_length: int
    fixed_steps: int  # of LLaDA's loop

    @property
    def tau_sink(self) -> float:
        """Four times uniform attention, as the number that the releases want."""
        return 4.0 / (len(self.prompts[0]) + self.gen_length)


def tiny() -> Size:
    """The bundled model; in two blocks, so that a cache has something to keep."""
    tokenizer = load_tokenizer(str(TINY))
    examples = get_task("pycode").examples("test", 0, 200)
    prompts = [tokenizer.encode(example.prompt, add_special_tokens=False) for example in examples]
    length = Counter(map(len, prompts)).most_common(1)[0][0]
    same = [prompt for prompt in prompts if len(prompt) == length]
    return Size("tiny", load_model(str(TINY)), same, 28, 14, 14)


def wide() -> Size:
    torch.manual_seed(0)
    model = peaked(random_model(WIDE, "cpu", torch.float32))
    return Size("wide", model, torch.randint(0, 100_000, (8, 128)).tolist(), 128, 32, 8)


def sdar() -> Size:
    torch.manual_seed(0)
    model = peaked(random_model(SDAR_SMALL, "cpu", torch.float32, SDAR))
    return Size("sdar", model, torch.randint(0, 29_000, (8, 128)).tolist(), 64, 4, 64)


def toy(block_causal: bool = False) -> Size:
    """Small enough for a test."""
    torch.manual_seed(0)
    if block_causal:
        model = peaked(random_model(SDAR_TOY, "cpu", torch.float32, SDAR))
    else:
        model = peaked(random_model(TOY | {"vocab_size": 120, "embedding_size": 120}, "cpu", torch.float32))
    return Size("toy", model, torch.randint(0, 110, (4, 11)).tolist(), 24, 8, 12)


SIZES: dict[str, Callable[[], Size]] = {"tiny": tiny, "wide": wide, "sdar": sdar}
