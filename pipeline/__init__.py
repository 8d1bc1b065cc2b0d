"""From a composed config to a report: config -> plan -> execute -> evaluate -> store -> report.

`open_run(folder)` reads a run's results from Python.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.runs.opened import OpenedRun, open_run

__all__ = ["OpenedRun", "open_run"]


def __getattr__(name: str) -> object:
    """`import pipeline` stays light: pandas and the rest are imported with the first name that needs them."""
    if name in __all__:
        from pipeline.runs import opened

        return getattr(opened, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
