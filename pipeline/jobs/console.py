"""Lines of the terminal: those that a job prints, and the one that the user typed."""

import shlex
from collections.abc import Iterable

from rich.console import Console


def say(console: Console, text: str) -> None:
    """One line as it is: no markup, no colours, not broken to the terminal's width."""
    console.print(text, highlight=False, markup=False, soft_wrap=True)


def command_line(arguments: Iterable[str]) -> str:
    """What the user typed, to be typed again."""
    return shlex.join(["python", "launch.py", *arguments])
