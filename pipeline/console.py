"""Lines on the terminal."""

from rich.console import Console


def say(console: Console, text: str) -> None:
    """One line as it is: no markup, no colours, not broken to the terminal's width."""
    console.print(text, highlight=False, markup=False, soft_wrap=True)
