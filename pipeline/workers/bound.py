"""A program that ends with the process that started it: `python bound.py PROGRAM ARGUMENT ...` becomes PROGRAM.

Ray asks the kernel for this where it starts its head and its node process; the node process does not for its own. They
outlived it: workers by 20 seconds, with their GPU, and agents by 60, in which they report its end to a head that is
dead, too (ray/_private/process_watcher.py, report_raylet_error_logs). Linux alone can be asked.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def needed(words: list[str]) -> list[str]:
    """Without the program that sets up a worker's own runtime environment if it has none: a third of a second.

    The node process leaves it out itself, but looks for it at one place, which is taken here
    (src/ray/raylet/worker_pool.cc, BuildProcessCommandArgs).
    """
    if not words[1:] or not words[1].endswith("/setup_worker.py"):
        return words
    if any(word.startswith("--serialized-runtime-env-context=") for word in words):
        return words
    return [word for word in [words[0], *words[2:]] if not word.startswith("--language=")]


if __name__ == "__main__":
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    program = needed(sys.argv[1:])
    os.execv(program[0], program)
