"""MBPP (Austin et al. 2021, arXiv 2108.07732): short Python functions from a sentence and three tests, pass@1.

A model that continues text is asked as in lm-eval's `mbpp` (version 1), a chat model as in its `mbpp_instruct`
(version 1); the few-shot examples are the data set's own rows 2, 3 and 4. The score is that of the program that
`candidate.whole` finds in the answer, run with the row's set-up code (which lm-eval omits) and all its tests;
`harness`, recorded beside it, is that of the answer cut where lm-eval cuts it.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.tasks.benchmark import Benchmark
from pipeline.tasks.candidate import stopped, whole
from pipeline.tasks.code_task import CodeTask
from pipeline.tasks.rows import Hub, Row
from pipeline.tasks.task import Chat, Example, Score, TaskSettings

# By task_id, as in section 2.1 of the paper and in the splits on the hub.
SPLIT_IDS = {
    "prompt": range(1, 11),
    "test": range(11, 511),
    "validation": range(511, 601),
    "train": range(601, 975),
}
SHOT_IDS = (2, 3, 4)
SHOWN = 3  # tests in a prompt
TASK = "You are an expert Python programmer, and here is your task:"
DONE = "[DONE]"
FENCE = "```python\n"


@dataclass(frozen=True)
class Mbpp(CodeTask, Benchmark):
    name = "mbpp"
    version = 2
    metric = "the program found in the answer passes the tests"
    chats = True
    hub = Hub("google-research-datasets/mbpp", "full")
    columns = ("task_id", "text", "code", "test_list")
    lists = ("test_list",)
    shot_split = "prompt"

    def label(self, row: Row, place: int) -> str:
        return f"{self.name}-{row['task_id']}"

    def belongs(self, row: Row, split: str) -> bool:
        return row["task_id"] in SPLIT_IDS[split]

    def question(self, row: Row) -> str:
        return f"{TASK} {row['text']} Your code should pass these tests:\n\n{_shown(row)}\n[BEGIN]\n"

    def solution(self, row: Row) -> str:
        return f"{row['code']}\n{DONE}"

    def chat(self, row: Row) -> Chat:
        shots = tuple((_request(shot), f"{FENCE}{shot['code']}\n```") for shot in self.shots)
        return Chat(_request(row), shots, opening=FENCE)

    def check(self, row: Row) -> Any:
        lines = (*row.get("test_imports", ()), row.get("test_setup_code", ""), *row["test_list"])
        return {"entry_point": function_of(row["test_list"]), "tests": "\n".join(lines)}

    def fault(self, row: Row) -> str | None:
        if (found := super().fault(row)) is not None:
            return found
        if not isinstance(row["task_id"], int):
            return f"task_id={row['task_id']!r}: must be a whole number, as it decides the split"
        try:
            function_of(row["test_list"])
        except (SyntaxError, ValueError, RecursionError):
            return f"test_list={row['test_list']!r:.80}: calls no function"
        return None

    def score(self, answer: str, example: Example) -> Score:
        text = stopped(answer, (DONE,))
        program = whole(text, example.check["entry_point"])
        return self.judged(program, stopped(text, ("\n```",)), example.check["tests"])

    def _choose_shots(self, settings: TaskSettings, rows: Sequence[Row]) -> Sequence[Row]:
        if settings.shot_draw != "same":
            raise ValueError(
                f"task.shot_draw={settings.shot_draw!r}: the few-shot examples of {self.name} are fixed; leave it out"
            )
        if settings.shots == 0:
            return ()
        if settings.path is None or settings.shots_path is not None:
            rows = self._read("task.shots_path", settings.shots_path, settings, self.shot_split)
        by_id = {row["task_id"]: row for row in rows}
        if settings.shots > len(SHOT_IDS) or not by_id.keys() >= set(SHOT_IDS[: settings.shots]):
            raise ValueError(
                f"task.shots={settings.shots}: must be at most {len(SHOT_IDS)}, the rows with task_id 2, 3 and 4; "
                "lower it, or give a file that has them with task.shots_path=FILE"
            )
        return [by_id[number] for number in SHOT_IDS[: settings.shots]]


@dataclass(frozen=True)
class MbppSanitized(Mbpp):
    """The 427 rows that the authors checked by hand, with the descriptions as they edited them."""

    name = "mbpp_sanitized"
    hub = Hub("google-research-datasets/mbpp", "sanitized")
    aliases = {"prompt": "text"}  # noqa: RUF012


def function_of(tests: Sequence[str]) -> str:
    """The function that the tests call (the prompt shows them): the outermost, preferably one that is not a builtin.

    Raises ValueError if they call none.
    """
    calls = [node.func for test in tests for node in ast.walk(ast.parse(test)) if isinstance(node, ast.Call)]
    names = [function.id for function in calls if isinstance(function, ast.Name)]
    for name in (*(name for name in names if not hasattr(builtins, name)), *names):
        return name
    raise ValueError(f"test_list={list(tests)!r}: calls no function; give rows whose tests do")


def _shown(row: Row) -> str:
    return "\n".join(row["test_list"][:SHOWN])


def _request(row: Row) -> str:
    return f"{TASK}\n{row['text']}\nYour code should pass these tests:\n{_shown(row)}"
