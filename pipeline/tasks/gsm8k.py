"""GSM8K: grade-school word problems, asked and scored as in lm-eval's task `gsm8k` (version 3).

Two readings of an answer are scored: `strict`, the first number after `####`, and `flexible`, the last number
anywhere. The score is that of the flexible one.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar

from pipeline.tasks.benchmark import Benchmark
from pipeline.tasks.candidate import stopped
from pipeline.tasks.rows import Hub, Row, written
from pipeline.tasks.task import Example, Score

STRICT = re.compile(r"#### (-?[0-9.,]+)")
FLEXIBLE = re.compile(r"(-?[$0-9.,]{2,})|(-?[0-9]+)")
STOPS = ("Question:", "</s>", "<|im_end|>")  # a model that asks itself another question has answered this one
WORKING = re.compile(r"(?s).*#### ")


class Gsm8k(Benchmark):
    name = "gsm8k"
    version = 2
    metric = "the last number of the answer is right"
    hub = Hub("openai/gsm8k", "main")
    columns = ("question", "answer")
    stops: ClassVar[tuple[str, ...]] = STOPS

    def question(self, row: Row) -> str:
        return f"Question: {row['question']}\nAnswer:"

    def solution(self, row: Row) -> str:
        return f" {written(row['answer'])}"

    def check(self, row: Row) -> Any:
        return written(row["answer"])

    def fault(self, row: Row) -> str | None:
        if (found := super().fault(row)) is not None:
            return found
        if not FLEXIBLE.fullmatch(plain(written(row["answer"]))):
            return f"answer={row['answer']!r:.80}: does not end with a number"
        return None

    def score(self, answer: str, example: Example) -> Score:
        text = cut(answer)
        strict, flexible = strict_number(text), flexible_number(text)
        values = {
            name: float(found is not None and plain(found) == plain(example.check))
            for name, found in (("strict", strict), ("flexible", flexible))
        }
        return Score(values["flexible"], flexible, values)


def cut(answer: str) -> str:
    """The answer up to the first stop sequence."""
    return stopped(answer, STOPS)


def strict_number(answer: str) -> str | None:
    found = STRICT.search(answer)
    return found[1].strip() if found else None


def flexible_number(answer: str) -> str | None:
    found = [match[1] or match[2] for match in FLEXIBLE.finditer(answer)]
    return found[-1].strip() if found else None


def plain(number: str) -> str:
    """A number as it is compared: without steps before `####`, thousands commas, dollar signs and a final full stop."""
    text = WORKING.sub("", number.replace(",", "").replace("$", ""))
    return text.removesuffix(".").lower()
