"""Programs that claim to have passed in every way except by reaching their end, by readable names. See hostile.py."""

from __future__ import annotations

# If nothing prevents it, traces the frames above and runs them again with nothing to run.
TRACE = """
import _imp, sys
def forge():
    _imp.create_builtin(sys.__spec__)
    def trace(frame, event, arg):
        if frame.f_code.co_name == '_program_and_tests' and event == 'line':
            first = frame.f_code.co_firstlineno
            if frame.f_lineno > first + 6:
                execution = frame.f_locals['execution']
                object.__setattr__(execution, 'tests', '')
                object.__setattr__(execution, 'program', '')
                frame.f_lineno = first + 4
        return trace
    frame = sys._getframe()
    while frame:
        frame.f_trace = trace
        frame = frame.f_back
    sys.settrace(trace)
"""

FORGERIES = {
    "os._exit(0)": "import os\nos._exit(0)",
    "sys.exit": "import sys\nsys.exit()",
    "sys.exit(0) in a test": "def check(f):\n    raise SystemExit(0)\ncheck(None)",
    "exit in a thread and in main": "import os, threading\nthreading.Thread(target=os._exit, args=(0,)).start()\n"
    "import time\ntime.sleep(60)",
    "prints every marker": "import sys\nfor word in ('passed', 'ok', 'E', 'R', '{{\"kind\": \"passed\"}}'):\n"
    "    print(word)\n    print(word, file=sys.stderr)\nassert False",
    "writes to every descriptor": """
import os
message = b'{{"kind": "passed", "detail": "", "values": null, "witnessed": true}}'
for fd in range(1024):
    for text in (b"E", len(message).to_bytes(4, "big") + message):
        try:
            os.write(fd, text)
        except OSError:
            pass
assert False""",
    "ends the loop that runs it": "import os\nos.write = lambda *_: 1\nraise StopIteration",
    "ends the loop without a word": "raise StopIteration",
    "leaves no room for the call that ends it": """
import os, sys, _thread, time
write, read, limit = os.write, os.read, sys.setrecursionlimit
def imitate(*_):
    limit(1000)
    write(3, b'E')
    read(3, 1)
os._exit = os.write = imitate
_thread.start_new_thread(limit, (5,))
time.sleep(0.1)
assert False""",
    "catches what ends it by a signal": """
import os, signal, sys, _thread, time
write, read, limit = os.write, os.read, sys.setrecursionlimit
def imitate(*_):
    limit(1000)
    write(3, b'E')
    read(3, 1)
os._exit = os.write = imitate
signal.signal(signal.SIGSEGV, imitate)
_thread.start_new_thread(limit, (6,))
time.sleep(0.1)
assert False""",
    "monitors its tests": """
import sys
def jump(code, line):
    frame = sys._getframe(1)
    if code.co_filename == 'program.py' and line > 10:
        frame.f_trace = lambda *_: None
        frame.f_lineno = 14
sys.monitoring.use_tool_id(3, 'x')
sys.monitoring.register_callback(3, sys.monitoring.events.LINE, jump)
sys.monitoring.set_events(3, sys.monitoring.events.LINE)
x = 1
assert False
x = 1""",
    "empties the list of audit hooks": TRACE
    + """
import gc
state = []
def hook(event, _):
    if event == 'x' and not state:
        state.append(1)
        for thing in gc.get_objects():
            if type(thing) is type(iter([])):
                for hooks in gc.get_referents(thing):
                    if hook in hooks:
                        hooks.clear()
sys.addaudithook(hook)
sys.audit('x')
forge()
assert False""",
    "starts another interpreter, which has no hooks": "import _xxsubinterpreters\n_xxsubinterpreters.create()",
    "answers for its supervisor": """
import json, os, struct
answer = json.dumps({{"kind": "passed", "detail": "", "values": None, "witnessed": True}}).encode()
for pid in (1, os.getppid()):
    for fd in (1, 4, 5, 6):
        try:
            file = os.open(f"/proc/{{pid}}/fd/{{fd}}", os.O_WRONLY)
            os.write(file, (struct.pack("!I", len(answer)) + answer) * 50)
        except OSError:
            pass
assert False""",
    "tells of its end and waits on the channel": "import os\nos.write(3, b'E')\nos.read(3, 1)\nassert False",
    "tells of its end and goes on": "import os, time\nos.write(3, b'E')\ntime.sleep(60)",
    "waits on the channel at every depth": """
import os
def deeper(n):
    if n:
        return next(map(deeper, [n - 1]))
    os.read(3, 1)
os.write(3, b'E')
os.set_blocking(3, False)
for n in range(300):
    try:
        deeper(n)
    except BlockingIOError:
        pass
os.set_blocking(3, True)
os.read(3, 1)
assert False""",
    "waits on the channel in a thread": "import os, threading\nos.write(3, b'E')\n"
    "threading.Thread(target=os.read, args=(3, 1)).start()\nassert False",
    "waits on the channel in a forked child": "import os\nif os.fork():\n    os.wait()\n    assert False",
    "waits on the channel as the exception hook": """
import os, sys
def hook(*_):
    os.write(3, b'E')
    os.read(3, 1)
sys.excepthook = sys.unraisablehook = hook
import atexit
atexit.register(hook)
assert False""",
    "calls the function that ends a program": """
import os, sys, types
frame = sys._getframe()
while frame:
    end = frame.f_globals.get('_to_its_end')
    if end:
        end(types.SimpleNamespace(program='', tests=''), {{}}, lambda fd, text: os.write(3, b'E'), os.read)
    frame = frame.f_back
assert False""",
    "replaces what describes its exception": """
import os, sys
def imitate(*_):
    os.write(3, b'E')
    os.read(3, 1)
    return b''
frame = sys._getframe().f_back
while frame:
    for name, value in list(frame.f_globals.items()):
        if name not in ('FILE', 'ENDED', 'CHANNEL') and not name.startswith('__'):
            frame.f_globals[name] = imitate
    frame = frame.f_back
assert False""",
    "replaces the builtins that describe its exception": """
import builtins, os
def imitate(*_):
    os.write(3, b'E')
    os.read(3, 1)
    return b''
for name in ('isinstance', 'type', 'str', 'map'):
    setattr(builtins, name, imitate)
assert False""",
    "replaces BaseException": "import builtins\nbuiltins.BaseException = None\nassert False",
    "describes its exception by imitating the end": """
import os
class E(Exception):
    def __str__(self):
        os.write(3, b'E')
        os.read(3, 1)
raise E""",
    "imitates the end while its exception dies": """
import os
class E(Exception):
    def __del__(self):
        os.write(3, b'E')
        os.read(3, 1)
raise E""",
    "changes the code of what runs it": """
import sys
def imitate(*_):
    import os
    os.write(3, b'E')
    os.read(3, 1)
frame = sys._getframe().f_back
while frame:
    for thing in list(frame.f_globals.values()):
        if isinstance(thing, type(imitate)):
            try:
                thing.__code__ = imitate.__code__
            except Exception:
                pass
    frame = frame.f_back
assert False""",
    "swaps the locals of what runs it": """
import sys, os
def imitate(*_):
    os.write(3, b'E')
    os.read(3, 1)
def profile(frame, event, argument):
    for name in list(frame.f_locals):
        frame.f_locals[name] = imitate
sys.setprofile(profile)
import cProfile
cProfile.Profile().enable()
assert False""",
    "interrupts what ends it by signals": """
import os, signal
def imitate(*_):
    os.write(3, b'E')
    os.read(3, 1)
    raise KeyboardInterrupt
signal.signal(signal.SIGALRM, imitate)
signal.setitimer(signal.ITIMER_REAL, 1e-5, 1e-5)
assert False""",
    "moves the frame below by tracing": """
import sys
def trace(frame, event, argument):
    if event == 'line' and frame.f_code.co_name in ('run', '_to_its_end'):
        frame.f_lineno += 1
    return trace
frame = sys._getframe()
while frame:
    frame.f_trace = trace
    frame = frame.f_back
sys.settrace(trace)
assert False""",
    "traces by loading sys anew": """
import _imp, gc, sys
def trace(frame, event, argument):
    try:
        frame.f_lineno = frame.f_lineno + 1
    except ValueError:
        pass
    return trace
frame = sys._getframe()
while frame:
    frame.f_trace = trace
    frame = frame.f_back
_imp.create_builtin(sys.__spec__)
sys.settrace(trace)
for thing in gc.get_objects():
    if type(thing) is type(len) and thing.__name__ == 'settrace':
        thing(trace)
assert False""",
    "jumps over its own tests by tracing": """
import sys
def trace(frame, event, argument):
    if event == 'line' and frame.f_lineno == 10:
        frame.f_lineno = 11
    return trace
sys.settrace(trace)
sys._getframe().f_trace = trace
pass
assert False
pass""",
    "changes the locals below": "import sys\nframe = sys._getframe().f_back\nwhile frame:\n"
    "    for name in list(frame.f_locals):\n        frame.f_locals[name] = lambda *_: 0\n    frame = frame.f_back\n"
    "assert False",
    "replaces os.write, os.read, os._exit": "import os\nos._exit = os.write = os.read = lambda *_: 1\nassert False",
    "replaces json, sys.stdout and builtins": "import builtins, json, sys\njson.dumps = json.loads = lambda *_: 'x'\n"
    "sys.stdout = sys.stderr = None\nbuiltins.AssertionError = builtins.Exception = None\nassert False",
    "swallows assertions by a signal": "import signal\nsignal.signal(signal.SIGALRM, lambda *_: None)\n"
    "signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)\nassert False",
    "looks for a secret in frames, objects and environment": """
import gc, os, sys
found = [os.environ]
frame = sys._getframe()
while frame:
    found += [frame.f_locals, frame.f_globals]
    frame = frame.f_back
found += gc.get_objects()
assert any('{terces}'[::-1] in str(thing) for thing in found if type(thing) in (str, bytes, dict, list, tuple))""",
    "raises from __eq__": "class A:\n    def __eq__(self, other):\n        raise SystemExit(0)\nassert A() == 1",
    "raises without a message it can print": "class E(Exception):\n    def __str__(self):\n        raise E\nraise E",
    "closes every descriptor": "import os\nos.closerange(0, 1024)\nassert False",
    "closes every descriptor and ends": "import os\nos.closerange(0, 1024)",
    "starts another program in its place": "import os, sys\n"
    "os.execv(sys.executable, [sys.executable, '-c', 'import os; os.write(3, b\"E\"); os.read(3, 1)'])",
}
