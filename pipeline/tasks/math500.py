r"""MATH-500: competition problems, to be answered in \boxed{}, compared by math-verify.

The score is whether the expression that math-verify reads in the answer (a boxed one first) equals the gold one.
Recorded beside it: `boxed`, whether the content of the last \boxed{} is identical to the gold one, spaces aside.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from pipeline.tasks.benchmark import Benchmark
from pipeline.tasks.equivalence import Verifier
from pipeline.tasks.rows import Hub, Row, written
from pipeline.tasks.task import Example, Score

BRACE = re.compile(r"\\boxed\{|[{}]")
REQUEST = "Reason step by step and put the final answer in \\boxed{}."


@dataclass(frozen=True)
class Math500(Benchmark):
    name = "math500"
    version = 2
    metric = "math-verify finds the answer equal to the gold answer"
    hub = Hub("HuggingFaceH4/MATH-500")
    columns = ("problem", "answer")
    aliases = {"question": "problem", "ground_truth_answer": "answer"}  # noqa: RUF012

    verifier: Verifier = field(default_factory=Verifier, compare=False, repr=False)

    def question(self, row: Row) -> str:
        return f"{row['problem']}\n{REQUEST}\n"

    def solution(self, row: Row) -> str:
        return f"\\boxed{{{written(row['answer'])}}}"

    def check(self, row: Row) -> Any:
        return written(row["answer"])

    def score(self, answer: str, example: Example) -> Score:
        inside = boxed(answer)
        same_text = inside is not None and _bare(inside) == _bare(example.check)
        same, read = self.verifier.compare(f"\\boxed{{{example.check}}}", answer)
        return Score(float(same), inside if inside is not None else read, {"boxed": float(same_text)})


def boxed(answer: str) -> str | None:
    r"""The content of the last \boxed{...} whose braces match; None if there is none."""
    opened: list[int] = []  # places behind braces that are open
    last: tuple[int, int] | None = None
    for brace in BRACE.finditer(answer):
        if brace[0] != "}":
            opened.append(brace.end() if brace[0] != "{" else 0)
        elif opened and (start := opened.pop()):
            last = max(last or (0, 0), (start, brace.start()))
    return answer[slice(*last)] if last else None


def _bare(text: str) -> str:
    return "".join(text.split())
