"""In the place of an agent of Ray's node process: `python idle_agent.py PORT,PORT PROGRAM ARGUMENT ...`.

Nobody asks a private Ray's agents for anything, but its node process starts them, ends when they do, and waits until
each has said on which ports it listens. Each takes half a second of a core or more for that. This one says that there
are none, as Ray's own small form does (ray/dashboard/agent.py, persist_port), and waits for its end.
"""

import signal
import sys
from pathlib import Path

NONE = "-1"


def say_none(ports: list[str], words: list[str]) -> None:
    """In the files in which the node process looks for them (ray/_raylet: get_port_filename)."""
    told = dict(word[2:].split("=", 1) for word in words if word.startswith("--") and "=" in word)
    if folder := told.get("session-dir"):
        for port in ports:
            file = Path(folder, f"{port}_{told['node-id']}")
            whole = file.with_name(f"{file.name}.tmp")
            whole.write_text(NONE)
            whole.replace(file)


if __name__ == "__main__":
    say_none(sys.argv[1].split(","), sys.argv[2:])
    signal.pause()
