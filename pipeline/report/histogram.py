"""How the NFE of single examples is distributed, with and without AXON, as SVG."""

from pipeline.report.facet import Facet


def section(facet: Facet) -> str:
    """The facet's part: the two settings of each comparison over each other."""
    return ""
