"""The report on one or several runs: points.csv, front.png, report.html, a terminal table and verdicts.

Pure but for the files it writes: no clock, no randomness but the bootstrap's fixed seed, no network. Names are imported
when they are first used: what only sorts a front while results arrive needs neither scipy nor matplotlib.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.report.facet import Facet
    from pipeline.report.files import Report, write_report
    from pipeline.report.findings import Findings, find

__all__ = ["Facet", "Findings", "Report", "find", "write_report"]

_HOME = {
    "Facet": "facet",
    "Findings": "findings",
    "Report": "files",
    "find": "findings",
    "write_report": "files",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value  # asked for once
    return value
