"""How often each token occurs in the first steps of the bundled model's training: `python assets/tiny/count_tokens.py`
writes token_counts.json again, for the decoder pc_sampler."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from assets.tiny.batches import CANVASES, draw_batch  # noqa: E402
from assets.tiny.tokenizer import build_tokenizer  # noqa: E402
from axon.count_tokens import count  # noqa: E402

STEPS = 20  # 2,880 texts
FILE = HERE / "token_counts.json"


def trained_on(seed: int = 0) -> Iterator[list[int]]:
    """The tokens of those steps' batches, prompts, answers and what fills the canvas, as training.py draws them."""
    tokenizer = build_tokenizer()
    for step in range(STEPS):
        rng = random.Random(f"{seed} {step}")
        for canvas in CANVASES:
            tokens_BL, _ = draw_batch(canvas, tokenizer, rng)
            yield from tokens_BL.tolist()


if __name__ == "__main__":
    FILE.write_text(count(trained_on()).text() + "\n", encoding="utf-8")
