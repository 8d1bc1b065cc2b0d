"""Run one small untrusted program on given inputs in a process of its own, with limits on time and memory.

The process gets the program and the inputs, never the expected outputs, and only its plain data comes back: the
comparison is made here, so a program cannot claim to have passed. (The full sandbox belongs to the real benchmarks.)
"""

from __future__ import annotations

import ast
import json
import secrets
import subprocess
import sys
import tempfile
from typing import Any

WALL_SECONDS = 5.0
CPU_SECONDS = 2
MEMORY_BYTES = 256 * 2**20
CHILD = f"""
import json, resource, sys
resource.setrlimit(resource.RLIMIT_CPU, ({CPU_SECONDS}, {CPU_SECONDS}))
resource.setrlimit(resource.RLIMIT_AS, ({MEMORY_BYTES}, {MEMORY_BYTES}))
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
job = json.load(sys.stdin)
names = {{}}
exec(job["program"], names)
outputs = [names["f"](*values) for values in job["inputs"]]
print(job["seal"] + json.dumps(outputs))
"""


def parses(program: str) -> bool:
    """Whether it is Python at all (saves starting a process for what is not)."""
    try:
        ast.parse(program)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def outcomes(program: str, inputs: list[list[Any]]) -> list[Any] | None:
    """What the program's function ``f`` returns for each input; None where it fails in any way or runs too long."""
    seal = secrets.token_hex(16)
    with tempfile.TemporaryDirectory(prefix="pycode-") as folder:
        try:
            done = subprocess.run(
                [sys.executable, "-I", "-S", "-c", CHILD],
                input=json.dumps({"program": program, "inputs": inputs, "seal": seal}),
                capture_output=True,
                text=True,
                timeout=WALL_SECONDS,
                cwd=folder,
                env={},
            )
        except subprocess.TimeoutExpired:
            return None
    sealed = [line for line in done.stdout.splitlines() if line.startswith(seal)]
    if done.returncode != 0 or len(sealed) != 1:
        return None
    outputs: list[Any] = json.loads(sealed[0].removeprefix(seal))
    return outputs
