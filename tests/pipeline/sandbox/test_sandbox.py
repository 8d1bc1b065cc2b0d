"""The sandbox against hostile programs: none passes, hangs, escapes, or leaves anything behind."""

from __future__ import annotations

import json
import os
import secrets
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from pipeline.errors import ConfigError
from pipeline.sandbox import Limits, Outcome, Sandbox
from pipeline.sandbox import worker as worker_module
from tests.pipeline.canary import Canary
from tests.pipeline.forgeries import FORGERIES
from tests.pipeline.honest import HONEST
from tests.pipeline.hostile import ENDLESS, ESCAPES, EXHAUSTION, REACHES, RETURNS, SIGNALS, UNBOUNDED

TIGHT = Limits(
    wall_seconds=2.0,
    cpu_seconds=1,
    memory_bytes=256 * 2**20,
    processes=16,
    file_bytes=2**20,
    folder_bytes=4 * 2**20,
    output_bytes=2**20,
    value_bytes=2**20,
)
BRIEF = replace(TIGHT, wall_seconds=0.5)
BOUND_SECONDS = 15.0  # for a program that gets 2, on a busy machine
LEVELS = ("namespaces", "bubblewrap", "process")
LIVE: list[Sandbox] = []
MARK = secrets.token_hex()  # on the command lines of this run's workers, as others may be working beside them


@pytest.fixture(scope="module", autouse=True)
def marked() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        plain = worker_module._command
        patch.setattr(worker_module, "_command", lambda level, folder: [*plain(level, folder), MARK])
        yield


def opened(level: str, limits: Limits | None = None, workers: int = 1) -> Sandbox:
    try:
        sandbox = Sandbox(workers=workers, limits=limits, level=level)
    except ConfigError as error:
        pytest.skip(f"level {level!r} is not available on this machine: {error}")
    LIVE.append(sandbox)
    return sandbox


def closed(sandbox: Sandbox) -> None:
    LIVE.remove(sandbox)
    sandbox.close()


@pytest.fixture(scope="module", params=LEVELS)
def tight(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    sandbox = opened(request.param, TIGHT)
    yield sandbox
    closed(sandbox)


@pytest.fixture(scope="module", params=LEVELS)
def brief(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    sandbox = opened(request.param, BRIEF)
    yield sandbox
    closed(sandbox)


@pytest.fixture(scope="module", params=LEVELS)
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    sandbox = opened(request.param, workers=2)
    yield sandbox
    closed(sandbox)


@pytest.fixture(scope="module")
def canary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Canary]:
    canary = Canary(tmp_path_factory.mktemp("canary"))
    yield canary
    canary.close()


def strays() -> list[int]:
    """What is still there a moment later (a supervisor replies just before it exits)."""
    deadline = time.monotonic() + 3
    while (found := _strays()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return found


def _strays() -> list[int]:
    """Processes that come from a worker (they keep its command line) and are not a worker waiting for work."""
    waiting = {worker._process.pid for sandbox in LIVE for worker in sandbox._idle}
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            command = Path(f"/proc/{name}/cmdline").read_bytes()
            parent = int(Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()[1])
            above = Path(f"/proc/{parent}/stat").read_text().rpartition(")")[2].split()[1]
        except OSError:
            continue
        # bubblewrap has two processes above the warm interpreter
        if MARK.encode() in command and not waiting & {int(name), parent, int(above)}:
            found.append(int(name))
    return found


def fails(sandbox: Sandbox, program: str, canary: Canary) -> Outcome:
    """Runs the program, which must end in bounded time without passing, reaching anything or leaving anything."""
    began = time.monotonic()
    outcome = sandbox.run(canary.fill(program))
    assert time.monotonic() - began < BOUND_SECONDS
    assert not outcome.passed, outcome
    assert outcome.detail.isprintable() and len(outcome.detail) < 1000
    canary.check()
    assert strays() == []
    return outcome


@pytest.mark.slow
@pytest.mark.parametrize("name", FORGERIES)
def test_no_program_can_say_that_it_passed(name: str, tight: Sandbox, canary: Canary) -> None:
    assert tight.witnessed
    fails(tight, FORGERIES[name], canary)


@pytest.mark.slow
@pytest.mark.parametrize("name", ENDLESS)
def test_no_program_outlives_its_time(name: str, brief: Sandbox, canary: Canary) -> None:
    assert fails(brief, ENDLESS[name], canary).kind in ("exception", "timeout")


@pytest.mark.slow
@pytest.mark.parametrize("name", EXHAUSTION)
def test_no_program_uses_more_than_its_limits(name: str, tight: Sandbox, canary: Canary) -> None:
    if name in UNBOUNDED and tight.level == "process":
        pytest.skip("not bounded without isolation")
    outcome = fails(tight, EXHAUSTION[name], canary)
    assert outcome.kind in ("exception", "timeout", "memory", "output", "killed", "no verdict")
    assert tight.run("pass").passed  # and the next one is unharmed


@pytest.mark.parametrize("name", ESCAPES)
def test_no_program_reaches_what_is_not_its_own(name: str, tight: Sandbox, canary: Canary) -> None:
    if tight.level == "process":
        pytest.skip("needs isolation, which level 'process' lacks")
    fails(tight, ESCAPES[name], canary)


@pytest.mark.parametrize("name", REACHES)
def test_no_program_reaches_others_at_any_level(name: str, tight: Sandbox, canary: Canary) -> None:
    fails(tight, REACHES[name], canary)


@pytest.mark.slow
@pytest.mark.parametrize("name", RETURNS)
def test_no_returned_value_harms_the_caller(name: str, tight: Sandbox, canary: Canary) -> None:
    began = time.monotonic()
    assert tight.outcomes(canary.fill(RETURNS[name]), [[1]]) is None
    assert time.monotonic() - began < BOUND_SECONDS


@pytest.mark.slow
@pytest.mark.parametrize(
    "program, reason",
    [
        ("def f(x):\n    return x\nassert f(1) == 2", "exception: AssertionError (line 3)"),
        ("assert False, 'two\\nlines'", "exception: AssertionError: two lines (line 1)"),
        ("def f(:", "exception: SyntaxError: invalid syntax (line 1)"),
        (
            "import nothing_like_it",
            "exception: ModuleNotFoundError: No module named 'nothing_like_it' (line 1)",
        ),
        ("while True: pass", "timeout: "),
        ("import time; time.sleep(60)", "timeout: 2 seconds"),  # the first, too, on a busy machine
        ("x = bytearray(2**40)", "memory: MemoryError (line 1)"),
        ("next(iter([]))", "exception: StopIteration (line 1)"),
        ("print('x' * 2**21)", "output: more than 1048576 bytes printed"),
        ("import os; os._exit(0)", "no verdict: exited with status 0 before its end"),
        ("import os; os.abort()", "killed: SIGSEGV"),  # it can neither send nor receive other signals
    ],
)
def test_the_reason_is_given_in_one_line(program: str, reason: str, tight: Sandbox) -> None:
    assert tight.run(program).reason.startswith(reason)


@pytest.mark.slow
@pytest.mark.parametrize("name", HONEST)
def test_honest_programs_pass(name: str, sandbox: Sandbox) -> None:
    outcome = sandbox.run(HONEST[name])
    assert outcome.passed and outcome.witnessed == sandbox.witnessed, outcome
    assert not sandbox.run(HONEST[name] + "\nassert False").passed


@pytest.mark.slow
def test_tests_are_separate_from_the_program(sandbox: Sandbox) -> None:
    program, tests = "def f(x):\n    return x", "assert f(1) == 1\nassert f(2) == 3, 'no'"
    assert sandbox.run(program, "assert f(1) == 1").passed
    assert sandbox.run(program, tests).reason == "exception: AssertionError: no (tests, line 2)"
    for swallow in ("\nx = '''", "\nif 0: \\", "\nif 0:", "\n#", "\nx = ("):
        assert not sandbox.run(program + swallow, tests + "\n''''''").passed


@pytest.mark.slow
def test_values_come_back_as_plain_data(sandbox: Sandbox) -> None:
    program = (
        "def f(x, y):\n    print('noise')\n    return {'sum': x + y, 'all': [x, y, None, True, 'ж', 1.5]}"
    )
    values = sandbox.outcomes(program, [[1, 2], ["a", "b"]])
    rest = [None, True, "ж", 1.5]
    assert values == [{"sum": 3, "all": [1, 2, *rest]}, {"sum": "ab", "all": ["a", "b", *rest]}]
    assert sandbox.outcomes("def g(x):\n    return x", [[1]], name="g") == [1]
    assert sandbox.outcomes("def f(x):\n    return [x] * 100000", [[1]]) == [[1] * 100000]


@pytest.mark.slow
def test_programs_leave_nothing_for_each_other(sandbox: Sandbox) -> None:
    leave = (
        "import builtins, json\nopen('kept', 'w')\nopen('/tmp/kept', 'w').close()\n"
        "for place in ('/dev/kept', '/dev/shm/kept'):\n"
        "    try:\n        open(place, 'w').close()\n    except OSError:\n        pass\n"
    )
    assert sandbox.level == "process" or sandbox.run(leave + "builtins.kept = json.kept = 1").passed
    find = "import builtins, json, os\nassert not os.path.exists('kept') and not os.listdir('.')\n"
    assert sandbox.run(find + "assert not hasattr(builtins, 'kept') and not hasattr(json, 'kept')").passed
    for place in ("/tmp/kept", "/dev/kept", "/dev/shm/kept"):
        assert (
            sandbox.level == "process"
            or sandbox.run(f"import os\nassert not os.path.exists({place!r})").passed
        )


def test_a_program_sees_nothing_of_the_environment(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_OF_A_TEST", "x")
    with opened(sandbox.level) as own:
        program = (
            "import os\nassert set(os.environ) <= {'HOME', 'LANG', 'PATH'}\nassert os.listdir('.') == []"
        )
        assert own.run(program).passed
        assert own.run(
            "import os\nfor fd in range(4, 1024):\n    try:\n        os.fstat(fd)\n    except OSError:\n"
            "        continue\n    assert False, fd"
        ).passed
        LIVE.remove(own)


def test_sets_have_the_same_order_in_every_run(sandbox: Sandbox) -> None:
    program = "def f():\n    return list({'a', 'b', 'c', 'd'})"
    first = sandbox.outcomes(program, [[]])
    with Sandbox(level=sandbox.level, workers=1) as other:
        assert other.outcomes(program, [[]]) == first


def test_many_programs_at_once(sandbox: Sandbox) -> None:
    with ThreadPoolExecutor(8) as threads:
        outcomes = list(threads.map(sandbox.run, [f"assert {n} % 3" for n in range(40)]))
    assert [outcome.passed for outcome in outcomes] == [n % 3 != 0 for n in range(40)]


@pytest.mark.slow
def test_the_pool_survives_the_death_of_its_workers(sandbox: Sandbox) -> None:
    for worker in list(sandbox._idle):
        os.kill(worker._process.pid, signal.SIGKILL)
    assert sandbox.run("pass").passed
    killer = threading.Timer(0.3, lambda: [os.killpg(pid, signal.SIGKILL) for pid in working(sandbox)])
    killer.start()
    assert sandbox.run("import time\ntime.sleep(1)").passed  # on another worker
    assert sandbox.run("pass").passed
    assert strays() == []


def working(sandbox: Sandbox) -> set[int]:
    """The workers at work: children of this process that no sandbox counts as idle."""
    idle = {worker._process.pid for one in LIVE for worker in one._idle}
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return {int(pid) for pid in children if os.getpgid(int(pid)) == int(pid)} - idle


@pytest.mark.parametrize("level", LEVELS)
def test_closing_leaves_nothing(level: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    sandbox = opened(level)
    assert sandbox.run("open('x', 'w')").passed
    waiting = [worker._process.pid for worker in sandbox._idle]
    closed(sandbox)
    assert os.listdir(tmp_path) == [] and not [pid for pid in waiting if os.path.exists(f"/proc/{pid}")]
    with pytest.raises(RuntimeError, match="closed"):
        sandbox.run("pass")


def test_no_signal_leaves_an_answer_unscored(brief: Sandbox) -> None:
    """Process 1 of a namespace receives none of its own signals, and elsewhere no timer sends any."""
    outcome = brief.run(SIGNALS.format(numbers=list(range(1, 65))))
    assert outcome.kind in ("exception", "timeout"), outcome


def test_an_outcome_is_plain_data() -> None:
    outcome = Outcome("timeout", "2 seconds")
    assert (
        Outcome(**json.loads(json.dumps(asdict(outcome)))) == outcome
        and outcome.reason == "timeout: 2 seconds"
    )
