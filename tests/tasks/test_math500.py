"""MATH-500: boxed answers are read and compared, within the time limit, in a separate process."""

from __future__ import annotations

import logging
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from pipeline.tasks import Example, TaskSettings, equivalence, get_task, open_task, read_task
from pipeline.tasks.equivalence import Verifier
from pipeline.tasks.math500 import boxed
from tests.shared import DATA, needs_rows


@pytest.mark.parametrize(
    ("answer", "inside"),
    [
        ("so \\boxed{7}.", "7"),
        ("\\boxed{\\frac{1}{2}} ends", "\\frac{1}{2}"),
        ("\\boxed{1} no, \\boxed{2}", "2"),
        ("\\boxed{1} and \\boxed{2", "1"),
        ("\\boxed{so \\boxed{5}}", "5"),
        ("7", None),
        ("", None),
    ],
)
def test_the_last_whole_box_counts(answer: str, inside: str | None) -> None:
    assert boxed(answer) == inside


@pytest.mark.slow
@pytest.mark.parametrize(
    ("gold", "answer", "value", "letter"),
    [
        ("\\frac{1}{2}", "\\boxed{\\frac{1}{2}}", 1.0, 1.0),
        ("\\frac{1}{2}", "It is \\boxed{0.5}.", 1.0, 0.0),
        ("\\frac{1}{2}", "It is $\\frac{2}{4}$.", 1.0, 0.0),
        ("2\\sqrt{3}", "\\boxed{\\sqrt{12}}", 1.0, 0.0),
        ("\\left( 3, \\frac{\\pi}{2} \\right)", "\\boxed{(3, \\frac{\\pi}{2})}", 1.0, 0.0),
        ("\\frac{1}{2}", "\\boxed{\\frac{1}{3}}", 0.0, 0.0),
        ("7", "no idea", 0.0, 0.0),
        ("7", "", 0.0, 0.0),
    ],
)
def test_equal_answers_score_and_others_do_not(gold: str, answer: str, value: float, letter: float) -> None:
    score = get_task("math500").score(answer, Example("x", "", "", gold))
    assert (score.value, score.metrics) == (value, {"boxed": letter})


ENDLESS = "$10^{10^{10^{10}}} + 1$"


@pytest.mark.slow
def test_a_process_that_cannot_be_started_costs_one_comparison(monkeypatch: pytest.MonkeyPatch) -> None:
    verifier = Verifier()
    with monkeypatch.context() as patch:
        patch.setattr(
            multiprocessing.context.SpawnProcess, "start", lambda self: os.open("/no/where", os.O_RDONLY)
        )
        for _ in range(2):
            with pytest.raises(FileNotFoundError):
                verifier.compare("$1$", "$1$")
    assert verifier.compare("$1$", "$1$") == (True, "1")
    started = verifier._process
    assert verifier.compare("$1$", "$2$") == (False, "2") and verifier._process is started
    verifier.close()


@pytest.mark.slow
def test_a_comparison_that_hangs_is_killed_and_the_next_one_works(monkeypatch: pytest.MonkeyPatch) -> None:
    verifier = Verifier()
    assert verifier.compare("$1$", "$1$")[0]
    with monkeypatch.context() as patch:
        patch.setattr(equivalence, "LONGEST_SECONDS", 0.5)
        with pytest.raises(TimeoutError, match=r"too busy a machine: no comparison within 0\.5 s"):
            verifier.compare("$1$", ENDLESS)
    monkeypatch.setattr(equivalence, "PROCESSOR_SECONDS", 1.5)
    assert verifier.compare("$2$", "$2$")[0]
    assert verifier.compare("$1$", ENDLESS) == (False, None)  # as math-verify's own timeouts have it
    assert verifier.compare("$2$", "$2$")[0]
    verifier.close()
    assert not [
        child
        for child in multiprocessing.active_children()
        if child.is_alive() and child is verifier._process
    ]


ROOT = Path(__file__).resolve().parents[2]


def gone_within(pid: int, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while (alive := _runs(pid)) and time.monotonic() < end:
        time.sleep(0.2)
    return not alive


def _runs(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return status != "Z"  # a killed one may wait for its parent


@pytest.mark.slow
def test_answers_are_compared_in_a_ray_worker_and_the_process_ends_with_it() -> None:
    """The worker is one of Ray's processes, and must start a process of its own."""
    import pipeline.workers.sweep  # noqa: F401 - Ray as a sweep has it: quiet

    import ray  # isort: skip

    class Worker:
        def score(self) -> tuple[float, int]:
            task = get_task("math500")
            value = task.score("It is \\boxed{0.5}.", Example("x", "", "", "\\frac{1}{2}")).value
            return value, task.verifier._process.pid  # type: ignore[attr-defined]

    with tempfile.TemporaryDirectory(prefix="axon-math-", dir="/tmp") as scratch:
        try:
            ray.init(
                num_cpus=1,
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.CRITICAL,
                object_store_memory=100 * 2**20,
                _temp_dir=scratch,
            )
            worker = ray.remote(Worker).remote()
            value, pid = ray.get(worker.score.remote(), timeout=120)
            assert value == 1.0 and _runs(pid)
            ray.kill(worker)
            assert gone_within(pid, 10)
        finally:
            ray.shutdown()


@pytest.mark.slow
def test_a_comparison_that_hangs_does_not_outlive_a_program_that_is_killed(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "from pipeline.tasks import equivalence\n"
        "from pipeline.tasks.equivalence import Verifier\n"
        "equivalence.PROCESSOR_SECONDS = 2.5\n"
        "if __name__ == '__main__':\n"
        "    verifier = Verifier()\n"
        "    verifier.compare('$1$', '$1$')\n"
        "    print(verifier._process.pid, flush=True)\n"
        "    verifier.compare('$1$', '$10^{10^{10^{10}}} + 1$')\n"
    )
    with subprocess.Popen(
        [sys.executable, program],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as started:
        assert started.stdout is not None
        pid = int(started.stdout.readline())
        time.sleep(1)
        started.kill()
        started.wait()
        assert gone_within(pid, 60)


@needs_rows
@pytest.mark.slow
def test_gold_answers_score_and_their_neighbours_do_not() -> None:
    read_task.cache_clear()
    task = open_task(TaskSettings("math500", "test", 0, path=str(DATA / "math500.json")))
    examples = task.examples("test", 0, 1000)
    assert len(examples) == 500
    assert all(task.score(example.reference, example).value == 1.0 for example in examples)
