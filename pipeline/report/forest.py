"""A forest plot of what AXON does to each decoder's front: difference in mean quality, and NFE saved at equal quality."""

from collections.abc import Sequence

from pipeline.report.facet import Facet


def section(facets: Sequence[Facet]) -> str:
    """All comparisons of the report, a line of SVG each; empty where there is none. To stand once, before the facets."""
    return ""


def draw(facets: Sequence[Facet]) -> str | None:
    """The same as an SVG file."""
    return None
