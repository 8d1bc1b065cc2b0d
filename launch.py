"""Compose the config, validate it, run the job it names. `python launch.py --help` shows what can be chosen."""

from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr, suppress
from pathlib import Path
from typing import Any

import hydra
import yaml
from hydra._internal.utils import get_args_parser
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
            code = run(compose())
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
    sys.argv[1:] = flags_last(sys.argv[1:])
    configs: list[DictConfig] = []

    def keep(config: DictConfig) -> None:
        configs.append(config)

    try:
        refuse_no_names(sys.argv[1:])
        hydra.main(version_base="1.3", config_path=CONF, config_name="config")(keep)()
        return [OmegaConf.to_container(config, resolve=True) for config in configs]  # type: ignore[misc]
    except BrokenPipeError:  # no fault of the input: `--help | head`
        raise
    except (HydraException, OmegaConfBaseException, yaml.YAMLError, OSError, ValueError) as error:
        print(explain(error), file=sys.stderr)
        raise SystemExit(WRONG_INPUT) from None


def run(trees: list[dict[str, Any]]) -> int:
    """Runs the jobs one after the other, once all of them have been found valid."""
    from rich.console import Console

    from pipeline.check_task import check_task
    from pipeline.config import read_config
    from pipeline.errors import ConfigError
    from pipeline.run_job import run_job
    from pipeline.time_settings import time_settings

    code, console = 0, Console()
    try:
        for config in [read_config(tree) for tree in trees]:
            if config.job == "check_task":
                code = max(code, check_task(config, console))
            elif config.job == "time":
                code = max(code, time_settings(config, compose_again, console))
            else:
                code = max(code, run_job(config, compose_again, sys.argv[1:], console))
    except ConfigError as error:
        print(error, file=sys.stderr)
        return WRONG_INPUT
    return code


def compose_again(names: Mapping[str, str]) -> dict[str, Any]:
    """The command line's config with other choices, as a sweep asks for them. Raises ConfigError."""
    from pipeline.errors import ConfigError

    words = [word for word in sys.argv[1:] if not word.startswith("-")]
    kept = [word for word in words if word.partition("=")[0] not in names]
    GlobalHydra.instance().clear()
    try:
        with hydra.initialize_config_dir(CONF, version_base="1.3"):
            config = hydra.compose("config", [*kept, *(f"{key}={value}" for key, value in names.items())])
        tree: Any = OmegaConf.to_container(config, resolve=True)
    except (HydraException, OmegaConfBaseException, yaml.YAMLError, OSError, ValueError) as error:
        raise ConfigError([explain(error)]) from None
    tree.pop("hydra", None)
    return dict(tree)


def flags_last(words: list[str]) -> list[str]:
    """The command line with its key=value words together, as Hydra's parser wants them. Exits at an unknown flag."""
    said = io.StringIO()
    try:
        with redirect_stderr(said):
            values = get_args_parser().parse_intermixed_args(words).overrides
    except SystemExit as leaving:
        if leaving.code:
            print(explain_flag(said.getvalue()), file=sys.stderr)
        raise
    flags = list(words)
    for value in values:
        flags.remove(value)
    return [*values, *flags]


def explain_flag(text: str) -> str:
    """One line for argparse's usage and error."""
    error = " ".join(text.rpartition("error: ")[2].split())
    if flags := re.fullmatch("unrecognized arguments: (.+)", error):
        value = re.search(r"-*([a-z_.]+=\S*)", flags[1])
        remedy = f"write {value[1]}, without dashes" if value else "--help shows what can be given"
        return f"{flags[1]}: unknown flag; {remedy}"
    return f"{error}; --help shows what can be given"


def refuse_no_names(words: list[str]) -> None:
    """A group takes the name of a choice. Hydra lays a list of them one over the other, and doesn't name a number."""
    for word in words:
        group, _, value = word.partition("=")
        if not group:
            raise ValueError(f"{word}: has no key; write key=value")
        if not group.isidentifier() or not (Path(CONF) / group).is_dir():
            continue
        if re.fullmatch(r"|null|true|false|[-+.\d]+|[\[{].*", value):
            names = sorted(file.stem for file in (Path(CONF) / group).glob("*.yaml"))
            raise ValueError(f"{word}: must be the name of one choice; one of {', '.join(names)}")


def explain(error: Exception) -> str:
    """One line for what Hydra and the readers below it say in several: the key or value, the rule, the remedy."""
    text = " ".join(str(error).split())
    if isinstance(error, ConfigCompositionException) and (line := explain_composition(error, text)):
        return line
    if isinstance(error, OverrideParseException):
        return explain_word(str(error.override))
    if isinstance(error, OmegaConfBaseException) and error.full_key:
        return f"{error.full_key}: {text.split(' full_key:')[0]}; give it a value"
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        mark = error.problem_mark
        return f"{_chosen(mark.name)}{mark.name}: line {mark.line + 1} is no valid YAML ({error.problem}); mend it"
    if isinstance(error, UnicodeDecodeError):
        return f"{_chosen(file := _undecodable())}{file}: is not UTF-8 ({error.reason}); save it as UTF-8"
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename}: can't be read or written ({error.strerror}); choose another place"
    return text.split(" Config search path:")[0]


def explain_composition(error: Exception, text: str) -> str | None:
    """The line for a key or a choice that Hydra doesn't find; None for what else it says."""
    from pipeline.errors import one_of, unknown_key

    if isinstance(error, MissingConfigException) and (
        found := re.search(r"Could not find '(.+?)/(.*?)' ", text)
    ):
        choices = re.findall(r"^\t(\S+)$", str(error), flags=re.MULTILINE)
        is_path = found[1] == "model" and "/" in found[2]
        remedy = f"; a folder or hub id is given as model.path={found[2]}" if is_path else ""
        return f"{found[1]}={found[2]}: unknown; {one_of(choices)}{remedy}"
    if found := re.search(r"Could not override '(.+?)'", text):
        return unknown_key(found[1], siblings(found[1]))
    if found := re.search(r"An item is already at '.+?'.* prefix: '(.+?)'", text):
        return f"+{found[1]}: this key exists already; write {found[1]}"
    if found := re.search(r"Ambiguous value for argument '(.+)' 1\.", text):
        key = found[1].partition("=")[0]
        listed = "" if (Path(CONF) / key).is_dir() else f"or {key}=[a,b] for a list, "
        return f"{found[1]}: is several values; give one, {listed}or add --multirun to run each"
    return None


def explain_word(word: str) -> str:
    """The line for a word of the command line that can't be read."""
    key, equals, value = word.partition("=")
    if not equals or " " in key:
        remedy = "write key=value without spaces, and quotes around a value that has them: 'key=a b'"
    elif re.search(r"\s[a-z][\w.]*=", value):
        remedy = "these are several; give each its own word, without quotes around them all"
    elif set(value) & set("'\"[]{}"):
        remedy = "close every quote and bracket, and put single quotes around the whole for the shell"
    else:
        remedy = f"quote what has special characters: '{key}=\"{value}\"'"
    return f"{word}: can't be read as key=value; {remedy}"


def _chosen(file: str) -> str:
    """`sweep=mine: ` for the file .../sweep/mine.yaml that the command line chose."""
    word = f"{Path(file).parent.name}={Path(file).stem}"
    return f"{word}: " if word in sys.argv[1:] else ""


def _undecodable() -> str:
    """The first config file that is not UTF-8: the decoder's error doesn't name it."""
    folders = [CONF, get_args_parser().parse_args(sys.argv[1:]).config_dir]
    for file in (file for folder in folders if folder for file in sorted(Path(folder).rglob("*.yaml"))):
        with suppress(OSError):
            try:
                file.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                return str(file)
    return "a config file"


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
