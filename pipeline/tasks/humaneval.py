r"""HumanEval (Chen et al. 2021, arXiv 2107.03374): functions to complete from a signature and a docstring, pass@1.

A model that continues text is asked as in lm-eval's `humaneval` (version 1), a chat model as in its
`humaneval_instruct` (version 4). The score is that of the program that `candidate.completed` finds in the answer;
`harness`, recorded beside it, is that of the answer cut where lm-eval cuts it.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.tasks.benchmark import Benchmark
from pipeline.tasks.candidate import STOPS, completed, stopped
from pipeline.tasks.code_task import CodeTask
from pipeline.tasks.rows import Hub, Row
from pipeline.tasks.task import Chat, Example, Score, TaskSettings

HARNESS_STOPS = (*STOPS, "```")


@dataclass(frozen=True)
class HumanEval(CodeTask, Benchmark):
    name = "humaneval"
    version = 2
    metric = "the program found in the answer passes the tests"
    chats = True
    hub = Hub("openai/openai_humaneval")
    columns = ("task_id", "prompt", "canonical_solution", "test", "entry_point")

    def label(self, row: Row, place: int) -> str:
        return str(row["task_id"])

    def question(self, row: Row) -> str:
        return str(row["prompt"])

    def chat(self, row: Row) -> Chat:
        code = f"```python\n{row['prompt']}\n"
        request = "Write a solution to the following problem and make sure that it passes the tests:"
        return Chat(f"{request}\n{code}```\n", opening=f"Here is the completed function:\n{code}")

    def solution(self, row: Row) -> str:
        return str(row["canonical_solution"])

    def check(self, row: Row) -> Any:
        return {"entry_point": row["entry_point"], "tests": f"{row['test']}\ncheck({row['entry_point']})"}

    def fault(self, row: Row) -> str | None:
        """Also refuses tests that cannot be run, which no answer would pass."""
        if (found := super().fault(row)) is not None:
            return found
        if not str(row["entry_point"]).isidentifier():
            return f"entry_point={row['entry_point']!r:.80}: must be a function's name"
        return None if _defines_check(str(row["test"])) else "test defines no function check"

    def score(self, answer: str, example: Example) -> Score:
        program = completed(example.prompt, answer, example.check["entry_point"])
        as_written = example.prompt + stopped(answer, HARNESS_STOPS)
        return self.judged(program, as_written, example.check["tests"])

    def _choose_shots(self, settings: TaskSettings, rows: Sequence[Row]) -> Sequence[Row]:
        return self._first_shots(settings, ())  # it has none


def _defines_check(test: str) -> bool:
    try:
        body = ast.parse(test).body
    except (SyntaxError, ValueError, RecursionError):
        return False
    return any(isinstance(statement, ast.FunctionDef) and statement.name == "check" for statement in body)
