"""The command line before anything is composed: its words (`key=value`) and its flags.

Every function raises ConfigError, one line, for what can't be given.
"""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from pipeline.errors import ConfigError

SHOWING = (
    "help",
    "hydra_help",
    "version",
    "cfg",
    "info",
    "shell_completion",
)  # print something and run nothing
RUN_JOBS = ("rerun", "compare", "show", "list")  # jobs that are always about runs that exist; report may be
HOW_TO_SWEEP = (
    "one command makes one report; sweep=NAME evaluates many settings (--help lists the sweeps), and "
    "+sweep.groups.NAME.grid.KEY=[a,b] adds values, or names of configs, to one"
)
IDLE = re.compile(r"hydra[./](?!searchpath$)")  # keys of Hydra's that a job never reads


@dataclass(frozen=True)
class CommandLine:
    """`words`: `key=value`, `+key=value` and `~key`. `flags`: those of Hydra's that show something."""

    words: tuple[str, ...]
    flags: tuple[str, ...]
    config_dir: Path | None

    def word_of(self, key: str) -> str:
        """The word that gives `key`, as typed, or the key itself where it is given elsewhere."""
        return next((word for word in self.words if key_of(word) == key), key)


def read_command_line(arguments: Sequence[str]) -> CommandLine:
    """Words and flags may stand in any order, unlike in Hydra's own parser."""
    given = vars(_parser().parse_intermixed_args(arguments))
    words, folder = given.pop("words"), given["config_dir"]
    if given.pop("multirun"):
        raise ConfigError([f"--multirun: {HOW_TO_SWEEP}"])
    if folder is not None and not os.path.isdir(folder):  # of a name too long, Path's own raises an error
        line = "no such folder; give one with files such as sweep/MINE.yaml in it"
        raise ConfigError([f"--config-dir={folder}: {line}"])
    shows = any(given[name] for name in SHOWING)
    if (given["resolve"] or given["package"]) and not given["cfg"]:
        raise ConfigError(["--resolve and --package: belong to --cfg; write --cfg job with them"])
    flags = tuple(
        f"--{name.replace('_', '-')}" + ("" if value is True else f"={value}")
        for name, value in given.items()
        if shows and value
    )
    if not flags and (idle := [word for word in words if IDLE.match(key_of(word))]):
        line = "is Hydra's own and changes nothing here; leave it out (out=FOLDER says where files go)"
        raise ConfigError(f"{word}: {line}" for word in idle)
    return CommandLine(tuple(words), flags, Path(folder).resolve() if folder else None)


def run_words(line: CommandLine) -> dict[str, str] | None:
    """The words by key if the command is about runs that exist, which have their own config; None if not."""
    pairs = [word.partition("=")[::2] for word in line.words]
    words = dict(pairs)
    if not words.keys() & {"run", "runs"} and words.get("job") not in RUN_JOBS:
        return None
    if unread := [word for word in line.words if "=" not in word]:
        raise ConfigError([explain_word(unread[0])])
    keys = [key for key, _ in pairs]
    if twice := [key for key in words if keys.count(key) > 1]:
        raise ConfigError([f"{twice[0]}: is given twice; give it once"])
    if line.config_dir:
        raise ConfigError(["--config-dir: a finished run has its own config; leave it out"])
    return words


def key_of(word: str) -> str:
    """The dotted key that a word sets, adds or removes."""
    return word.lstrip("+~").partition("=")[0]


def explain_word(word: str) -> str:
    """The line for a word that can't be read."""
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


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        error = " ".join(message.split())
        if flags := re.fullmatch("unrecognized arguments: (.+)", error):
            value = re.search(r"-*([a-z_.]+=\S*)", flags[1])
            remedy = f"write {value[1]}, without dashes" if value else "--help shows what can be given"
            raise ConfigError([f"{flags[1]}: unknown flag; {remedy}"])
        raise ConfigError([f"{error}; --help shows what can be given"])


def _parser() -> _Parser:
    """Hydra's flags, as far as they make sense here."""
    parser = _Parser(add_help=False, allow_abbrev=False)
    parser.add_argument("words", nargs="*")
    for flag in (
        "--help -h",
        "--hydra-help",
        "--version",
        "--resolve",
        "--multirun -m",
        "--shell-completion -sc",
    ):
        parser.add_argument(*flag.split(), action="store_true")
    parser.add_argument("--cfg", "-c", choices=["job", "hydra", "all"])
    parser.add_argument("--package", "-p")
    parser.add_argument("--config-dir", "-cd")
    parts = ["all", "config", "defaults", "defaults-tree", "plugins", "searchpath"]
    parser.add_argument("--info", "-i", nargs="?", const="all", choices=parts)
    return parser
