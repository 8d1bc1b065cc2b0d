"""`job=dashboard`: two saved views in the W&B project, which show the fronts and the settings of all its sweeps."""

from __future__ import annotations

import importlib.util

from rich.console import Console

from pipeline.errors import ConfigError, reason
from pipeline.inputs.checks import check_login
from pipeline.inputs.config import Config
from pipeline.jobs.console import say
from pipeline.stop import DONE, FAILED


def dashboard_job(config: Config, console: Console) -> int:
    """Saves the views, or updates them, and returns the exit code. Raises ConfigError where it can't begin."""
    if config.wandb.mode != "online":
        line = (
            f"wandb.mode={config.wandb.mode}: job=dashboard saves views on the W&B server; add wandb=online"
        )
        raise ConfigError([line])
    if importlib.util.find_spec("wandb_workspaces") is None:
        raise ConfigError(["job=dashboard: needs wandb-workspaces; pip install -e '.[dashboard]'"])
    check_login()
    from pipeline.report.tracker.dashboard import (  # W&B takes a second to import
        NothingLogged,
        save_dashboard,
    )

    project = config.wandb.project
    try:
        with console.status("saving the views"):
            addresses = save_dashboard(project)
    except NothingLogged:
        line = f"wandb.project={project}: holds no setting yet; run a sweep with wandb=online, or `wandb sync` one"
        raise ConfigError([line]) from None
    except Exception as error:  # W&B can refuse in many ways
        say(console, f"wandb.project={project}: the views could not be saved ({reason(error)}); try again")
        return FAILED
    for address in addresses:
        say(console, address)
    return DONE
