"""Score every row's own reference: a first check of a task, or of a user's file of rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from rich.console import Console
from rich.progress import track

from pipeline.accident import exit_told
from pipeline.counted import counted
from pipeline.errors import ConfigError, fault_line
from pipeline.inputs.config import Config
from pipeline.jobs.log_lines import told_in_log
from pipeline.stop import DONE, FAILED
from pipeline.tasks import CodeTask, Example, Task, open_task, score_of
from pipeline.tasks.benchmark import Benchmark
from pipeline.tasks.first import fault_of_row


def check_task(config: Config, console: Console) -> int:
    """Prints how many references score 1 and which do not; the exit code is 1 if there are any of these.

    Checks all rows of a benchmark, or the first ``limit`` examples of a generated task. Raises ConfigError if there are
    none.
    """
    try:
        with console.status("reading the rows"):  # a download from the hub may take a while
            task = open_task(config.task, config.sandbox.require)
        if isinstance(task, CodeTask):
            console.print(f"programs run in a sandbox of level {task.sandbox.level!r}", highlight=False)
        with exit_told():
            if isinstance(task, Benchmark):
                examples = task.every()
            else:
                examples = task.examples(config.task.split, config.task.seed, config.limit)
    except Exception as error:  # the task itself may be new
        raise ConfigError([fault_of_row(error, config.task)]) from None
    if not console.is_terminal:
        console.print(f"checking {task.name}: {counted(len(examples), 'reference answer')}", highlight=False)
    failing = {}
    with ThreadPoolExecutor() as scorers:
        reasons = scorers.map(partial(_fault, task), examples)
        shown = _shown(reasons, f"checking {task.name}", len(examples), console)
        for example, reason in zip(examples, shown, strict=True):
            if reason:
                failing[example.id] = reason
    for name, reason in failing.items():
        console.print(f"{name}: {reason}", highlight=False, markup=False, soft_wrap=True)
    right = f"reference answers: {len(examples) - len(failing)}/{len(examples)}"
    unlimited = isinstance(task, Benchmark) and len(examples) > config.limit
    console.print(f"{right}, every row, whatever limit is" if unlimited else right, highlight=False)
    return FAILED if failing else DONE


def _shown(reasons: Iterable[str | None], what: str, total: int, console: Console) -> Iterator[str | None]:
    """The same; a terminal has a bar meanwhile, a log a line every few seconds."""
    if console.is_terminal:
        yield from track(reasons, what, total=total, console=console, transient=True)
    else:
        yield from told_in_log(reasons, total, console)


def _fault(task: Task, example: Example) -> str | None:
    """Why the reference does not score 1; None if it does."""
    try:
        score = score_of(task, example.reference, example)
    except Exception as error:  # a scorer may raise anything; it is shown beside the row
        return fault_line(error)
    return None if score.value == 1.0 else f"scores {score.value:g} (read: {score.extracted!r})"
