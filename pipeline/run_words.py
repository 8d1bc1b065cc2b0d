"""Commands about finished runs: `job=report run=FOLDER` and the like. They compose nothing: run.json has it all."""

from __future__ import annotations

import re

from pipeline.command_line import CommandLine
from pipeline.errors import ConfigError, one_of

TAKES = {"report": "run", "rerun": "run", "compare": "runs"}  # job -> the word that names its run or runs
NEEDS = {"run": "run=FOLDER", "runs": "runs=[FOLDER,FOLDER]"}
WANDB = ("off", "offline", "online")
COUNTS = ("batch_size", "limit", "workers")
ALLOWED = ("job", "run", "runs", "out", "wandb", *COUNTS)
ONLY_RUNS = ("rerun", "compare")  # jobs that compose nothing in any case


def run_words(line: CommandLine) -> dict[str, str] | None:
    """The words by key; None if the command is about settings to be composed.

    Raises ConfigError, one line, for words that don't belong together.
    """
    words = {_key(word): word.partition("=")[2] for word in line.words}
    job = words.get("job", "")
    if not words.keys() & NEEDS.keys() and job not in ONLY_RUNS:
        return None
    keys = [_key(word) for word in line.words]
    if twice := [key for key in words if keys.count(key) > 1]:
        raise ConfigError([f"{twice[0]}: is given twice; give it once"])
    if job not in TAKES:
        named = next(word for word in line.words if _key(word) in NEEDS)
        jobs = " or ".join(f"job={name}" for name, key in TAKES.items() if key == _key(named))
        raise ConfigError([f"{named}: needs {jobs} beside it; add it"])
    if not words.get(TAKES[job]):
        raise ConfigError([f"job={job}: needs {NEEDS[TAKES[job]]}; add it"])
    for word in line.words:
        _check(word, job)
    if line.config_dir:
        raise ConfigError([f"--config-dir: job={job} of a finished run reads no configs; leave it out"])
    return words


def _key(word: str) -> str:
    return word.partition("=")[0]


def _check(word: str, job: str) -> None:
    key, _, value = word.partition("=")
    allowed = [name for name in ALLOWED if name not in NEEDS or name == TAKES[job]]
    if key not in allowed:
        line = f"{word}: can't be given with job={job} of a finished run, which has its own config; {one_of(allowed)}"
        raise ConfigError([line])
    if key == "wandb" and value not in WANDB:
        raise ConfigError([f"{word}: unknown; {one_of(WANDB)}"])
    if key in COUNTS and not re.fullmatch("[1-9][0-9]{0,6}", value):
        raise ConfigError([f"{word}: must be a whole number, 1 or more; write digits alone"])
    if not value:
        raise ConfigError([f"{word}: must not be empty; give it a value"])
