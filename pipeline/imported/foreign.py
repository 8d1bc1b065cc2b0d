"""Answers from elsewhere as settings and records, like those decoded here, but marked: no report takes one for ours."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from axon.settings import AxonSettings
from pipeline.evaluation.example_record import scored
from pipeline.imported.answers import Answer
from pipeline.imported.matching import Point
from pipeline.inputs.config import Config, Decode
from pipeline.planning.plan import task_identity
from pipeline.planning.setting import Setting, setting_id
from pipeline.storage.record import UNANSWERED, Record
from pipeline.tasks import Example, Task
from pipeline.tasks.candidate import stopped

NO_NFE = "its NFE is not given, as those of other answers are"


@dataclass(frozen=True)
class ForeignPoint:
    """One point from elsewhere: its setting, and a record for every example up to the last one answered."""

    setting: Setting
    records: list[Record]


def foreign_setting(config: Config, point: Point, answers: Mapping[int, Answer]) -> Setting:
    """What is known of it: model, task, name and point as they were given, and a hash of the answers.

    Of `decode`, gen_length alone says anything, and only how far a front's hypervolume reaches.
    """
    given = config.imported
    said = [(position, own.text, own.nfe) for position, own in sorted(answers.items())]
    length = config.decode.gen_length
    identity = {
        "foreign": {
            "name": given.name,
            **({} if given.point is None else {given.point: point}),
            "answers": hashlib.sha256(json.dumps(said).encode()).hexdigest()[:16],
        },
        "model": {"content": "", "path": config.model.path},
        "task": task_identity(config.task, config.model.prompt),
    }
    return Setting(
        setting_id(identity),
        identity,
        f"{given.name} (imported)",
        {} if given.point is None else {given.point: point},
        config.model,
        config.task,
        Decode(gen_length=length, block_length=length, axon=AxonSettings(gate="never")),
        seed=0,
    )


def foreign_point(
    setting: Setting, answers: Mapping[int, Answer], task: Task, examples: Sequence[Example]
) -> ForeignPoint:
    """The answers scored by the task. What breaks its scorer is unscored with the error, never a zero.

    Where some answers of a point have an NFE, those without are unscored: quality and NFE are of the same examples.
    """
    counted = any(answer.nfe is not None for answer in answers.values())
    blank = [
        Record(setting.id, setting.task.name, example.id, position, error=UNANSWERED)
        for position, example in enumerate(examples[: max(answers) + 1])
    ]

    def judged(record: Record) -> Record:
        answer = answers.get(record.position)
        if answer is None:
            return record
        if counted and answer.nfe is None:
            return replace(record, answer=answer.text, error=NO_NFE)
        said = replace(record, answer=stopped(answer.text, task.stops), nfe=answer.nfe, error=None)
        return scored(task, examples[record.position], said)

    with ThreadPoolExecutor() as judges:
        return ForeignPoint(setting, list(judges.map(judged, blank)))
