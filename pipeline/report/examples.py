"""The page's table of examples: what two settings answered, which of them only one got right, and both decodes."""

from pipeline.report.details import Details
from pipeline.report.facet import Facet


def section(facet: Facet, place: int, details: Details) -> str:
    """The facet's part; `place`: its number in the report."""
    return ""


def style() -> str:
    """To stand in a page once, the decode panel's included."""
    return ""


def script() -> str:
    """Likewise, at the page's end."""
    return ""
