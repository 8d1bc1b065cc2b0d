"""A program that ends with the process that started it: `python bound.py PROGRAM ARGUMENT ...` becomes PROGRAM.

Ray asks the kernel for this where it starts its head and its node process; the node process does not for its own. They
outlived it: workers by 20 seconds, with their GPU, and agents by 60, in which they report its end to a head that is
dead, too (ray/_private/process_watcher.py, report_raylet_error_logs).
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h

if __name__ == "__main__":
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    os.execv(sys.argv[1], sys.argv[1:])
