"""The command itself, with Ray: ended in every way, going on, failing settings, and nothing left behind."""

from __future__ import annotations

import fcntl
import os
import signal
from pathlib import Path

import pandas as pd
import pytest

from pipeline.workers.scratch import OWNER, PREFIX
from tests.pipeline.commands import (
    Ending,
    completed,
    descendants,
    ended,
    killed,
    plan_of,
    records,
    signalled,
    slices,
    start,
    still_running,
    uninterrupted,
)
from tests.pipeline.conftest import ROOT

pytestmark = pytest.mark.slow
LIMIT = 16
WORDS = ["sweep=uncertainty_threshold", "sweep.search=grid", f"limit={LIMIT}", "wandb=off"]
SIX = "trade_off.values=[0.5]"
SMALL = SIX, "gen_length=8", "block_length=4"


def words(checkpoint: Path, out: Path, *more: str, workers: int = 2) -> list[str]:
    return [
        *WORDS,
        *(more or [SIX, "slice_size=2"]),
        f"model.path={checkpoint}",
        f"out={out}",
        f"cluster.workers={workers}",
    ]


def scratch() -> set[Path]:
    """Folders of Ray's files that no running command holds: a sweep beside the tests is none of their leftovers."""
    return {folder for folder in Path("/tmp").glob(f"{PREFIX}*") if not held(folder)}


def held(folder: Path) -> bool:
    try:
        with open(folder / OWNER) as owner:
            fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


# How each is dealt, to a sweep of so many workers, with which exit code it ends, and what it says.
BLOWS = {
    "Ctrl-C": (signalled(signal.SIGINT), 2, 130, "Stopped"),
    "SIGTERM to every process": (signalled(signal.SIGTERM), 1, 143, "Stopped"),
    "SIGKILL to Ray's node": (
        killed("raylet/raylet"),
        1,
        1,
        "Ray has died (its node process raylet ended with code -9)",
    ),
    "SIGKILL to Ray's head": (
        killed("gcs_server"),
        1,
        1,
        "Ray has died (its head process gcs_server ended with code -9)",
    ),
}


def test_a_sweep_ended_in_every_way_adds_up_to_an_uninterrupted_one(checkpoint: Path, tmp_path: Path) -> None:
    parts = tmp_path / "parts"
    for name, (blow, workers, code, said) in BLOWS.items():
        before = scratch()
        ending = ended(words(checkpoint, parts, workers=workers), parts, 3, blow)
        assert ending.code == code, f"{name}: {ending}"
        assert "Traceback" not in ending.shown and ending.errors == "", f"{name}: {ending}"
        assert f"{said}. " in ending.shown
        assert "examples are kept. To go on: python launch.py sweep=uncertainty_threshold" in ending.shown
        assert ending.seconds < 100, name  # some, where the machine has nothing else to do
        left_nothing(ending, before)
    assert 12 <= slices(parts) < 48
    ending = ended(words(checkpoint, parts), parts, 3, killed("SliceTrial", "_Inner"))
    assert ending.code == 0, ending
    assert ending.errors == "" and "stored already" in ending.shown
    assert "trying again what is missing" in ending.shown
    expected = uninterrupted(words(checkpoint, tmp_path), tmp_path / "whole", LIMIT)
    assert len(expected) == 6 * LIMIT
    pd.testing.assert_frame_equal(records(words(checkpoint, tmp_path), parts, LIMIT), expected)


def left_nothing(ending: Ending, before: set[Path]) -> None:
    assert ending.below, "Ray ran"
    assert still_running(ending.below) == []
    assert scratch() - before == set()


POISON = r"""
import importlib.util, os, sys

def slices(module):
    real = module.Evaluator.slices

    def slices(self, setting, spans, known):
        with open(os.environ["TRIED"], "a") as log:
            log.write("".join(f"{setting.id} {start}\n" for start, _ in spans))
        if f"{setting.id} {spans[-1][0]}" == os.environ["POISON"]:
            os.kill(os.getpid(), 9)
        for done in real(self, setting, spans, known):
            if any(f"{setting.id} {start}" == os.environ["POISON"] for start, _ in spans):
                os.kill(os.getpid(), 9)  # all are open
            yield done

    module.Evaluator.slices = slices

def handing_over(module):
    real = module.SliceTrial.reset_config

    def reset_config(self, config):
        if config["setting"] == os.environ["HANDED"] and not os.path.exists(os.environ["HANDED_ONCE"]):
            open(os.environ["HANDED_ONCE"], "w").close()
            os.kill(os.getpid(), 9)
        return real(self, config)

    module.SliceTrial.reset_config = reset_config

class Finder:
    poisons = {"pipeline.evaluation.evaluate": slices, "pipeline.workers.trial": handing_over}

    def find_spec(self, name, path=None, target=None):
        if name not in self.poisons:
            return None
        poison = self.poisons.pop(name)
        spec = importlib.util.find_spec(name)
        run = spec.loader.exec_module

        def poisoned(module):
            run(module)
            poison(module)

        spec.loader.exec_module = poisoned
        return spec

sys.meta_path.insert(0, Finder())
"""


def test_a_setting_that_fails_and_a_slice_that_kills_its_workers_leave_the_others(
    checkpoint: Path, tmp_path: Path
) -> None:
    asked = words(checkpoint, tmp_path, *SMALL, "slice_size=4")
    doomed, poisoned, *_, last = plan_of(asked).settings
    (tmp_path / "store/slices").mkdir(parents=True)
    (tmp_path / "store/slices" / doomed).write_text("a file where the setting's folder should be")
    (tmp_path / "sitecustomize.py").write_text(POISON)
    tried, handed = tmp_path / "tried", tmp_path / "handed"
    poison = {"POISON": f"{poisoned} 4", "TRIED": str(tried), "HANDED": last, "HANDED_ONCE": str(handed)}
    code, shown, errors = completed(asked, PYTHONPATH=str(tmp_path), **poison)
    assert code == 1, shown + errors
    assert handed.exists(), "a worker was lost while it was handed its next setting"
    assert "Traceback" not in shown + errors and errors == ""
    assert "2 of 6 settings failed; the rest is kept" in shown and doomed in shown
    [line] = [line for line in shown.splitlines() if f"({poisoned})" in line]
    assert "its worker was lost 2 times at examples 4-7: Worker unexpectedly exits" in line
    assert len(records(asked, tmp_path, LIMIT)) == 5 * LIMIT - 4
    counts = pd.Series(tried.read_text().splitlines()).value_counts()
    # Once with all slices open, when nobody knows which is at fault; then one after the other.
    own = counts[counts.index.str.startswith(poisoned)]
    assert own.to_dict() == {f"{poisoned} {start}": 3 if start == 4 else 2 for start in (0, 4, 8, 12)}
    assert set(counts.drop(own.index)) == {1}
    assert Path(shown.strip().splitlines()[-1], "report.html").is_file()


WORKING = """
from types import SimpleNamespace
from pipeline.inputs.config import ClusterSettings
from pipeline.workers.cluster import ray, ray_for

class Worker:
    def ready(self):
        print("ready", flush=True)

with ray_for(ClusterSettings(None, 1, 1, 0), SimpleNamespace(status=print)):
    worker = ray.remote(Worker).remote()
    ray.get(worker.ready.remote())
    print("ready", flush=True)
    input()
"""


def test_nothing_of_a_private_ray_outlives_a_command_that_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "command.py"
    script.write_text(WORKING)
    command = start([], script, PYTHONPATH=str(ROOT))
    assert command.stdout
    try:
        assert "ready\n" in iter(command.stdout.readline, "")
        below = descendants(command.pid)
    finally:
        os.kill(command.pid, signal.SIGKILL)
        _, errors = command.communicate()
    assert len(below) >= 5, "head, node process, two agents and a worker"
    assert still_running(below) == [], errors
