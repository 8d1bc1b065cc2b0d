"""SIGTERM, as from a scheduler, and SIGHUP, as from a terminal that ends: finished slices are kept, a line says how to
go on, the exit code tells it."""

from __future__ import annotations

import copy
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import launch
from pipeline.errors import ConfigError
from pipeline.stop import Request, Terminated, ends_raised, exit_code
from tests.pipeline.conftest import ended_after


@pytest.mark.slow
@pytest.mark.parametrize("number, code", [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)])
def test_one_setting_in_this_process_keeps_its_finished_slices(
    number: int,
    code: int,
    checkpoint: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["limit=12", "slice_size=4", "wandb=off", f"model.path={checkpoint}", f"out={tmp_path / 'out'}"]
    monkeypatch.setattr(sys, "argv", ["launch.py", *words])
    before = signal.getsignal(signal.SIGTERM)
    with ended_after(2, lambda: os.kill(os.getpid(), number)):
        assert launch.main() == code
    shown = capsys.readouterr()
    assert "Stopped. 8 of 12 examples are kept. To go on: python launch.py limit=12" in shown.out
    assert "Traceback" not in shown.out + shown.err
    assert len(list(tmp_path.rglob("*.parquet"))) == 2
    assert '"status": "stopped"' in next(tmp_path.rglob("run.json")).read_text()
    assert signal.getsignal(signal.SIGTERM) == before


def test_sigterm_before_anything_runs_ends_with_its_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["launch.py"])
    monkeypatch.setattr(launch, "compose", lambda: os.kill(os.getpid(), signal.SIGTERM))
    assert launch.main() == 143
    assert capsys.readouterr().err == "Stopped.\n"


def test_exit_codes_are_a_shells() -> None:
    assert (exit_code(KeyboardInterrupt()), exit_code(Terminated())) == (130, 143)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_what_ends_a_job_reaches_another_process_as_it_is(number: int) -> None:
    """An exception is copied as pickle does it, by what it was made of."""
    stop = copy.copy(Terminated(number))
    assert type(stop) is Terminated and (str(stop), exit_code(stop)) == (
        signal.Signals(number).name,
        128 + number,
    )
    fault = copy.copy(ConfigError(["one", "another"]))
    assert (fault.lines, str(fault)) == (["one", "another"], "one\nanother")


def test_a_request_waits_until_it_is_asked_for_and_the_first_counts() -> None:
    handlers = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    request = Request()
    with ends_raised(), request.awaited():
        request.check()
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(Terminated):
            request.check()
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == handlers


def test_a_command_under_nohup_outlives_its_terminal() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        request = Request()
        with ends_raised(), request.awaited():
            request.listen()
            os.kill(os.getpid(), signal.SIGHUP)
            request.check()
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.slow
def test_trials_that_never_return_do_not_hold_up_the_news_that_ray_is_gone() -> None:
    from pipeline.stop import Lost
    from pipeline.workers.sweep import _attended

    class Gone:
        def check(self) -> None:
            raise Lost("Ray has died")

    began = time.monotonic()
    with pytest.raises(Lost):
        _attended(lambda: time.sleep(20), Gone(), Request())  # type: ignore[arg-type]
    assert time.monotonic() - began < 5


@pytest.mark.slow
@pytest.mark.parametrize("ends", ["Tune", "Ray"])
def test_a_signal_that_ends_ray_first_is_still_a_wish_to_stop(ends: str) -> None:
    """SIGTERM to the whole group, as from a scheduler: exit code 143, not 1."""
    from pipeline.stop import Lost
    from pipeline.workers.sweep import _attended

    request = Request()

    late = threading.Timer(0.1, lambda: setattr(request, "made", Terminated()))

    def trials() -> None:
        if ends == "Ray":
            time.sleep(1)
        else:
            late.start()
        raise KeyError("actor")

    def check() -> None:
        if ends == "Ray":
            late.start()
            raise Lost("Ray has died")

    ground: Any = SimpleNamespace(check=check)
    with pytest.raises(Terminated):
        _attended(trials, ground, request)


def _wait(event: threading.Event, seconds: float) -> None:
    event.wait(seconds)


@pytest.mark.slow
def test_a_ray_that_does_not_answer_a_wish_to_stop_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shutting it down would wait, too; and Python's exit ends the thread within Ray's C++, which then aborts."""
    from pipeline.workers import sweep

    monkeypatch.setattr(sweep, "PATIENCE", 0.2)
    hangs, request = threading.Event(), Request()
    request.made = Terminated()
    for seconds, lost in ((0.1, False), (20.0, True)):
        ground: Any = SimpleNamespace(check=lambda: None, lost=False)
        with pytest.raises(Terminated):
            sweep._attended(partial(_wait, hangs, seconds), ground, request)
        assert ground.lost is lost
    hangs.set()


@pytest.mark.slow
def test_a_fault_inside_tune_is_told_in_a_line_and_a_wish_to_stop_stays_one() -> None:
    from pipeline.stop import Lost
    from pipeline.workers.sweep import _attended

    def raising(error: BaseException) -> Callable[[], None]:
        def trials() -> None:
            raise error

        return trials

    ground: Any = SimpleNamespace(check=lambda: None)
    with pytest.raises(Lost, match=r"^Ray Tune has failed \(KeyError: 'actor'\)$"):
        _attended(raising(KeyError("actor")), ground, Request())
    with pytest.raises(Terminated):
        _attended(raising(Terminated()), ground, Request())
