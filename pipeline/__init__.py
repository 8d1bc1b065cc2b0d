"""From a composed config to a report: config -> plan -> execute -> evaluate -> store -> report.

`open_run(folder)` reads a run's results from Python.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from axon.lazy import lazily

if TYPE_CHECKING:
    from pipeline.runs.opened import OpenedRun, open_run

__all__ = ["OpenedRun", "open_run"]


# `import pipeline` stays light: pandas and the rest are imported with the first name that needs them.
__getattr__ = lazily(__name__, {"pipeline.runs.opened": ("OpenedRun", "open_run")})
