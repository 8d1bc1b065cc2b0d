"""Programs that attack the sandbox, by readable names. Each reaches its end only if its attack succeeds.

In the text, {folder}, {tcp}, {udp}, {unix}, {parent}, {repository} and {home} stand for things on this machine, and
{terces} for a secret of this machine, backwards (otherwise the program would find it in its own text).
"""

from __future__ import annotations

# These never end.
ENDLESS = {
    "endless loop": "while True:\n    pass",
    "endless loop in C": "10 ** 10 ** 8 % 7",
    "endless regular expression": "import re\nre.match('(a+)+$', 'a' * 60 + 'b')",
    "endless loop in __del__": "class A:\n    def __del__(self):\n        while True:\n            pass\n"
    "x = A()\ndel x",
    "endless loop at exit": "import atexit\n\ndef loop():\n    while True:\n        pass\n"
    "atexit.register(loop)\nassert False",
    "endless loop that swallows everything": "while True:\n    try:\n        while True:\n            pass\n"
    "    except BaseException:\n        pass",
    "endless loop in describing its exception": "class E(Exception):\n    def __str__(self):\n        while True:\n"
    "            pass\nraise E",
    "sleeps for ever": "import time\ntime.sleep(10 ** 6)",
    "waits for a lock": "import threading\nlock = threading.Lock()\nlock.acquire()\nlock.acquire()",
    "ignores signals and loops": "import signal\nfor n in range(1, 65):\n    try:\n"
    "        signal.signal(n, signal.SIG_IGN)\n"
    "    except (OSError, ValueError):\n        pass\nwhile True:\n    pass",
    "stops itself": "import os, signal\nwhile True:\n    os.kill(os.getpid(), signal.SIGSTOP)",
}

# These use up memory, processes, files or output.
EXHAUSTION = {
    "waits for input": "while True:\n    input()",
    "threads that never end, and fails": "import threading, time\nfor _ in range(5):\n"
    "    threading.Thread(target=time.sleep, args=(10 ** 6,)).start()\nassert False",
    "memory at once": "x = bytearray(10 ** 12)",
    "memory bit by bit": "x = []\nwhile True:\n    x.append(bytes(10 ** 6))",
    "memory by a string": "x = 'a'\nwhile True:\n    x += x",
    "memory in many processes": """
import os, time
for _ in range(12):
    if not os.fork():
        break
x = bytearray(b'x') * (60 * 2**20)
time.sleep(60)""",
    "memory in files of memory": """
import os
while True:
    file = os.memfd_create('x')
    os.write(file, bytes(2**20))""",
    "memory in daemons": """
import os, time
for _ in range(6):
    if not os.fork():
        if os.fork():
            os._exit(0)
        x = bytearray(b'x') * (60 * 2**20)
        time.sleep(60)
        os._exit(0)
time.sleep(60)""",
    "memory that is shared, and resident nowhere": """
import mmap
shared = mmap.mmap(-1, 128 * 2**20)
for n in range(128):
    shared[n * 2**20:(n + 1) * 2**20] = b'x' * 2**20
    shared.madvise(mmap.MADV_DONTNEED)""",
    "memory that is shared by a device": """
import mmap, os
mmap.mmap(os.open('/dev/zero', os.O_RDWR), 2**20)""",
    "work in many processes": """
import os, time
for _ in range(4):
    if not os.fork():
        while time.process_time() < 0.5:
            pass
        os._exit(0)
for _ in range(4):
    os.wait()""",
    "fork bomb": "import os\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        pass",
    "thread bomb": "import threading, time\nwhile True:\n    threading.Thread(target=time.sleep, args=(60,)).start()",
    "many files": "n = 0\nwhile True:\n    open(f'{{n}}', 'w').write('x')\n    n += 1",
    "a large file": "with open('x', 'wb') as file:\n    while True:\n        file.write(bytes(2**20))",
    "many large files": "n = 0\nwhile True:\n    open(f'{{n}}', 'wb').write(bytes(2**19))\n    n += 1",
    "many folders in each other": "import os\nwhile True:\n    os.mkdir('x')\n    os.chdir('x')",
    "many open files": "files = []\nwhile True:\n    files.append(open('x', 'w'))",
    "huge output": "while True:\n    print('x' * 10 ** 6)",
    "huge output to stderr": "import sys\nwhile True:\n    sys.stderr.write('x' * 10 ** 6)",
    "huge exception": "raise ValueError('x' * 10 ** 7)",
    "huge traceback": "def f(n):\n    f(n + 1)\nf(0)",
    "deep recursion in C": "import sys\nsys.setrecursionlimit(10 ** 9)\ndef f():\n"
    "    return next(map(lambda _: f(), [0]))\nf()",
    "nesting that breaks the parser": "(" * 50_000 + ")" * 50_000,
    "expression that breaks the compiler": "x = " + "-" * 100_000 + "1",
    "null bytes": "x = 1\0",
    "lone surrogate": "x = '\ud800'.encode()",
    "raises its own limits": """
import resource
for name in dir(resource):
    if name.startswith('RLIMIT_'):
        try:
            limit = getattr(resource, name)
            resource.setrlimit(limit, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        except (OSError, ValueError):
            pass
x = bytearray(10 ** 10)""",
    "fills the channel": "import os\nwhile True:\n    os.write(3, b'F' * 4096)",
    "crashes the interpreter": "import ctypes\nctypes.string_at(0)",
}

# These reach for things outside, and are stopped by isolation.
ESCAPES = {
    "reads the home folder": "import os\nassert any(os.path.exists('{home}/' + name) for name in {home_names})",
    "reads a file outside": "assert open('{folder}/secret').read()",
    "reads the repository": "import os\nassert os.listdir('{repository}')",
    "imports the repository": "import sys\nsys.path.append('{repository}')\nimport pipeline",
    "writes outside": "open('{folder}/marker', 'w').write('x')",
    "reads /etc/shadow": "assert open('/etc/shadow').read()",
    "reads /etc/passwd": "assert open('/etc/passwd').read()",
    "reads the environment of others": "assert 'PATH=' in open('/proc/1/environ').read()",
    "sees other processes": "import os\nassert os.path.exists('/proc/{parent}')",
    "writes to the library": "import os\nopen(os.__file__, 'a').write('#')",
    "writes to /": "open('/x', 'w').write('x')",
    "changes the kernel's settings": "import os\nfile = os.open('/proc/sys/vm/overcommit_memory', os.O_WRONLY)",
    "changes a device": "import os\nos.chmod('/dev/full', 0o666)",
    "makes a device": "import os, stat\nos.mknod('/tmp/disk', 0o600 | stat.S_IFBLK, os.makedev(254, 0))",
    "chowns and makes setuid": "import os\nopen('x', 'w')\nos.chown('x', 0, 0)\nos.chmod('x', 0o4755)",
    "becomes root": "import os\nos.setuid(0)",
    "leaves by chroot": "import os\nos.mkdir('x')\nos.chroot('x')\nfor _ in range(50):\n"
    "    os.chdir('..')\nos.chroot('.')\n"
    "assert open('{folder}/secret').read()",
    "leaves by ..": "import os\nfor _ in range(50):\n    os.chdir('..')\n"
    "assert os.path.exists('.' + '{folder}/secret')",
}

SIGNAL = """
import fcntl, os, signal, socket, time
def send(pid, number):
    ours, theirs = socket.socketpair()
    fcntl.fcntl(ours, fcntl.F_SETOWN, pid)
    fcntl.fcntl(ours, 10, number)
    fcntl.fcntl(ours, fcntl.F_SETFL, fcntl.fcntl(ours, fcntl.F_GETFL) | os.O_ASYNC)
    theirs.send(b'x')
"""

# These are stopped at every level.
REACHES = {
    "TCP": "import socket\nsocket.create_connection(('127.0.0.1', {tcp}), 2).sendall(b'x')",
    "UDP": "import socket\nsocket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', {udp}))",
    "unix socket": "import socket\nsocket.socket(socket.AF_UNIX).connect('{unix}')",
    "unix socket of the abstract kind": "import socket\nsocket.socket(socket.AF_UNIX).connect('\\0{unix}')",
    "the hypervisor's sockets": "import socket\nsocket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)",
    "the internet": "import urllib.request\nurllib.request.urlopen('http://1.1.1.1', timeout=2)",
    "kills its parent": "import os, signal\nassert os.getppid()\nos.kill(os.getppid(), signal.SIGKILL)",
    "kills the tests": "import os, signal\nos.kill({parent}, signal.SIGTERM)",
    "kills everything": "import os, signal\nos.kill(-1, signal.SIGTERM)\nassert False",
    "kills its parent by a file's owner": SIGNAL + "send(os.getppid(), signal.SIGKILL)\ntime.sleep(1)",
    "kills the tests by a file's owner": SIGNAL + "send({parent}, signal.SIGTERM)\nassert False",
    "stops process 1 by a file's owner": SIGNAL + "send(1, signal.SIGSTOP)\nassert False",
    "datagram to a unix socket": "import socket\na, _ = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)\n"
    "a.sendto(b'x', '{unix}')",
    "slows down the tests": "import os\nos.setpriority(os.PRIO_PROCESS, {parent}, 10)",
    "pins the tests": "import os\nos.sched_setaffinity({parent}, {{0}})",
    "traces another process": "import ctypes\nassert ctypes.CDLL(None).ptrace(16, {parent}, 0, 0) == 0",
    "mounts": "import ctypes\nassert ctypes.CDLL(None).mount(b'none', b'/tmp', b'tmpfs', 0, None) == 0",
    "enters a new user namespace": "import ctypes\nassert ctypes.CDLL(None).unshare(0x10000000) == 0",
    "changes the limits of another": "import resource\nresource.prlimit({parent}, resource.RLIMIT_CORE, (0, 0))",
    "changes the memory of the tests": "import os\nos.open('/proc/{parent}/mem', os.O_RDWR)",
    "reads the environment of the tests": "assert open('/proc/{parent}/environ').read()",
    "gives the tests to the out-of-memory killer": "open('/proc/{parent}/oom_score_adj', 'w').write('500')",
    "changes its supervisor's memory": "import os\nopen(f'/proc/{{os.getppid()}}/mem', 'r+b').read(1)",
    "runs a command": "import subprocess\nsubprocess.run(['/bin/sh', '-c', 'true'], check=True)",
    "runs a shell": "import os\nassert os.system('true') == 0",
    "is scheduled apart from its other processes": """
import os
if not os.fork():
    os.setsid()
    os._exit(7)
assert os.waitstatus_to_exitcode(os.wait()[1]) == 7""",
    "is root": "import os\nassert 0 in os.getresuid()",
    "leaves a daemon and fails": """
import os, time
if not os.fork():
    if not os.fork():
        time.sleep(60)
    os._exit(0)
assert False""",
    "leaves many daemons and exits": """
import os, time
for _ in range(5):
    if not os.fork():
        time.sleep(60)
os._exit(0)""",
    "writes into a shared folder": "open('/var/tmp/axon-sandbox-test', 'x')",
    "deletes its folder": "import os, shutil\nshutil.rmtree(os.getcwd(), ignore_errors=True)\nassert False",
    "locks its folder": "import os\nos.makedirs('a/b')\nos.chmod('a/b', 0)\nos.chmod('a', 0)\n"
    "os.chmod('.', 0)\nassert False",
}

# Functions that return values: what they return must neither hang nor break the caller.
RETURNS = {
    "itself": "def f(x):\n    a = []\n    a.append(a)\n    return a",
    "something enormous": "def f(x):\n    return 'x' * 10 ** 8",
    "something large": "def f(x):\n    return 'x' * (3 * 2**20)",
    "something endless": "def f(x):\n    return iter(int, 1)",
    "something deep": "def f(x):\n    a = 1\n    for _ in range(10 ** 5):\n        a = [a]\n    return a",
    "an object": "class A:\n    def __eq__(self, other):\n        return True\n    def __repr__(self):\n"
    "        raise SystemExit\n"
    "def f(x):\n    return A()",
    "raises": "def f(x):\n    raise SystemExit(0)",
    "never": "def f(x):\n    while True:\n        pass",
    "nothing to call": "g = 1",
    "text that is not JSON": "import os\ndef f(x):\n    os.write(3, b'V{{')\n    os._exit(0)",
    "deep JSON of its own": "import os\ndef f(x):\n    os.write(3, b'V' + b'[' * 100000)\n    os._exit(0)",
    "too many values": "import os\ndef f(x):\n    os.write(3, b'V[1, 2, 3]')\n    os._exit(0)",
    "a number too long to read": "import os\ndef f(x):\n    os.write(3, b'V[' + b'9' * 100000 + b']')\n"
    "    os._exit(0)",
}

# Without isolation, or as root, nothing stops these before their time is over.
UNBOUNDED = {
    "fork bomb",
    "thread bomb",
    "memory in many processes",
    "many large files",
    "many files",
    "many folders in each other",
}

# Tries to end itself by signals, though it may send none: timers that run out send any that there is.
SIGNALS = """
import ctypes, struct, time
libc = ctypes.CDLL(None)
for number in {numbers}:
    event, timer = ctypes.create_string_buffer(struct.pack('Qii', 0, number, 0), 64), ctypes.c_void_p()
    if libc.timer_create(1, event, ctypes.byref(timer)) == 0:
        libc.timer_settime(timer, 0, struct.pack('4q', 0, 0, 0, 1), None)
        time.sleep(0.005)
assert False
"""

# Each dies, or tries to, as if someone else killed it or let it hardly run, which would leave it unscored.
PRETENCES = {
    "lowers its limit of processor time and uses it up": "import resource\n"
    "resource.setrlimit(resource.RLIMIT_CPU, (1, 1))\nwhile True:\n    pass",
    "has a child that kills it by ending": """
import ctypes, os, signal, time
clone = {'x86_64': 56, 'aarch64': 220}[os.uname().machine]
for number in (signal.SIGKILL, signal.SIGTERM):
    if ctypes.CDLL(None).syscall(clone, int(number), 0, 0, 0, 0) == 0:
        os._exit(0)
time.sleep(0.3)
assert False""",
    "sends itself a signal when a timer runs out": SIGNALS.format(numbers=[9, 15]),
    "has ended processes forgotten": """
import ctypes, os, signal, time
try:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
except OSError:
    ctypes.CDLL(None).signal(signal.SIGCHLD, 1)
while True:
    if os.fork() == 0:
        while time.process_time() < 0.05:
            pass
        os._exit(0)
    try:
        os.wait()
    except ChildProcessError:
        pass""",
}
