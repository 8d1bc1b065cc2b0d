"""Which level of isolation is used; a plain process is never root, and a signal that ends it leaves it scored."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

import pytest
from hostile import SIGNALS

from pipeline.errors import ConfigError
from pipeline.sandbox import LEVELS, Limits, Outcome, Sandbox
from pipeline.sandbox import sandbox as sandbox_module
from pipeline.sandbox.jail.execution import Execution
from pipeline.sandbox.worker import WorkerError

ROOT = Path(__file__).parents[2]
BRIEF = Limits(wall_seconds=1.0)


def test_a_program_ended_by_any_signal_has_failed(tmp_path: Path) -> None:
    """Outside a namespace, where nearly every signal ends a program; Python's enumeration lacks half of them."""
    programs = [SIGNALS.format(numbers=[number]) for number in range(1, 65)]
    script = (
        "import json, sys\nfrom pipeline.sandbox.jail.execution import Execution, Limits\n"
        "from pipeline.sandbox.jail.supervisor import supervise\nprograms, limits, folder = json.load(sys.stdin)\n"
        "executions = [Execution(program, limits=Limits(**limits)) for program in programs]\n"
        "print(json.dumps([supervise(each, 'process', folder).reason for each in executions]))"
    )
    asked = json.dumps([programs, asdict(BRIEF), str(tmp_path)])
    done = subprocess.run(
        [sys.executable, "-c", script], input=asked, capture_output=True, text=True, timeout=120, cwd=ROOT
    )
    reasons = dict(enumerate(json.loads(done.stdout), start=1))
    assert reasons[signal.SIGTERM] == "killed: SIGTERM" and reasons[35] == "killed: signal 35"
    assert reasons[signal.SIGCHLD] == "exception: AssertionError (line 9)"  # it is ignored
    assert {reason.partition(":")[0] for reason in reasons.values()} == {"exception", "killed", "timeout"}


class Machine:
    """Stands in for a worker, on a machine where some levels work."""

    single = False

    def __init__(self, levels: Sequence[str], level: str) -> None:
        if level not in levels:
            raise WorkerError(f"{level}: not here")

    def ask(self, execution: Execution) -> Outcome:
        return Outcome("passed")

    def close(self) -> None:
        pass


@pytest.mark.parametrize(
    ("levels", "isolated", "process"),
    [
        (LEVELS, "namespaces", "namespaces"),
        (("bubblewrap", "process"), "bubblewrap", "bubblewrap"),
        (("process",), None, "process"),
        ((), None, None),
    ],
)
def test_a_plain_process_is_used_only_if_the_user_accepts_it(
    levels: Sequence[str], isolated: str | None, process: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox_module, "Worker", partial(Machine, levels))
    for require, level in (
        ({}, isolated),
        ({"require": "isolated"}, isolated),
        ({"require": "process"}, process),
    ):
        if level:
            with Sandbox(**require) as sandbox:
                assert sandbox.level == level
            continue
        with pytest.raises(ConfigError) as refusal:
            Sandbox(**require)
        [line] = refusal.value.lines
        assert line.startswith(f"sandbox.require={require.get('require', 'isolated')!r}: ")
        assert ("sandbox.require=process" in line) == (require.get("require") != "process")


# What the level `namespaces` asks of the kernel, asked by other means.
UNSHARE = ["unshare", "--user", "--map-root-user", "--mount", "--net", "--ipc", "--uts", "--pid", "--fork"]
MOUNT = ["mount", "-t", "tmpfs", "none", "/tmp"]


def test_what_the_machine_offers_works() -> None:
    """Where a level does not, its tests are skipped, so that a broken one would go unseen."""
    with Sandbox("process") as sandbox:
        assert sandbox.run("assert 1").passed and not sandbox.run("assert 0").passed
    if shutil.which("unshare") and subprocess.run([*UNSHARE, *MOUNT], capture_output=True).returncode == 0:
        assert sandbox.level == "namespaces"


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_where_there_is_no_linux_it_is_told(platform: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.delattr(os, "sched_getaffinity")
    with pytest.raises(ConfigError) as refusal:
        Sandbox("process")
    [line] = refusal.value.lines
    assert (
        line.startswith("sandbox.require='process': ")
        and f"on Linux only, not {platform}; run it there" in line
    )


def test_a_plain_process_is_never_root() -> None:
    try:
        sandbox = Sandbox(level="process")
    except ConfigError as refusal:
        assert os.geteuid() == 0 and "nobody" in str(refusal)
        return
    with sandbox:
        assert sandbox.run("import os\nassert 0 not in os.getresuid()").passed
