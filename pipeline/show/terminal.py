"""A decode on the terminal: one step after the other printed, or one at a time and keys to go on.

Every mark is text, so that it reads the same in a pipe and without colours.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from rich.columns import Columns
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.text import Text

from pipeline.show.cells import Cell, Kind, captions, cells, step_words, visible
from pipeline.show.decode import Decode
from pipeline.show.keys import keys

STYLES: dict[Kind, str] = {
    "before": "",
    "decoder": "bold blue",
    "axon": "bold red",
    "replaced": "bold magenta",
    "undecoded": "dim",
    "supported": "yellow",
    "mask": "dim",
    "remasked": "green",
}
LEGEND = (
    "[token] revealed by the base decoder   {token}1 anchor 1, revealed by AXON   "
    "token?1 masked, attends to anchor 1   _ masked"
)
OF_EVENTS = {  # explained where there are any
    "replace": "   <token> replaced by the base decoder",
    "remask": "   ~token~ masked again by the base decoder",
}
FOLDED = 4  # equal cells in a row from which on they are written as one
KEYS = "space or → next   ← back   home end   p play   q quit"
SIDE_BY_SIDE = 110  # columns of a terminal from which on two decodes stand beside each other
PACE = 0.7  # seconds a step, where it plays


def print_steps(decodes: Sequence[Decode], steps: Iterable[int], console: Console) -> None:
    """Each of the steps, for a pipe or a short look."""
    console.print(_head(decodes))
    for step in steps:
        console.print(_panels(decodes, step, console))


def browse(decodes: Sequence[Decode], console: Console) -> None:
    """One step at a time, until the reader quits."""
    last, step, plays = max(len(decode.frames) for decode in decodes) - 1, 0, False
    with keys() as next_key, Live(console=console, screen=True, auto_refresh=False) as live:
        while True:
            live.update(
                Group(_head(decodes), _panels(decodes, step, console), Text(KEYS, "dim")), refresh=True
            )
            key = next_key(PACE if plays else None)
            if key == "q":
                return
            if key == "p":
                plays = not plays
                step = 0 if plays and step == last else step
            else:
                step = moved(step, key or "next", last)
                plays = plays and step < last


def moved(step: int, key: str, last: int) -> int:
    """The step that a key leads to."""
    leads = {"next": step + 1, "back": step - 1, "home": 0, "end": last}
    return min(max(0, leads.get(key, step)), last)


def _head(decodes: Sequence[Decode]) -> RenderableType:
    prompt = Text("prompt  ", "dim").append(
        decodes[0].prompt.strip().replace("\n", "↵ ") or "unknown here", ""
    )
    prompt.truncate(600, overflow="ellipsis")
    kinds = {event.kind for decode in decodes for frame in decode.frames for event in frame.events}
    more = "".join(text for kind, text in OF_EVENTS.items() if kind in kinds)
    return Group(prompt, Text(LEGEND + more, "dim"))


def _panels(decodes: Sequence[Decode], step: int, console: Console) -> RenderableType:
    made = [_panel(decode, step) for decode in decodes]
    if len(made) > 1 and console.width >= SIDE_BY_SIDE:
        return Columns(made, width=console.width // len(made) - 1, expand=True)
    return Group(*made)


def _panel(decode: Decode, step: int) -> Panel:
    canvas = Text(" ").join(_folded(_marked(cell) for cell in cells(decode, step)))
    words = [Text(line, "dim") for line in (*captions(decode, step), decode.note or "") if line]
    title = Text(f"{decode.title} · {step_words(decode, step)}")
    return Panel(Group(canvas, Text(), *words), title=title, title_align="left", expand=True)


def _folded(marks: Iterable[Text]) -> Iterator[Text]:
    """Many equal ones in a row, as at the end of a text, are written once with their number."""
    for _, run in groupby(marks, lambda mark: (mark.plain, mark.style)):
        same = list(run)
        if len(same) < FOLDED:
            yield from same
        else:
            yield same[0].copy().append(f" x{len(same)}", "dim")


def _marked(cell: Cell) -> Text:
    shown = visible(cell.text) if cell.text else ""
    if cell.kind == "mask":
        text = "_"
    elif cell.kind == "supported":
        text = f"{shown or '_'}?{cell.number}"
    elif cell.kind == "axon":
        text = f"{{{shown}}}{cell.number or ''}"
    elif cell.kind == "decoder":
        text = f"[{shown}]"
    elif cell.kind == "replaced":
        text = f"<{shown}>"
    elif cell.kind == "remasked":
        text = f"~{shown}~"
    else:
        text = shown
    return Text(text, STYLES[cell.kind])
