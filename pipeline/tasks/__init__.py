"""The tasks by name. A task gives examples with prompts, and a score for each answer.

A new one is a file here, a line in `TASKS` and a file in conf/task/. Its module is imported when the task is first
used, so that names and settings can be checked in an instant.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache, lru_cache
from importlib import import_module

from axon.own_code import faulty_file
from pipeline.accident import exit_told, place_of
from pipeline.errors import fault_line
from pipeline.sandbox import Require
from pipeline.tasks.code_task import CodeTask
from pipeline.tasks.task import (
    Example,
    Form,
    GeneratedTask,
    Score,
    Split,
    Task,
    TaskSettings,
    score_of,
    split_of,
)


def _lazy(module: str, kind: str, *arguments: str) -> Callable[[], Task]:
    """Imports the module and makes the task on the first call; returns the same task on later ones."""

    @cache
    def make() -> Task:
        file = import_module(f"pipeline.tasks.{module}")
        if not hasattr(file, kind):
            raise ImportError(f"cannot import name {kind!r} from {file.__name__!r}")  # as Python says it
        task: Task = getattr(file, kind)(*arguments)
        return task

    return make


TASKS: dict[str, Callable[[], Task]] = {
    "arith": _lazy("arith", "Arith"),
    "pycode": _lazy("pycode", "PyCode"),
    "lists": _lazy("lists", "Lists"),
    "gsm8k": _lazy("gsm8k", "Gsm8k"),
    "gsm8k_cot": _lazy("gsm8k_cot", "Gsm8kCot"),
    "gsm8k_cot_zeroshot": _lazy("gsm8k_cot", "Gsm8kCotZeroshot"),
    "math500": _lazy("math500", "Math500"),
    "minerva_math": _lazy("minerva_math", "MinervaMath"),
    "humaneval": _lazy("humaneval", "HumanEval"),
    "mbpp": _lazy("mbpp", "Mbpp"),
    "mbpp_sanitized": _lazy("mbpp", "MbppSanitized"),
    "truthfulqa_gen": _lazy("truthfulqa_gen", "TruthfulQaGen"),
    "waiting_line_copy": _lazy("waiting_line", "WaitingLine", "copy"),
    "waiting_line_sort": _lazy("waiting_line", "WaitingLine", "sort"),
    "waiting_line_reverse": _lazy("waiting_line", "WaitingLine", "reverse"),
    "waiting_line_shuffle": _lazy("waiting_line", "WaitingLine", "shuffle"),
    "waiting_line_replace_index": _lazy("waiting_line", "WaitingLine", "replace_index"),
    "waiting_line_replace_random": _lazy("waiting_line", "WaitingLine", "replace_random"),
    "waiting_line_insert_index": _lazy("waiting_line", "WaitingLine", "insert_index"),
    "waiting_line_insert_random": _lazy("waiting_line", "WaitingLine", "insert_random"),
    "waiting_line_remove_index": _lazy("waiting_line", "WaitingLine", "remove_index"),
    "waiting_line_remove_random": _lazy("waiting_line", "WaitingLine", "remove_random"),
    "latin_square_n4": _lazy("latin_square", "LatinSquare"),
    "sudoku_n4": _lazy("sudoku", "Sudoku"),
}


# OpenCompass's wordings and scores, by form and task.
OPENCOMPASS: dict[Form, dict[str, Callable[[], Task]]] = {
    "opencompass": {
        "gsm8k": _lazy("opencompass", "Gsm8k"),
        "math500": _lazy("opencompass", "Math500"),
        "minerva_math": _lazy("opencompass", "MinervaMath"),
        "humaneval": _lazy("opencompass", "HumanEval"),
        "mbpp": _lazy("opencompass", "Mbpp"),
        "mbpp_sanitized": _lazy("opencompass", "MbppSanitized"),
    },
    "opencompass_8e312c": {"humaneval": _lazy("opencompass", "HumanEval8e312c")},
}


def get_task(name: str, form: Form | None = None) -> Task:
    """The task of that name, without its rows.

    Raises ValueError, one line, if there is none, or where the code of a new one slips as it is made.
    """
    if name not in TASKS:
        raise ValueError(f"task.name={name!r}: unknown; one of {', '.join(TASKS)}")
    if form is not None and form not in forms(name):
        raise ValueError(f"task.form={form!r}: {name} has no such wording; one of {', '.join(forms(name))}")
    tasks = OPENCOMPASS.get(form, TASKS) if form else TASKS
    with _slips_told(name, "can't be made"):
        return tasks[name]()


@contextmanager
def _slips_told(name: str, what: str) -> Iterator[None]:
    """Within, an accident of a task's own code, `exit()` too, is raised as a ValueError of one line."""
    try:
        with exit_told():
            yield
    except Exception as error:
        if place_of(error) is None or faulty_file(error):  # a file that can't be imported is told as that
            raise
        raise ValueError(f"task.name={name!r}: {what} ({fault_line(error)}); mend it") from error


def forms(name: str) -> tuple[Form, ...]:
    """The wordings that a task has."""
    own: tuple[Form, ...] = ("completion", "instruct") if get_task(name).chats else ("completion",)
    return (*own, *(form for form, tasks in OPENCOMPASS.items() if name in tasks))


def check_form(name: str, form: Form | None, prompt: str) -> None:
    """Raises ValueError, one line, for an unknown task, a wording that it lacks, or one that needs a chat."""
    get_task(name, form)
    if form not in (None, "completion") and prompt != "chat":
        raise ValueError(
            f"task.form={form!r}: is asked in a chat, not with model.prompt={prompt}; choose model.prompt=chat, "
            "or task.form=completion"
        )


def open_task(settings: TaskSettings, require: Require = "isolated") -> Task:
    """The task with its rows. Raises ValueError, one line, if they cannot be read.

    `require` is what the sandbox must offer if answers are programs.
    """
    task = read_task(settings)
    return replace(task, require=require) if isinstance(task, CodeTask) else task


@lru_cache(maxsize=8)
def read_task(settings: TaskSettings) -> Task:
    """The task with its rows, which are read only once, whatever is required of the sandbox.

    Raises ValueError, one line, also where the code of a new task slips.
    """
    with _slips_told(settings.name, "can't read its rows"):
        return get_task(settings.name, settings.form).opened(settings)


__all__ = [
    "TASKS",
    "CodeTask",
    "Example",
    "Form",
    "GeneratedTask",
    "Score",
    "Split",
    "Task",
    "TaskSettings",
    "check_form",
    "forms",
    "get_task",
    "open_task",
    "read_task",
    "score_of",
    "split_of",
]
