"""Which job a config names. Each is imported only when it is asked for: they import what takes seconds."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from pipeline.importing import importing
from pipeline.inputs.config import Compose, Config


def start_job(config: Config, compose: Compose, arguments: Sequence[str], console: Console) -> int:
    """Does it and returns the exit code. Raises ConfigError before anything is decoded.

    `arguments`: the command line, to be typed again.
    """
    if config.job == "check_task":
        from pipeline.jobs.check_task import check_task

        return check_task(config, console)
    if config.job == "dashboard":
        from pipeline.jobs.dashboard_job import dashboard_job

        return dashboard_job(config, console)
    if config.job == "import":
        from pipeline.jobs.import_job import import_job

        return import_job(config, arguments, console)
    if config.job == "plan":
        with importing():
            from pipeline.jobs.plan_job import plan_job

        return plan_job(config, compose, console)
    if config.job == "time":
        from pipeline.jobs.time_settings import time_settings

        return time_settings(config, compose, console)
    with importing():
        from pipeline.jobs.run_job import run_job

    return run_job(config, compose, arguments, console)
