"""The report on one or several runs: points.csv, front.png, report.html, a terminal table and verdicts.

Pure but for the files it writes: no clock, no randomness but the bootstrap's fixed seed, no network. Names are imported
when they are first used: what only sorts a front while results arrive needs neither scipy nor matplotlib.
"""

from typing import TYPE_CHECKING

from axon.lazy import lazily

if TYPE_CHECKING:
    from pipeline.report.facet import Facet
    from pipeline.report.files import Report, write_report
    from pipeline.report.findings import Findings, find, find_points

__all__ = ["Facet", "Findings", "Report", "find", "find_points", "write_report"]

__getattr__ = lazily(
    __name__,
    {
        "pipeline.report.facet": ("Facet",),
        "pipeline.report.files": ("Report", "write_report"),
        "pipeline.report.findings": ("Findings", "find", "find_points"),
    },
)
