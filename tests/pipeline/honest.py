"""Programs such as models and benchmarks write, by readable names: all of them pass."""

from __future__ import annotations

HONEST = {
    "nothing": "",
    "asserts": "def f(x):\n    return x + 1\nassert f(1) == 2",
    "HumanEval's form": "from typing import List\n\ndef f(xs: List[int]) -> int:\n    return sum(xs)\n\n"
    "def check(candidate):\n    assert candidate([1, 2]) == 3\n    assert candidate([]) == 0\n\ncheck(f)\n",
    "a main guard": "if __name__ == '__main__':\n    assert False",
    "the names of a bare exec": "assert list(globals()) == ['__builtins__'] and __name__ == 'builtins'",
    "prints": "print('hello' * 1000)\nimport sys\nsys.stderr.write('x' * 10000)",
    "library": "import asyncio, collections, dataclasses, decimal, hashlib, heapq, math, queue, re, ssl, uuid\n"
    "assert hashlib.md5(b'').hexdigest() == 'd41d8cd98f00b204e9800998ecf8427e'",
    "dataclass": "from dataclasses import dataclass\n@dataclass\nclass A:\n    x: int = 1\nassert A() == A(1)",
    "named tuple with defaults": "from collections import namedtuple\n"
    "assert namedtuple('A', 'x', defaults=[1])().x == 1",
    "files": "import tempfile\nwith open('x', 'w') as file:\n    file.write('x')\nassert open('x').read() == 'x'\n"
    "with tempfile.TemporaryFile() as file:\n    file.write(b'x')",
    "threads": "import threading\nfound = []\nthread = threading.Thread(target=found.append, args=(1,))\n"
    "thread.start()\nthread.join()\nassert found == [1]",
    "processes": "import os\npid = os.fork()\nif not pid:\n    os._exit(3)\n"
    "assert os.waitstatus_to_exitcode(os.wait()[1]) == 3",
    "thread that never ends": "import threading, time\nthreading.Thread(target=time.sleep, args=(10 ** 6,)).start()",
    "pipes, locks and sockets of its own": "import fcntl, os, socket\nwith open('x', 'w') as file:\n"
    "    fcntl.flock(file, fcntl.LOCK_EX)\n    fcntl.fcntl(file, fcntl.F_GETFL)\n"
    "a, b = socket.socketpair()\na.send(b'x')\nassert b.recv(1) == b'x'",
    "folders": "import os, shutil\nos.makedirs('a/b')\nopen('a/b/x', 'w').close()\nos.rename('a/b/x', 'y')\n"
    "shutil.rmtree('a')\nopen('/dev/null', 'w').write('x')\nassert os.listdir() == ['y']",
    "an iterator that is at its end": "try:\n    next(iter([]))\nexcept StopIteration:\n    pass",
    "asyncio": "import asyncio\nasync def f():\n    await asyncio.sleep(0)\n    return 1\n"
    "assert asyncio.run(f()) == 1",
    "caught exceptions": "try:\n    1 / 0\nexcept ZeroDivisionError:\n    pass\nelse:\n    assert False",
    "recursion": "import sys\nsys.setrecursionlimit(20000)\ndef f(n):\n    return n and f(n - 1)\n"
    "assert f(10000) == 0",
    "doctest": "import doctest\ndef f():\n    '''\n    >>> f()\n    1\n    '''\n    return 1\n"
    "runner = doctest.DocTestRunner()\n"
    "for test in doctest.DocTestFinder().find(f, 'f', False, globals()):\n    runner.run(test)\n"
    "assert runner.summarize() == (0, 1)",
    "unittest": "import unittest\nclass T(unittest.TestCase):\n    def test(self):\n        self.assertEqual(1, 1)\n"
    "result = unittest.TestResult()\nunittest.defaultTestLoader.loadTestsFromTestCase(T).run(result)\n"
    "assert result.wasSuccessful() and result.testsRun == 1",
    "alarm": "import signal\nfound = []\nsignal.signal(signal.SIGALRM, lambda *_: found.append(1))\n"
    "signal.setitimer(signal.ITIMER_REAL, 0.01)\nsignal.pause()\nassert found == [1]",
    "copy": "import copy\nclass A:\n    pass\nassert isinstance(copy.deepcopy(A()), A)",
    "unicode": "名 = 'ж'\nassert 名.encode() == b'\\xd0\\xb6'\nprint(名)",
    "half a second of work": "import time\nend = time.process_time() + 0.5\n"
    "while time.process_time() < end:\n    pass",
}
