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
from types import SimpleNamespace

import pytest

from pipeline.errors import ConfigError
from pipeline.sandbox import LEVELS, Limits, Outcome, Sandbox
from pipeline.sandbox import sandbox as sandbox_module
from pipeline.sandbox.jail import supervisor
from pipeline.sandbox.jail.execution import Execution
from pipeline.sandbox.worker import WorkerError
from tests.pipeline.hostile import SIGNALS

ROOT = Path(__file__).parents[3]
BRIEF = Limits(wall_seconds=1.0)


@pytest.mark.slow
def test_no_program_ends_itself_by_a_signal(tmp_path: Path) -> None:
    """Outside a namespace, where nearly every signal ends a program."""
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
    assert set(json.loads(done.stdout)) == {"exception: AssertionError (line 9)"}


@pytest.mark.parametrize("machine", ["x86_64", "riscv64"])
def test_whether_a_program_was_killed_from_outside_is_told_where_it_cannot_have_been_itself(
    machine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "uname", lambda: SimpleNamespace(machine=machine))
    both = (signal.SIGKILL, signal.SIGTERM)
    own = supervisor._from_outside
    assert own("namespaces") == (signal.SIGKILL,)
    assert own("bubblewrap") == own("process") == (both if machine == "x86_64" else ())


def test_a_signal_without_a_name_has_its_number() -> None:
    """Python's enumeration lacks half of them."""
    assert supervisor._name(signal.SIGUSR1) == "SIGUSR1" and supervisor._name(35) == "signal 35"


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
