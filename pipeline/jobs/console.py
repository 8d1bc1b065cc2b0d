"""Lines of the terminal: those that a job prints, and the one that the user typed."""

import shlex
from collections.abc import Iterable

from rich.console import Console, Group, RenderableType
from rich.measure import Measurement
from rich.table import Table

USUAL = 80  # columns


def terminal() -> Console:
    """The command's own. Where its columns are said to be none (COLUMNS=0), it has the usual ones."""
    console = Console()
    if console.width < 1:
        console.width = USUAL
    return console


def say(console: Console, text: str) -> None:
    """One line as it is: no markup, no colours, not broken to the terminal's width."""
    console.print(text, highlight=False, markup=False, soft_wrap=True)


def draw(console: Console, drawn: RenderableType) -> None:
    """A report. Its tables may run over a narrow terminal's edge, up to the usual columns: rich would drop digits."""
    width = console.width
    for part in drawn.renderables if isinstance(drawn, Group) else [drawn]:
        if isinstance(part, Table):
            needed = Measurement.get(console, console.options.update(width=USUAL), part).maximum
            console.width = max(width, needed)
        console.print(part)
        console.width = width


def command_line(arguments: Iterable[str]) -> str:
    """What the user typed, to be typed again."""
    return shlex.join(["python", "launch.py", *arguments])
