"""Accuracy under parallelism (AUP) as a table: on the page, on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.report.facet import Facet


def aup_section(facet: Facet) -> str:
    """The page's part: a heading, a table with a row per front, a caption with the parameters; empty without scores."""
    return ""
