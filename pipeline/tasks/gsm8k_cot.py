"""GSM8K asked for its reasoning, as in lm-eval's tasks `gsm8k_cot` and `gsm8k_cot_zeroshot` (version 3), 0-shot.

Most published figures of Dream, A2D and d3LLM are of these two. lm-eval's eight worked examples of `gsm8k_cot` are not
here: all of those figures are of no examples.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar

from pipeline.tasks.candidate import stopped
from pipeline.tasks.gsm8k import Gsm8k, flexible_number, plain
from pipeline.tasks.rows import Row
from pipeline.tasks.task import Example, Score, TaskSettings

STATED = re.compile(r"The answer is (-?[0-9.,]+).")


class Gsm8kCot(Gsm8k):
    name = "gsm8k_cot"
    version = 1
    stops: ClassVar[tuple[str, ...]] = ("Q:", "</s>", "<|im_end|>")

    def question(self, row: Row) -> str:
        return f"Q: {row['question']}\nA:"

    def score(self, answer: str, example: Example) -> Score:
        """`strict` reads the number that is stated as the answer, `flexible` the last one."""
        text, gold = stopped(answer, self.stops), plain(example.check)
        said, last = STATED.search(text), flexible_number(text)
        strict = float(said is not None and plain(said[1]) == gold)
        flexible = float(last is not None and plain(last) == gold)
        return Score(flexible, last, {"strict": strict, "flexible": flexible})

    def _choose_shots(self, settings: TaskSettings, rows: Sequence[Row]) -> Sequence[Row]:
        return self._first_shots(settings, [])


class Gsm8kCotZeroshot(Gsm8kCot):
    name = "gsm8k_cot_zeroshot"

    def question(self, row: Row) -> str:
        return f"{super().question(row)} Let's think step by step."
