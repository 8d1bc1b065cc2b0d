"""A step as shapes of fixed places and sizes, in pixels, for a picture in a paper: pure, drawn by svg.py and gif.py.

Text is set in a monospaced font, so that its width is known without one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from textwrap import wrap

from pipeline.show.cells import END, LEGEND, Cell, Kind, captions, cells, step_words, visible
from pipeline.show.decode import Decode

WIDTH = 880
MARGIN, GUTTER = 20, 24
SIZE, SMALL, LARGE = 13, 12, 15  # of text
ADVANCE = 0.602  # width of a character of DejaVu Sans Mono, of its size
HIGH, PAD, BETWEEN, LINE = 24, 6, 5, 19  # of a cell, within it, beside it; of a line of words
APART, ARCS = 10, 26  # above a line of cells, without and with what connects them

INK, SOFT, PAPER, RULE = "#1d2126", "#5b6470", "#ffffff", "#dfe3e8"
BLUE, VERMILLION, PURPLE, GREEN = "#0072B2", "#D55E00", "#CC79A7", "#009E73"  # Okabe and Ito
# Of each kind: fill, edge, width of the edge, text, whether the text is bold.
LOOKS: dict[Kind, tuple[str, str, float, str, bool]] = {
    "before": ("#eef1f4", "#eef1f4", 1, INK, False),
    "decoder": ("#d9e8f3", BLUE, 2, INK, True),
    "axon": (VERMILLION, VERMILLION, 2, PAPER, True),
    "replaced": ("#f3e3ee", PURPLE, 2, INK, True),
    "undecoded": (PAPER, RULE, 1, "#9aa5b1", False),
    "supported": ("#fdf0e6", VERMILLION, 1, SOFT, False),
    "mask": (PAPER, "#c3cad2", 1, "#9aa5b1", False),
    "remasked": (PAPER, GREEN, 2, SOFT, False),
}


@dataclass(frozen=True)
class Box:
    x: float
    y: float
    width: float
    height: float
    fill: str
    edge: str
    edge_width: float


@dataclass(frozen=True)
class Words:
    """`x` is the left end, `y` the base line."""

    x: float
    y: float
    text: str
    size: int
    colour: str
    bold: bool = False
    struck: bool = False  # through its middle

    @property
    def width(self) -> float:
        return text_width(self.text, self.size)


@dataclass(frozen=True)
class Arc:
    """A quadratic curve from one point by way of another to a third."""

    points: tuple[tuple[float, float], tuple[float, float], tuple[float, float]]
    width: float
    colour: str


Shape = Box | Words | Arc


@dataclass
class Scene:
    width: int
    height: float = 0.0
    shapes: list[Shape] = field(default_factory=list)


def text_width(text: str, size: float) -> float:
    return len(text) * size * ADVANCE


def legend_kinds(decodes: Sequence[Decode], steps: Sequence[int]) -> list[Kind]:
    """What a picture of those steps has to explain."""
    found = {cell.kind for decode in decodes for step in steps for cell in cells(decode, step)}
    return [kind for kind in LEGEND if kind in found]


def scene(decodes: Sequence[Decode], steps: Sequence[int], kinds: Sequence[Kind], level: bool) -> Scene:
    """The steps, one below the other, decodes side by side. `level`: every step as high as the highest of all."""
    made = Scene(WIDTH)
    y = _prompt(made, decodes[0].prompt)
    above = ARCS if any(frame.anchors for decode in decodes for frame in decode.frames) else APART
    column = (WIDTH - 2 * MARGIN - GUTTER * (len(decodes) - 1)) / len(decodes)
    for step in steps:
        ends = [
            _panel(made, decode, step, MARGIN + place * (column + GUTTER), y, column, above, level)
            for place, decode in enumerate(decodes)
        ]
        y = max(ends) + 14
    made.height = _legend(made, kinds, y)
    return made


def _prompt(made: Scene, prompt: str) -> float:
    lines = _wrapped("prompt: " + (" ".join(prompt.split()) or "unknown here"), WIDTH - 2 * MARGIN, SMALL)
    if len(lines) > 3:
        lines = [*lines[:2], lines[2][:-2] + " …"]
    y = MARGIN + SMALL
    for line in lines:
        made.shapes.append(Words(MARGIN, y, line, SMALL, SOFT))
        y += LINE
    return y + 4


def _panel(
    made: Scene, decode: Decode, step: int, x: float, y: float, width: float, above: float, level: bool
) -> float:
    """Title, canvas and captions of one decode; returns where it ends."""
    y += LARGE
    for line in _wrapped(f"{decode.title} · {step_words(decode, step)}", width, LARGE):
        made.shapes.append(Words(x, y, line, LARGE, INK, bold=True))
        y += LINE
    y = _canvas(made, decode, step, x, y - LINE + 8, width, above)
    lines = _below(decode, step, width)
    y += SMALL + 8
    for line in lines:
        made.shapes.append(Words(x, y, line, SMALL, INK))
        y += LINE
    most = max(len(_below(decode, other, width)) for other in range(len(decode.frames))) if level else 0
    return y + LINE * max(0, most - len(lines))


def _below(decode: Decode, step: int, width: float) -> list[str]:
    words = [*captions(decode, step), *([decode.note] if decode.note else [])]
    return [line for text in words for line in _wrapped(text, width, SMALL)]


def _canvas(
    made: Scene, decode: Decode, step: int, left: float, y: float, width: float, above: float
) -> float:
    """The cells, as wide as what they hold at the end, so that nothing moves from step to step."""
    x, y = left, y + above
    boxes: dict[int, Box] = {}
    last = decode.frames[-1].tokens
    drawn: list[Shape] = []
    shown = cells(decode, step)
    for cell, token in zip(shown, last, strict=True):
        room = max(2, len(visible(decode.text(token)))) if token is not None else 2
        wide = text_width("0" * room, SIZE) + 2 * PAD
        if x + wide > left + width and x > left:
            x, y = left, y + HIGH + above
        fill, edge, edge_width, colour, bold = LOOKS[cell.kind]
        boxes[cell.position] = box = Box(x, y, wide, HIGH, fill, edge, edge_width)
        text = visible(cell.text) if cell.text else ""
        if len(text) > room:
            text = text[: room - 1] + "…"
        start = x + (wide - text_width(text, SIZE)) / 2
        drawn.append(box)
        if text:
            drawn.append(Words(start, y + 17, text, SIZE, colour, bold, cell.kind == "remasked"))
        if cell.number:
            drawn += _number(box, cell)
        x += wide + BETWEEN
    made.shapes += [*_arcs(shown, boxes), *drawn]
    return y + HIGH


def _number(box: Box, cell: Cell) -> list[Shape]:
    """The anchor's number at the corner of its cell, and of those that lean on it."""
    size = 10
    wide = text_width(str(cell.number), size) + 4
    anchor = cell.kind == "axon"
    badge = Box(
        box.x + box.width - wide / 2 - 2, box.y - 7, wide, 13, INK if anchor else PAPER, VERMILLION, 1
    )
    return [
        badge,
        Words(badge.x + 2, badge.y + 10, str(cell.number), size, PAPER if anchor else INK, bold=True),
    ]


def _arcs(shown: Sequence[Cell], boxes: dict[int, Box]) -> list[Shape]:
    """From each supported position to its anchor: the stronger, the wider."""
    anchors = {cell.number: boxes[cell.position] for cell in shown if cell.kind == "axon" and cell.number}
    found: list[Shape] = []
    for cell in shown:
        if cell.kind != "supported" or cell.number not in anchors:
            continue
        one, other = boxes[cell.position], anchors[cell.number]
        start = (one.x + one.width / 2, one.y)
        end = (other.x + other.width / 2, other.y)
        top = min(start[1], end[1]) - ARCS
        middle = ((start[0] + end[0]) / 2, top if start[1] == end[1] else (start[1] + end[1]) / 2 - ARCS)
        found.append(
            Arc(
                (start, middle, end), 0.6 + 2.2 * cell.strength, mixed(VERMILLION, 0.25 + 0.6 * cell.strength)
            )
        )
    return found


def _legend(made: Scene, kinds: Sequence[Kind], y: float) -> float:
    made.shapes.append(Box(MARGIN, y, WIDTH - 2 * MARGIN, 0.5, RULE, RULE, 0.5))
    x, y = float(MARGIN), y + 10
    items = [(kind, LEGEND[kind]) for kind in kinds]
    for kind, text in items:
        wide = 24 + text_width(text, SMALL) + 20
        if x + wide > WIDTH - MARGIN and x > MARGIN:
            x, y = MARGIN, y + 22
        fill, edge, edge_width, _, _ = LOOKS[kind]
        made.shapes += [Box(x, y, 16, 14, fill, edge, edge_width), Words(x + 24, y + 11, text, SMALL, SOFT)]
        x += wide
    text = f"{END} end of text"
    if x + text_width(text, SMALL) > WIDTH - MARGIN:
        x, y = MARGIN, y + 22
    made.shapes.append(Words(x, y + 11, text, SMALL, SOFT))
    return y + 14 + MARGIN


def _wrapped(text: str, width: float, size: int) -> list[str]:
    room = int(width / (size * ADVANCE))
    indent = " " * (len(text) - len(text.lstrip(" ")))
    return wrap(text, room, initial_indent="", subsequent_indent=indent + "  ") or [""]


def mixed(colour: str, share: float) -> str:
    """A colour on white paper, thinned."""
    parts = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return "#" + "".join(f"{round(255 + (part - 255) * share):02x}" for part in parts)
