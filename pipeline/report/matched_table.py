"""Quality at matched NFE as a table: on the page, on the terminal, as CSV."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.report.facet import Facet


def matched_section(facet: Facet) -> str:
    """The page's part: a heading, a table with a row per pair of fronts and budget, a caption; empty without pairs."""
    return ""
