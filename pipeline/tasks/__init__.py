"""The tasks by name. One file per task: examples with prompts, and a score for an answer."""

from pipeline.tasks.arith import Arith
from pipeline.tasks.lists import Lists
from pipeline.tasks.pycode import PyCode
from pipeline.tasks.task import SPLITS, Example, GeneratedTask, Score, Split, Task, split_of

TASKS: dict[str, Task] = {task.name: task for task in (Arith(), PyCode(), Lists())}


def get_task(name: str) -> Task:
    """The task of that name; ValueError names the choices."""
    if name not in TASKS:
        raise ValueError(f"task.name={name!r}: unknown; one of {', '.join(TASKS)}")
    return TASKS[name]


__all__ = ["SPLITS", "TASKS", "Example", "GeneratedTask", "Score", "Split", "Task", "get_task", "split_of"]
