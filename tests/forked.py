"""Commands that share what they import: each is a fork of a process that has imported it once.

Where what a test is about is not the import itself: torch and a model's code take four seconds of a core, of most
commands of a test nearly all.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

ROOT = Path(__file__).resolve().parents[1]
# Runs as `python -c`: a line of its input is a command, a line of its output that one's exit code. A fork reads none of
# the input, and sees the modules of PYTHONPATH and of its place as a process that starts there does.
PARENT = """
import gc, importlib, json, os, runpy, sys

del sys.path[0]
for place in (found := json.loads(sys.argv[1]))["path"]:
    sys.path.insert(0, place)
if found["ours"]:
    from pipeline.importing import importing_models
    with importing_models():
        for name in found["modules"]:
            importlib.import_module(name)
for name in found["modules"]:
    importlib.import_module(name)
gc.freeze()
for line in sys.stdin:
    told = json.loads(line)
    if child := os.fork():
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
        continue
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(told[name], os.O_WRONLY), number)
    os.chdir(told["folder"])
    os.environ.clear()
    os.environ.update(told["environment"])
    importlib.invalidate_caches()
    words = told["words"]
    more = [place for place in os.environ.get("PYTHONPATH", "").split(os.pathsep) if place]
    if words[0] == "-m":
        sys.path[:0], sys.argv = [told["folder"], *more], words[1:]
        runpy.run_module(words[1], run_name="__main__", alter_sys=True)
    elif words[0] == "-c":
        sys.path[:0], sys.argv = [told["folder"], *more], ["-c", *words[2:]]
        exec(words[1], {"__name__": "__main__"})
    else:
        sys.path[:0], sys.argv = [os.path.dirname(words[0]), *more], words
        runpy.run_path(words[0], run_name="__main__")
    break
"""


@dataclass
class Forked:
    process: subprocess.Popen[str]

    def run(
        self,
        words: Sequence[object],
        folder: Path = ROOT,
        environment: Mapping[str, str] = MappingProxyType({}),
    ) -> tuple[int, str, str]:
        """`python WORDS` in that folder: exit code, output, errors.

        WORDS: a script, `-m` and a module, or `-c` and code.
        """
        assert self.process.stdin and self.process.stdout
        with tempfile.NamedTemporaryFile("r") as out, tempfile.NamedTemporaryFile("r") as err:
            told = {"words": [*map(str, words)], "folder": str(folder), "out": out.name, "err": err.name}
            told["environment"] = {**os.environ, **environment}
            print(json.dumps(told), file=self.process.stdin, flush=True)
            code = self.process.stdout.readline()
            assert code, "the process that forks has ended"
            return int(code), out.read(), err.read()


@contextmanager
def forking(*modules: str, ours: bool = True) -> Iterator[Forked]:
    """`ours`: some of the modules are of this repository, which commands import from here then."""
    told = json.dumps({"modules": modules, "path": [str(ROOT)] * ours, "ours": ours})
    pipe = subprocess.PIPE
    process = subprocess.Popen([sys.executable, "-c", PARENT, told], stdin=pipe, stdout=pipe, text=True)
    try:
        yield Forked(process)
    finally:
        process.kill()
        process.communicate()
