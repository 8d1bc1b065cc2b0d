"""Jobs on runs that exist: report, rerun, compare, show, list. Their words name folders; no config is composed."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from rich.console import Console

from pipeline.errors import ConfigError, one_of
from pipeline.inputs.digits import read_digits
from pipeline.inputs.run_words import PLACES, RUN_WORDS
from pipeline.inputs.word_path import read_path
from pipeline.jobs.asked_words import read_asked
from pipeline.jobs.compare_job import compare
from pipeline.jobs.console import command_line, say
from pipeline.jobs.drawing import check_records, say_part, wandb_settings, written
from pipeline.jobs.list_job import list_runs
from pipeline.jobs.report_job import make_report, notes_of
from pipeline.runs.opened import OpenedRun, open_run
from pipeline.stop import DONE

FOLDER = "the folder that a job's last line prints"
NEEDED = {**dict.fromkeys(RUN_WORDS, ("run",)), "compare": (*PLACES, "where"), "list": ()}
EXAMPLES = {
    **dict.fromkeys(RUN_WORDS, f"run=FOLDER; give {FOLDER}"),
    "compare": f"runs=[FOLDER,FOLDER], where=CONDITION, under=FOLDER or store=ADDRESS; give {FOLDER}, for each run",
}
CHOICES = ("setting", "example")  # what they may be is told where the run is known


def main(words: Mapping[str, str], console: Console) -> int:
    """Does what the words ask for, such as `job=report run=FOLDER`, and returns the exit code.

    0: done (for rerun: every record is equal); 1: not equal, or failed; 130: stopped by Ctrl-C; 143: by SIGTERM; 129:
    by SIGHUP. Raises ConfigError, one line per fault, for words and runs that it can't work with.
    """
    return _job(words)(words, console)


def _job(words: Mapping[str, str]) -> Callable[[Mapping[str, str], Console], int]:
    job = words.get("job", "")
    jobs = {"report": _report, "rerun": _rerun, "compare": compare, "show": _show, "list": list_runs}
    if job not in jobs:
        line = f"job={job}: does not take run=FOLDER or runs=[A,B]; {one_of(jobs)}"
        raise ConfigError([line if job else f"job: missing; with run=FOLDER or runs=[A,B] {one_of(jobs)}"])
    taken = RUN_WORDS[job]
    if unknown := [f"{key}={value}" for key, value in words.items() if key not in ("job", *taken)]:
        meant = (
            f", or write under={words['out']} if runs are there" if job == "list" and "out" in words else ""
        )
        raise ConfigError(
            f"{word}: job={job} takes {', '.join(taken)}; leave it out{meant}" for word in unknown
        )
    if NEEDED[job] and not any(words.get(key) for key in NEEDED[job]):
        raise ConfigError([f"job={job}: needs {EXAMPLES[job]}"])
    if empty := [key for key, value in words.items() if not value and key not in CHOICES]:
        raise ConfigError(f"{key}=: must not be empty; give it a value, or leave it out" for key in empty)
    return jobs[job]


def _report(words: Mapping[str, str], console: Console) -> int:
    """Draws a run's report again, into its folder or another."""
    opened = open_run(words["run"])
    wandb, asked = wandb_settings(words, opened), read_asked(words)
    check_records(opened)
    run, contents = opened.run, opened.contents
    out = read_path("out", words.get("out") or opened.path)
    notes = notes_of(run, contents, run.failures)
    group = f"{run.name}/{opened.path.name}"
    written(
        lambda: make_report(
            out, [run], contents.records, notes, (), wandb, group, console, opened.whole, asked
        ),
        out,
    )
    say_part(opened, "", console)
    say(console, str(out))
    return DONE


def _rerun(words: Mapping[str, str], console: Console) -> int:
    from pipeline.jobs.rerun import rerun  # torch and transformers take seconds to import

    opened = open_run(words["run"])
    _check_decoded(opened)
    command = command_line([f"{key}={value}" for key, value in words.items()])
    limit, batch_size, workers = (_count(words, key) for key in ("limit", "batch_size", "workers"))
    return rerun(opened, limit, batch_size, workers, command, console)


def _show(words: Mapping[str, str], console: Console) -> int:
    from pipeline.show.job import show

    opened = open_run(words["run"])
    _check_decoded(opened)
    check_records(opened)
    return show(opened, words, console)


def _check_decoded(opened: OpenedRun) -> None:
    """Raises ConfigError for answers from elsewhere, which name no decode."""
    if any(setting.foreign for setting in opened.run.settings):
        line = f"run={opened.path}: its answers were imported, and nothing of it was decoded here; give another run"
        raise ConfigError([line])


def _count(words: Mapping[str, str], key: str) -> int | None:
    if key not in words:
        return None
    if not (number := read_digits(words[key])):
        raise ConfigError([f"{key}={words[key]}: must be a whole number of at least 1; write digits alone"])
    return number
