"""Compose the config, validate it, run the job it names. `python launch.py --help` shows what can be chosen."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import fields
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Any

from axon.own_code import WRONG_INPUT, faulty_files_told

with faulty_files_told():
    import hydra
    import yaml
    from hydra.core.global_hydra import GlobalHydra
    from hydra.errors import (
        ConfigCompositionException,
        HydraException,
        MissingConfigException,
        OverrideParseException,
    )
    from omegaconf import OmegaConf
    from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException, UnsupportedValueType
    from yaml.reader import ReaderError

    from axon.settings import BLOCK_LENGTH
    from pipeline.accident import exit_told
    from pipeline.errors import ConfigError, one_in, reason, unknown_key
    from pipeline.idle_threads import idle_threads
    from pipeline.importing import importing
    from pipeline.inputs.choices import (
        check_folders,
        check_names,
        chosen,
        described,
        described_installed,
        faulty,
        holders,
        own_words,
    )
    from pipeline.inputs.command_line import CommandLine, explain_word, key_of, read_command_line, run_words
    from pipeline.inputs.composed_tree import check_emptied, tree_at
    from pipeline.inputs.run_words import RUN_WORDS
    from pipeline.output import OutputError, output_told
    from pipeline.stop import DONE, FAILED, ends_raised, exit_code

# Only what reads and checks a config is imported here: importing torch takes seconds, and a typo is reported at once.

CONF = Path(__file__).resolve().parent / "conf"
INTERRUPTED = 130
UNREADABLE = (HydraException, OmegaConfBaseException, yaml.YAMLError, OSError, ValueError, RecursionError)
GROUPS, ALONE = "sweep.groups", "sweep=none"
OWN = "axon.own."  # settings of packages' gates and policies

# A block length of null is the model's own, which is not known before its config is read: 32 stands for it.
OmegaConf.register_new_resolver("divide", lambda whole, parts: whole // (parts or BLOCK_LENGTH), replace=True)


def main() -> int:
    """The exit code: 0 done, 1 a setting failed or Ray died, 2 wrong input, 130 stopped by Ctrl-C, 143 by SIGTERM, 129
    by SIGHUP."""
    idle_threads()
    try:
        with faulty_files_told(), exit_told(), ends_raised(), output_told():
            return start(read_command_line(sys.argv[1:]))
    except ConfigError as error:
        print(error, file=sys.stderr)
        return WRONG_INPUT
    except KeyboardInterrupt as stop:
        with suppress(OSError):  # the terminal itself may have gone
            print("Stopped.", file=sys.stderr)
        return exit_code(stop)
    except OutputError as error:
        if error.closed:
            return INTERRUPTED
        remedy = "make room or send it elsewhere; the same command goes on from what is kept"
        with suppress(OSError):
            print(f"{error}; {remedy}", file=sys.stderr)
        return FAILED


def start(line: CommandLine) -> int:
    """Shows something, looks at finished runs, or runs a job. Raises ConfigError for wrong input."""
    if not line.flags and (words := run_words(line)):
        from pipeline.jobs import runs_command
        from pipeline.jobs.console import terminal

        return runs_command.main(words, terminal())
    check_folders(folders(line))
    check_names(folders(line), line.words)
    return show(line) if line.flags else run(compose())


def run(tree: Mapping[str, Any]) -> int:
    """Runs the job of a composed config. Raises ConfigError before anything is decoded."""
    with importing():
        from pipeline.inputs.config import read_config
        from pipeline.jobs.console import terminal
        from pipeline.jobs.start import start_job

    config = read_config(tree)
    return start_job(config, compose, sys.argv[1:], terminal())


def show(line: CommandLine) -> int:
    """What Hydra itself prints: the help, the config."""
    os.environ["HYDRA_FULL_ERROR"] = "1"  # raise errors, so that they become one line here
    folder = [f"--config-dir={line.config_dir}"] if line.config_dir else []
    sys.argv[1:] = [*line.words, *line.flags, *folder]
    OmegaConf.register_new_resolver(
        "choices", lambda: "\n".join([described(folders(line)), *described_installed()]), replace=True
    )
    try:
        hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")(lambda _: None)()
    except SystemExit as ended:  # Hydra has printed what was asked for, or why it can't be
        return WRONG_INPUT if ended.code else DONE
    except UNREADABLE as error:
        raise ConfigError([explain(error, line)]) from None
    return DONE


def compose(names: Mapping[str, str] = MappingProxyType({})) -> dict[str, Any]:
    """The command line's config as plain data, with the choices in `names` in place of its own, as sweeps ask for.

    Raises ConfigError, one line.
    """
    line = read_command_line(sys.argv[1:])
    kept = [word for word in line.words if key_of(word) not in names]
    try:
        tree = composed([*kept, *(f"{key}={name}" for key, name in names.items())], line)
    except UNREADABLE as error:
        raise ConfigError([explain(error, line, names)]) from None
    check_emptied(kept, tree)
    return tree


def composed(words: Sequence[str], line: CommandLine) -> dict[str, Any]:
    """Raises what Hydra and the readers below it raise."""
    path = str(line.config_dir).replace("\\", "\\\\").replace('"', '\\"')
    search = [f'hydra.searchpath=["file://{path}"]'] if line.config_dir else []
    GlobalHydra.instance().clear()
    with hydra.initialize_config_dir(str(CONF), version_base="1.3"):
        config = hydra.compose("config", [*words, *search])
    if ALONE in words and not any(key_of(word).startswith("sweep.") for word in words):
        # One setting, whatever an experiment adds to the sweep that it chooses itself: as a report's commands ask.
        config = OmegaConf.create({**config, "sweep": OmegaConf.load(CONF / "sweep/none.yaml")})
    tree: Any = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    return dict(tree)


def folders(line: CommandLine) -> list[Path]:
    return [CONF, *([line.config_dir] if line.config_dir else [])]


def explain(error: Exception, line: CommandLine, names: Mapping[str, str] = MappingProxyType({})) -> str:
    """One line for what Hydra and the readers below it say in several: the key or value, the rule, the remedy."""
    cause = error.__cause__
    if isinstance(error, ConfigCompositionException) and not str(error) and isinstance(cause, Exception):
        return explain(cause, line, names)
    text = " ".join(str(error).split())
    if isinstance(error, ConfigCompositionException) and (
        explained := explain_composition(error, text, line, names)
    ):
        return explained
    if found := re.search(r"Invalid defaults list in '(.+?)/(.+?)', (.+)", text):
        return f"{found[1]}={found[2]}: its {found[3]}; write such as defaults: [NAME]"
    if isinstance(error, OverrideParseException):
        return explain_word(str(error.override))
    if isinstance(error, MissingMandatoryValue):
        return f"{error.full_key}: missing; give it a value"
    if isinstance(error, RecursionError):
        own = " or ".join(own_words(folders(line), line.words)) or "a value"
        why = "leads back to itself, by its defaults list, an alias or brackets without end"
        return f"{own}: {why}; take that out"
    if isinstance(error, UnsupportedValueType) and error.full_key:
        what = text.split(" full_key:")[0]
        return f"{error.full_key}: {what}; write text, a number, a list or a group of keys"
    if isinstance(error, OmegaConfBaseException) and error.full_key:
        return f"{error.full_key}: {text.split(' full_key:')[0]}; give it a value"
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        mark = error.problem_mark
        place = f"{chosen(mark.name, line.words)}{mark.name}: line {mark.line + 1}"
        return f"{place} is not valid YAML ({error.problem}); correct it"
    if isinstance(error, UnicodeDecodeError):
        file = faulty(folders(line), UnicodeDecodeError) or "a config file"
        return f"{chosen(file, line.words)}{file}: is not UTF-8 ({error.reason}); save it as UTF-8"
    # Neither of these says in which file it was; a ValueError may be of a word, too.
    if isinstance(error, ReaderError | ValueError) and (file := faulty(folders(line), type(error))):
        why = error.reason if isinstance(error, ReaderError) else reason(error).split(":")[0]
        return f"{chosen(file, line.words)}{file}: is not valid YAML ({why}); correct it"
    if isinstance(error, FileNotFoundError) and not error.filename:  # of os.getcwd
        return "the working directory: has been removed; change to a folder that exists"
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename}: can't be read ({error.strerror}); check its permissions"
    if long := next((word for word in line.words if re.search(r"\d{4301}", word)), None):
        return f"{long[:60]}...: has more digits than Python reads as a number; write fewer"
    return text.split(" Config search path:")[0]


def explain_composition(
    error: Exception, text: str, line: CommandLine, names: Mapping[str, str]
) -> str | None:
    """The line for a key or a choice that Hydra doesn't find; None for what else it says."""
    if isinstance(error, MissingConfigException):
        return explain_missing(str(error), line)
    if found := re.search(r"Error resolving interpolation '(.+?)', possible interpolation keys: (.*)", text):
        removed = set(re.findall(r"\$\{(\w+)\}", found[1])) - set(found[2].split(", "))
        return f"{min(removed)}: missing; give it a value"
    if found := re.search(r"To append to your default list use (\S+)", text):
        key = key_of(found[1])
        if line.config_dir and (line.config_dir / key).is_dir():
            hides = f"the folder {line.config_dir / key} hides this key"
            return f"{line.word_of(key)}: {hides}; rename it, or give another --config-dir"
        return f"{found[1].lstrip('+')}: is not in the defaults list of conf/config.yaml; write {found[1]}"
    if found := re.search(r"In '(.+?)/(.+?)': Could not override '([^'@]+)", text):
        rule = f"its defaults list overrides {found[3]}, which conf/config.yaml lists after {found[1]}"
        return f"{found[1]}={found[2]}: {rule}; leave that out, and write {found[3]}=NAME in the command"
    if found := re.search(r"Could not override '(.+?)'", text):
        return explain_key(found[1], line, names)
    if found := re.search(r"Could not delete (?:from config\. )?'(.+?)'", text):
        return "~" + unknown_key(found[1], siblings(found[1], line))
    if found := re.search(r"Error merging override (.+)", text):
        key = key_of(found[1])
        why = reason(error.__cause__ or error)
        return (
            explain_groups(found[1])
            if key == GROUPS
            else f"{found[1]}: {why}; set its keys, as {key}.KEY=VALUE"
        )
    if found := re.search(r"An item is already at '.+?'.* prefix: '(.+?)'", text):
        return f"+{found[1]}: this key exists already; write {found[1]}"
    if found := re.search(r"Multiple values for (\S+)\.", text):
        word = line.word_of(found[1])
        return f"{word}: the config has this choice already; write {word.lstrip('+')}"
    if found := re.search(r"Ambiguous value for argument '(.+)' 1\.|Sweep parameters '(.+)' requires", text):
        word = found[1] or found[2]
        key = word.partition("=")[0]
        from pipeline.inputs.config import SETTING_KEYS

        listed = "" if (CONF / key).is_dir() else f", or {key}=[a,b] for a list"
        swept = (
            f", or sweep them: +{GROUPS}.NAME.grid.{key}=[a,b]" if key.split(".")[0] in SETTING_KEYS else ""
        )
        return f"{word}: is several values; give one{listed}{swept}"
    return None


def explain_missing(text: str, line: CommandLine) -> str | None:
    """The line for a choice that is no file, of the command line or of a file's own defaults."""
    if found := re.search(r"In '(.+?)/(.*?)': Could not load '(.+?)'", text):
        return (
            f"{found[1]}={found[2]}: its defaults list names {found[3]}, which is no file; correct it there"
        )
    if found := re.search(r"Could not find '(.+?)/(.*?)'\s", text):
        choices = re.findall(r"^\t(\S+)$", text, flags=re.MULTILINE)
        remedy = _own_file(found[1], found[2], choices, line)
        return f"{found[1]}={found[2]}: unknown; {one_in(f'conf/{found[1]}', choices, found[2])}{remedy}"
    return None


def _own_file(group: str, name: str, choices: Sequence[str], line: CommandLine) -> str:
    """How a checkpoint or a file of the user's own is given, where that may be what an unknown choice means."""
    if group == "model" and "/" in name:
        return f"; a folder or hub id is given as model.path={name}"
    own = Path(name).name.removesuffix(".yaml")
    if own == name and (line.config_dir or get_close_matches(name, choices)):
        return ""
    return f"; a file of your own, MINE/{group}/{own}.yaml, is given as --config-dir MINE {group}={own}"


def explain_key(key: str, line: CommandLine, names: Mapping[str, str]) -> str:
    """The line for a key that the config doesn't have."""
    word, group = line.word_of(key), key.split(".")[0]
    if group in names:
        choice = f"{group}={names[group]}, which the sweep asks for"
        return f"{word}: {choice}, has no such key; leave the word out, or sweep only choices that have it"
    if key == GROUPS:
        return explain_groups(word)
    if key.startswith(f"{GROUPS}."):
        there = ", ".join(keys_of(GROUPS, key, line))
        return f"{word}: this sweep's groups ({there}) have no such key yet; to add it, write +{word}"
    if group == "sweep" and key.split(".")[1] in sweep_keys():
        return f"{word}: this sweep's file doesn't set it yet; to add it, write +{word}"
    if key.startswith(OWN):
        return f"{word}: no file sets it yet; to add it, write +{word}"
    meant = [] if "." in key else below(key, line)
    if jobs := [f"job={job}" for job, taken in RUN_WORDS.items() if key in taken]:
        several = f"{', '.join(jobs[:-1])} and {jobs[-1]} take" if len(jobs) > 1 else f"{jobs[0]} takes"
        what = f"{several} it, on runs that exist"
        return f"{word}: {what}; give it there" + (f", or write {' or '.join(meant)}" if meant else "")
    key = first_unknown(key, line)
    return unknown_key(key, siblings(key, line), meant, holders(folders(line), key))


def first_unknown(key: str, line: CommandLine) -> str:
    """The key, or the first of its parents that isn't there either: `decodr` of decodr.threshold."""
    tree, parts = composed_without(key, line), key.split(".")
    parents = [".".join(parts[:count]) for count in range(1, len(parts))]
    return next(
        (own for own in parents if own.split(".")[-1] not in tree_at(own.rpartition(".")[0], tree)), key
    )


def sweep_keys() -> set[str]:
    """The keys that a sweep's file may set."""
    from pipeline.inputs.config import SweepSettings

    return {field.name for field in fields(SweepSettings)}


def explain_groups(word: str) -> str:
    """The line for a word that sets all groups of a sweep at once."""
    remedy = f"add one with +{GROUPS}.NAME.set.KEY=VALUE, remove one with ~{GROUPS}.NAME"
    return f"{word}: groups are set one by one; {remedy}"


def siblings(key: str, line: CommandLine) -> list[str]:
    """The keys that exist beside `key` under what else the user chose."""
    return keys_of(key.rpartition(".")[0], key, line)


def keys_of(owner: str, wrong: str, line: CommandLine) -> list[str]:
    """The keys that a dotted key ("": the config) holds under what the user chose, but for the wrong word."""
    return [str(name) for name in tree_at(owner, composed_without(wrong, line))]


def below(key: str, line: CommandLine) -> list[str]:
    """The keys one level down that have this name: decoder.threshold, for who leaves out `decoder.`"""
    groups = composed_without(key, line).items()
    return [f"{group}.{key}" for group, tree in groups if isinstance(tree, Mapping) and key in tree]


def composed_without(wrong: str, line: CommandLine) -> Mapping[str, Any]:
    """The config of the user's words, but for the wrong one."""
    try:
        return composed([word for word in line.words if key_of(word) != wrong], line)
    except UNREADABLE:  # another word is wrong, too
        return composed([], line)


if __name__ == "__main__":
    sys.exit(main())
