"""A second process's result is this one's own, whatever becomes of it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.pipeline.conftest import ROOT

# A process without threads or torch, as only such a one is forked. Each line: what is to be seen.
PROGRAM = """
import multiprocessing, os, signal, sys, threading, time
from pipeline.beside import beside
os.sched_getaffinity = lambda _: {0, 1}
home = os.getpid()

def away():
    return os.getpid() != home

def fails():
    class Unknown(Exception): ...  # nothing that could be sent
    raise Unknown(away())

def killed():
    if away():
        os.kill(os.getpid(), signal.SIGKILL)
    return "done here"

with beside(lambda: (away(), os.urandom(2**20))) as found:
    print(found()[0], found() == found())
try:
    with beside(fails) as found:
        found()
except Exception as error:
    print(type(error).__name__, error)
with beside(lambda: (away(), lambda: None)) as found:
    print("not to be sent:", found()[0])
with beside(killed) as found:
    print(found())
begun = threading.Event()
waits = threading.Thread(target=begun.wait)
waits.start()
with beside(away) as found:
    print("beside a thread:", found())
begun.set(), waits.join()
sys.modules["torch"] = None
with beside(away) as found:
    print("with torch:", found())
del sys.modules["torch"]
own, os.fork = os.fork, lambda: os.open("/dev/null/none", os.O_RDONLY)
with beside(away) as found:
    print("no room:", found())
os.fork = own
try:
    with beside(lambda: time.sleep(60)):
        raise KeyError("elsewhere")
except KeyError as error:
    print(error, multiprocessing.active_children())
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
try:
    with beside(lambda: time.sleep(60)) as found:
        os.killpg(0, signal.SIGINT)  # Ctrl-C
        found()
except KeyboardInterrupt:
    print("Ctrl-C", multiprocessing.active_children())
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="forks on Linux alone")
def test_what_a_second_process_cannot_do_is_done_here() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=50,
        start_new_session=True,
    )
    assert done.stdout.splitlines() == [
        "True True",
        "Unknown False",
        "not to be sent: False",
        "done here",
        "beside a thread: False",
        "with torch: False",
        "no room: False",
        "'elsewhere' []",
        "Ctrl-C []",
    ], done.stderr
    assert not done.stderr
