"""The code benchmarks' own rows: their solutions pass, others do not; the sandbox agrees with plain Python."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipeline.tasks import Example, Task, TaskSettings, open_task
from pipeline.tasks.benchmark import Benchmark
from tests.shared import DATA, needs_rows

pytestmark = [needs_rows, pytest.mark.slow]
FILES = {"humaneval": ("HumanEval.jsonl.gz", 164), "mbpp": ("mbpp.jsonl", 974)}
# A loop without an end is ended after so many seconds of a core; the others take less than one.
BOUND = "sh", "-c", 'ulimit -t 3; exec "$@"', "sh"
both = pytest.mark.parametrize("name", FILES)


def rows(name: str) -> tuple[Task, list[Example]]:
    file, count = FILES[name]
    task = open_task(TaskSettings(name, "test", 0, path=str(DATA / file)))
    assert isinstance(task, Benchmark)
    examples = task.every()
    assert len(examples) == count
    return task, examples


def scores(task: Task, answers: list[tuple[str, Example]]) -> list[float]:
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as judges:
        return list(judges.map(lambda pair: task.score(*pair).value, answers))


def changed_number(answer: str, rng: random.Random) -> str:
    places = list(re.finditer(r"(?<![\w.])\d+", answer))
    if not places:
        return answer.replace("return ", "return 1 + ", 1)
    place = rng.choice(places)
    return answer[: place.start()] + str(int(place[0]) + rng.choice((1, 7))) + answer[place.end() :]


def deleted_line(answer: str, rng: random.Random) -> str:
    lines = answer.split("\n")
    del lines[rng.choice([n for n, line in enumerate(lines) if line.strip() not in ("", "[DONE]")])]
    return "\n".join(lines)


@both
def test_every_solution_passes(name: str) -> None:
    task, examples = rows(name)
    found = scores(task, [(example.reference, example) for example in examples])
    assert [example.id for example, value in zip(examples, found, strict=True) if value != 1.0] == []


@both
def test_no_neighbours_answer_passes(name: str) -> None:
    """Each third example's, to save time; no answer at all is no answer to each ninth."""
    task, examples = rows(name)
    answers = [(examples[n - 1].reference, example) for n, example in enumerate(examples)][::3]
    assert sum(scores(task, answers)) == 0
    assert sum(scores(task, [("", example) for _, example in answers[::3]])) == 0


@pytest.mark.parametrize("change", [changed_number, deleted_line])
def test_a_changed_solution_passes_where_plain_python_passes_it(
    change: Callable[[str, random.Random], str], tmp_path: Path
) -> None:
    """Every second example; of deleted lines every third: many leave a loop without an end, which is waited for."""
    task, examples = rows("humaneval")
    every = 3 if change is deleted_line else 2
    changed = [(change(e.reference, random.Random(n)), e) for n, e in enumerate(examples)][::every]
    found = scores(task, changed)
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as runners:
        equivalent = list(runners.map(lambda pair: _steps_outside(*pair, tmp_path), changed))
    assert found == equivalent
    assert sum(found) < 0.1 * len(found)  # changes that the benchmark's own tests do not notice


def _steps_outside(answer: str, example: Example, folder: Path) -> float:
    """The solution, slightly changed, as a plain script: no sandbox, no extraction."""
    script = folder / f"{example.id.replace('/', '-')}.py"
    script.write_text(f"{example.prompt}{answer}\n{example.check['tests']}\n")
    try:
        done = subprocess.run(
            [*BOUND, sys.executable, "-I", str(script)], capture_output=True, timeout=10, cwd=folder
        )
    except subprocess.TimeoutExpired:
        return 0.0
    return float(done.returncode == 0)
