"""A decode in a page: the data of a panel, and the style and the script that show it, to stand in any page once.

`showDecode(element, data)` of the script fills an element. Nothing is loaded from anywhere.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

from pipeline.show.cells import END, LEGEND, Cell, Kind, captions, cells, outcome, visible
from pipeline.show.decode import Decode

# A cell's kind is its place here, in the data as in the script.
KINDS: tuple[Kind, ...] = (
    "before",
    "decoder",
    "axon",
    "replaced",
    "undecoded",
    "supported",
    "mask",
    "remasked",
)
STAYS = ("decoder", "axon", "replaced", "undecoded")  # what is written, and stands there in later steps


def draw(decodes: Sequence[Decode]) -> bytes:
    """A page of its own."""
    text = json.dumps(data(decodes), ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    page = Template(_file("page.html")).substitute(
        title=escape(" and ".join(decode.title for decode in decodes)),
        style=style(),
        script=script(),
        data=text,
    )
    return page.encode()


def style() -> str:
    return _file("panel.css")


def script() -> str:
    """`showDecode(element, data)`, and `decodeOfRecord`, which makes one of its decodes of a record alone."""
    return _file("panel.js") + _file("record.js")


def legend(guesses: bool = True) -> list[list[str]]:
    """Kinds of cells with their meanings, for the data. `guesses`: whether masks hold any, which no record tells."""
    known = LEGEND if guesses else {**LEGEND, "mask": "masked"}
    return [[kind, text] for kind, text in known.items()] + [["end", f"{END} end of text"]]


def data(decodes: Sequence[Decode]) -> dict[str, Any]:
    """Plain data for `showDecode`."""
    return {
        "prompt": decodes[0].prompt,
        "legend": legend(),
        "decodes": [_decode(decode) for decode in decodes],
    }


def _decode(decode: Decode) -> dict[str, Any]:
    """`steps`: each with its captions, and its cells [position, text, kind, number, strength, confidence].

    Left out are those that follow from the steps before: what was written stands there, the rest are empty masks.
    """
    texts: dict[str, int] = {}
    steps, held = [], dict[int, str]()
    for step in range(len(decode.frames)):
        told = []
        for cell in cells(decode, step):
            text = visible(cell.text) if cell.text else ""
            if _follows(cell, text, held.get(cell.position)):
                continue
            if cell.kind in STAYS:
                held[cell.position] = text
            else:
                held.pop(cell.position, None)
            sure = None if cell.confidence is None else round(cell.confidence, 3)
            known = [
                texts.setdefault(text, len(texts)),
                KINDS.index(cell.kind),
                cell.number,
                round(cell.strength, 2) or 0,
                sure,
            ]
            while known[-1] in (0, None) and len(known) > 2:
                known.pop()
            told.append([cell.position, *known])
        steps.append({"words": captions(decode, step), "cells": told})
    return {
        "title": decode.title,
        "note": decode.note or "",
        "outcome": outcome(decode),
        "length": len(decode.frames[-1].tokens),
        "texts": list(texts),
        "steps": steps,
    }


def _follows(cell: Cell, text: str, held: str | None) -> bool:
    if cell.kind == "before":
        return held == text
    return cell.kind == "mask" and not text and held is None


def _file(name: str) -> str:
    return (files("pipeline.show") / name).read_text(encoding="utf-8")
