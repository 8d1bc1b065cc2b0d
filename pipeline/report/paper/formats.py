"""The formats by the names that `format=` takes, and the files that each writes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from pipeline.report.facet import Facet
from pipeline.report.paper.d3llm import d3llm
from pipeline.report.paper.latex import latex
from pipeline.report.paper.lines import Lines, lines_of
from pipeline.report.paper.markdown import markdown
from pipeline.report.paper.score_tpf import score_tpf
from pipeline.report.paper.values import csv

UNFIT = re.compile(r"[^\w.=-]+")  # for a file's name
Files = Mapping[str, str]  # name -> text
Format = Callable[[Sequence[Facet]], Files]


def _one(name: str, text: Callable[[Sequence[Lines]], str]) -> Format:
    """A format with one file for all facets."""
    return lambda facets: {name: text(lines_of(facets))}


def _yaml(facets: Sequence[Facet]) -> Files:
    return {f"aup-{UNFIT.sub('_', model)}.yaml": text for model, text in d3llm(facets).items()}


WRITERS: Mapping[str, Format] = {  # by the names in asked.FORMATS
    "markdown": _one("table.md", markdown),
    "latex": _one("table.tex", latex),
    "csv": _one("table.csv", csv),
    "score_tpf": _one("score_tpf.md", score_tpf),
    "d3llm": _yaml,
}


def write_formats(folder: Path, facets: Sequence[Facet], formats: Sequence[str]) -> tuple[Path, ...]:
    """The files of the formats named, in `folder`. Raises OSError if they can't be written."""
    texts = {name: text for own in formats for name, text in WRITERS[own](facets).items()}
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return tuple(folder / name for name in texts)
