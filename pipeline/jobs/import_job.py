"""`job=import`: answers from elsewhere, scored by the task, as a run of their own that reports can take in."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from pipeline.counted import counted
from pipeline.environment import this_environment
from pipeline.errors import ConfigError, reason
from pipeline.imported.answers import read_answers
from pipeline.imported.folder import FOLDER, folder_of_import
from pipeline.imported.foreign import ForeignPoint, foreign_point, foreign_setting
from pipeline.imported.matching import Matched, match
from pipeline.inputs.config import Config, to_tree
from pipeline.inputs.places import check_places
from pipeline.jobs.console import command_line, say
from pipeline.jobs.report_job import make_report, notes_of
from pipeline.planning.setting import model_name
from pipeline.report.data.whole import in_stores
from pipeline.runs.run import FORMAT, Run, private, store_from
from pipeline.runs.run_folder import RunFolder
from pipeline.stop import DONE
from pipeline.storage.store import Store
from pipeline.tasks import CodeTask, Example, Task, open_task
from pipeline.tasks.first import first_examples

REFUSED = "refused.txt"
FILE, NAME = "a sample log of lm-eval, or jsonl", "what its front is to be called"
SHOWN = 5  # refused rows that the terminal names


def import_job(config: Config, arguments: Sequence[str], console: Console) -> int:
    """Reads, matches, scores, stores and reports. Raises ConfigError, one line, where nothing can be imported."""
    given = config.imported
    for key, what in {"file": FILE, "name": NAME}.items():
        if getattr(given, key) is None:
            raise ConfigError([f"imported.{key}: missing; job=import needs imported.{key}=..., {what}"])
    check_places(config)
    answers, path = read_answers(given), folder_of_import(config)
    task, examples = _task(config)
    if isinstance(task, CodeTask):  # raises where this machine lacks the isolation required
        say(console, f"answers are programs; they run in a sandbox of level {task.sandbox.level!r}")
    matched = match(answers.found, task, examples)
    refused = [*answers.refused, *matched.refused]
    if not matched.points:
        line = f"none of its rows answers an example of task={task.name}; {refused[0]}"
        such = f" (ids are such as {examples[0].id})" if examples else ""
        raise ConfigError([f"imported.file={given.file}: {line}; check task, its split and rows{such}"])
    with console.status("scoring the answers"):
        points = [
            foreign_point(foreign_setting(config, point, own), own, task, examples)
            for point, own in matched.points.items()
        ]
    run = _run(config, points, path, command_line(arguments))
    try:
        _keep(config, path, run, points, matched, refused, console)
    except OSError as error:
        line = f"can't be written ({reason(error)}); make room, or choose another with out=..."
        raise ConfigError([f"out={config.out}: {line}"]) from None
    _say(points, matched, refused, path, console)
    return DONE


def _keep(
    config: Config,
    path: Path,
    run: Run,
    points: Sequence[ForeignPoint],
    matched: Matched,
    refused: Sequence[str],
    console: Console,
) -> None:
    """Stores the answers, writes the run's folder and its report. Raises OSError."""
    store = Store(config.store)
    folder = RunFolder(path, run, writes=True)
    (path / REFUSED).unlink(missing_ok=True)
    if refused:
        (path / REFUSED).write_text("\n".join(refused) + "\n", encoding="utf-8")
    store.write_settings({one.setting.id: dict(one.setting.identity) for one in points})
    for one in points:
        store.write_slice(one.setting.id, 0, len(one.records), one.records)
    contents = store.load(run.by_id, run.limit)
    notes = [*notes_of(run, contents, {}), *_notes(matched, refused, str(config.imported.file))]
    whole = in_stores([run], [store])
    group = f"{FOLDER}/{path.name}"
    make_report(path, [run], contents.records, notes, (), config.wandb, group, console, whole)
    folder.end("done", {})


def _task(config: Config) -> tuple[Task, list[Example]]:
    """The task with all its examples; as many as `limit` where it generates them."""
    try:
        task = open_task(config.task, config.sandbox.require)
        return task, first_examples(config.task, task.size or config.limit)
    except ValueError as error:
        raise ConfigError([str(error)]) from None


def _run(config: Config, points: Sequence[ForeignPoint], path: Path, command: str) -> Run:
    name = str(config.imported.name)
    return Run(
        format=FORMAT,
        name=name,
        title=f"{name} · {config.task.name} · {model_name(config.model)} · imported",
        command=private(command),
        status="running",
        error=None,
        failures={},
        config=to_tree(config),
        space=(),
        settings=tuple(one.setting for one in points),
        asked=len(points),
        limit=max(len(one.records) for one in points),
        examples={one.setting.id: len(one.records) for one in points},
        store=store_from(path, Store(config.store).root, config.out),
        environment=this_environment(),
        started=datetime.now(UTC),
        finished=None,
        seconds=None,
    )


def _notes(matched: Matched, refused: Sequence[str], file: str) -> list[str]:
    found = [f"The answers are from elsewhere ({file}): scored here, decoded and counted there."]
    if refused:
        found.append(f"{counted(len(refused), 'row')} refused ({REFUSED}); the first: {refused[0]}")
    if lacking := sum(_without_nfe(own) for own in matched.points.values()):
        points = counted(len(matched.points), "point")
        found.append(f"{lacking} of {points} without an NFE: listed, but on no front.")
    return found


def _without_nfe(answers: object) -> bool:
    return isinstance(answers, dict) and all(own.nfe is None for own in answers.values())


def _say(
    points: Sequence[ForeignPoint], matched: Matched, refused: Sequence[str], path: Path, console: Console
) -> None:
    for line in refused[:SHOWN]:
        say(console, f"refused: {line}")
    if len(refused) > SHOWN:
        say(console, f"refused: {counted(len(refused) - SHOWN, 'more row')}; all in {path / REFUSED}")
    answered = sum(len(own) for own in matched.points.values())
    scores = sum(record.score is not None for one in points for record in one.records)
    many = f"{counted(len(points), 'point')}, {counted(answered, 'answer')}"
    say(console, f"{many}, {scores:,} scored; put them beside a run of the same task and")
    say(console, f"model with: python launch.py job=compare 'runs=[RUN,{path}]'")
    say(console, str(path))
