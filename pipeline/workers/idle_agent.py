"""In the place of an agent of Ray's node process: `python idle_agent.py PORT,PORT PROGRAM ARGUMENT ...`.

Nobody asks a private Ray's agents for anything, but its node process starts them, ends when they do, and waits until
each has said on which ports it listens. Each takes half a second of a core or more for that. This one says that there
are none, as Ray's own small form does (ray/dashboard/agent.py, persist_port), and waits for its end. Where it isn't
told how, it becomes the agent.
"""

import os
import signal
import sys
from pathlib import Path

NONE = "-1"


def says_none(ports: list[str], words: list[str]) -> bool:
    """In the files in which the node process looks (ray/_raylet: get_port_filename), if the words say where."""
    told = dict(word[2:].split("=", 1) for word in words if word.startswith("--") and "=" in word)
    folder, node = told.get("session-dir"), told.get("node-id")
    if not (folder and node):
        return False
    for port in ports:
        file = Path(folder, f"{port}_{node}")
        whole = file.with_name(f"{file.name}.tmp")
        whole.write_text(NONE)
        whole.replace(file)
    return True


if __name__ == "__main__":
    program = sys.argv[2:]
    if not says_none(sys.argv[1].split(","), program):
        os.execv(program[0], program)
    signal.pause()
