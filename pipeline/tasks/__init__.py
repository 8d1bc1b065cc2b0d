"""The tasks by name. One file per task: examples with prompts, and a score for an answer."""

from dataclasses import replace
from functools import lru_cache

from pipeline.sandbox import Require
from pipeline.tasks.arith import Arith
from pipeline.tasks.code_task import CodeTask
from pipeline.tasks.gsm8k import Gsm8k
from pipeline.tasks.humaneval import HumanEval
from pipeline.tasks.latin_square import LatinSquare
from pipeline.tasks.lists import Lists
from pipeline.tasks.math500 import Math500
from pipeline.tasks.mbpp import Mbpp, MbppSanitized
from pipeline.tasks.minerva_math import MinervaMath
from pipeline.tasks.pycode import PyCode
from pipeline.tasks.sudoku import Sudoku
from pipeline.tasks.task import SPLITS, Example, GeneratedTask, Score, Split, Task, TaskSettings, split_of
from pipeline.tasks.truthfulqa_gen import TruthfulQaGen
from pipeline.tasks.waiting_line import WAITING_LINES

_ALL: tuple[Task, ...] = (
    Arith(),
    PyCode(),
    Lists(),
    Gsm8k(),
    Math500(),
    MinervaMath(),
    HumanEval(),
    Mbpp(),
    MbppSanitized(),
    TruthfulQaGen(),
    *WAITING_LINES,
    LatinSquare(),
    Sudoku(),
)
TASKS: dict[str, Task] = {task.name: task for task in _ALL}
GENERATED = tuple(name for name, task in TASKS.items() if isinstance(task, GeneratedTask))


def get_task(name: str) -> Task:
    """The task of that name, without its rows; ValueError names the choices."""
    if name not in TASKS:
        raise ValueError(f"task.name={name!r}: unknown; one of {', '.join(TASKS)}")
    return TASKS[name]


def open_task(settings: TaskSettings, require: Require = "isolated") -> Task:
    """The task with its rows at hand. Raises ValueError, one line, where they are not to be had.

    `require`: of the sandbox, where answers are programs.
    """
    task = read_task(settings)
    return replace(task, require=require) if isinstance(task, CodeTask) else task


@lru_cache(maxsize=8)
def read_task(settings: TaskSettings) -> Task:
    """The task with its rows, which are read once, whatever is required of the sandbox."""
    return get_task(settings.name).opened(settings)


__all__ = [
    "GENERATED",
    "SPLITS",
    "TASKS",
    "CodeTask",
    "Example",
    "GeneratedTask",
    "Score",
    "Split",
    "Task",
    "TaskSettings",
    "get_task",
    "open_task",
    "read_task",
    "split_of",
]
