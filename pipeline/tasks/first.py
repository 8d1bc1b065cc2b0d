"""The first examples of a task, for those who look at its prompts before anything is decoded."""

from __future__ import annotations

from pipeline.accident import exit_told, place_of
from pipeline.errors import fault_line
from pipeline.tasks import Example, TaskSettings, open_task


def first_examples(task: TaskSettings, limit: int) -> list[Example]:
    """Raises ValueError, one line, if there are too few, or if a row is not as the task needs it."""
    try:
        with exit_told():
            return open_task(task).examples(task.split, task.seed, limit)
    except Exception as error:  # a row may have any form, and the task may be new
        raise ValueError(fault_of_row(error, task)) from None


def fault_of_row(error: Exception, task: TaskSettings) -> str:
    """A line for what kept the task from making its examples."""
    if isinstance(error, ValueError) and place_of(error) is None:
        return str(error)
    rows = bool(task.path) and not isinstance(error, NotImplementedError)  # of which no row is guilty
    what = f"task.path={task.path!r}: a row" if rows else f"task.name={task.name!r}: an example"
    remedy = "give the rows of this task" if rows else "mend it"
    return f"{what} can't be made a question of {task.name} ({fault_line(error)}); {remedy}"
