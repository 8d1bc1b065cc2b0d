"""The execution of one program, as it is requested of the jail, and its outcome: plain data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

PATIENCE = 10.0


@dataclass(frozen=True)
class Limits:
    """What one program may use. Times are for the whole program; a MiB is 2**20 bytes."""

    wall_seconds: float = 10.0  # of its own: running, or waiting for anything but a processor (own_time.py)
    cpu_seconds: int = 8  # of all its processes together
    memory_bytes: int = 512 * 2**20  # address space of each process, and resident memory of all together
    processes: int = 32  # including threads
    file_bytes: int = 16 * 2**20  # the largest file
    folder_bytes: int = 64 * 2**20  # all files together (enforced only at level `namespaces`)
    open_files: int = 64
    output_bytes: int = 16 * 2**20  # printed; a program that prints more is stopped
    value_bytes: int = 2**20  # the returned values as JSON

    @property
    def longest_seconds(self) -> float:
        """By the clock, on a machine that hardly lets it run: after them its outcome stays unknown."""
        return PATIENCE * self.wall_seconds


@dataclass(frozen=True)
class Execution:
    """A program and how to run it: followed by `tests`, or with its function called on each of `inputs`."""

    program: str
    tests: str = ""
    inputs: list[list[Any]] | None = None
    name: str = "f"  # of the function
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True)
class Outcome:
    """How an execution ended. `kind`: passed, or why not: exception, timeout, memory, output, killed, no verdict.

    At best, calls have the kind `returned`: whoever knows the expected values compares them.
    """

    kind: str
    detail: str = ""
    values: str | None = None  # JSON written by the program's process: to be compared, never trusted
    witnessed: bool = False  # whether the kernel confirmed that the end was reached

    @property
    def passed(self) -> bool:
        return self.kind == "passed"

    @property
    def reason(self) -> str:
        return f"{self.kind}: {self.detail}" if self.detail else self.kind
