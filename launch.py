"""Compose the config, validate it, run the job it names. `python launch.py --help` shows what can be chosen."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any

import hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import (
    ConfigCompositionException,
    HydraException,
    MissingConfigException,
    OverrideParseException,
)
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

CONF = str(Path(__file__).resolve().parent / "conf")
WRONG_INPUT, INTERRUPTED = 2, 130

OmegaConf.register_new_resolver("divide", lambda whole, parts: whole // parts, replace=True)


def main() -> int:
    """The exit code: 0 done, 1 a setting failed or Ray died, 2 wrong input, 130 stopped by Ctrl-C, 143 by SIGTERM."""
    from pipeline.stop import exit_code, sigterm_raised

    try:
        with sigterm_raised():
            code = max((run(tree) for tree in compose()), default=0)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt as stop:
        print("Stopped.", file=sys.stderr)
        return exit_code(stop)
    except BrokenPipeError:  # who read our output has seen enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return INTERRUPTED


def compose() -> list[dict[str, Any]]:
    """The composed configs as plain data: one, none (--help, --cfg), or several (--multirun)."""
    os.environ["HYDRA_FULL_ERROR"] = "1"  # hand errors on, to be put in a line here
    trees: list[dict[str, Any]] = []

    def keep(config: DictConfig) -> None:
        trees.append(OmegaConf.to_container(config, resolve=True))  # type: ignore[arg-type]

    try:
        hydra.main(version_base="1.3", config_path=CONF, config_name="config")(keep)()
    except (HydraException, OmegaConfBaseException, ValueError) as error:
        print(explain(error), file=sys.stderr)
        raise SystemExit(WRONG_INPUT) from None
    return trees


def run(tree: dict[str, Any]) -> int:
    from rich.console import Console

    from pipeline.check_task import check_task
    from pipeline.complaint import ConfigError
    from pipeline.config import read_config
    from pipeline.job import run_job

    try:
        config, console = read_config(tree), Console()
        if config.job == "check_task":
            return check_task(config, console)
        return run_job(config, sys.argv[1:], console)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return WRONG_INPUT


def explain(error: Exception) -> str:
    """One line for what Hydra says in several: the key or value, the rule, the choices."""
    from pipeline.complaint import one_of, unknown_key

    text = str(error)
    if isinstance(error, MissingConfigException) and (
        found := re.search(r"Could not find '(.+)/(.+?)'", text)
    ):
        choices = re.findall(r"^\t(\S+)$", text, flags=re.MULTILINE)
        return f"{found[1]}={found[2]}: unknown; {one_of(choices)}"
    if isinstance(error, ConfigCompositionException) and (
        found := re.search(r"Could not override '(.+?)'", text)
    ):
        return unknown_key(found[1], siblings(found[1]))
    if isinstance(error, OverrideParseException):
        return f"{error.override}: can't be read as key=value; quote a value with special characters"
    return " ".join(text.split())


def siblings(key: str) -> list[str]:
    """The keys that exist beside `key` under the choices the user made."""
    GlobalHydra.instance().clear()
    choices = [
        word for word in sys.argv[1:] if re.fullmatch(r"[a-z]+=\w+", word) and word.split("=")[0] != key
    ]
    with hydra.initialize_config_dir(CONF, version_base="1.3"):
        try:
            config: Any = hydra.compose("config", overrides=choices)
        except HydraException:  # one of the choices is wrong, too
            config = hydra.compose("config")
    for parent in key.split(".")[:-1]:
        config = config.get(parent) if isinstance(config, DictConfig) else None
    return [str(name) for name in config] if isinstance(config, DictConfig) else []


if __name__ == "__main__":
    sys.exit(main())
