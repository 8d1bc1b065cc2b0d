"""The report on one or several runs: points.csv, front.png, report.html, a terminal table and verdicts.

Pure but for the files it writes: no clock, no randomness but the bootstrap's fixed seed, no network.
"""

from pipeline.report.facet import Facet
from pipeline.report.files import Report, write_report
from pipeline.report.findings import Findings, find

__all__ = ["Facet", "Findings", "Report", "find", "write_report"]
