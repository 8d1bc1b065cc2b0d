"""What `job=import` reads: keys under `imported`."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic.dataclasses import dataclass

from pipeline.inputs.names import folder_name
from pipeline.tasks.task import STRICT

Text = Annotated[str, Field(min_length=1)]


def _nfe(given: str | int) -> str | int:
    """Raises ValueError: rule; remedy."""
    if given == "" or (isinstance(given, int) and given < 1):
        raise ValueError(
            "must be a column, or the model calls of every answer, at least 1; write one of them"
        )
    return given


@dataclass(frozen=True, config=STRICT)
class ImportedSettings:
    """A file of answers, and the names of its columns."""

    file: Text | None = (
        None  # a sample log of lm-eval, or jsonl: an example, an answer and, where known, its NFE a line
    )
    name: Annotated[str, AfterValidator(folder_name)] | None = None  # of the run, and of its front in reports
    point: Text | None = None  # the column whose values tell the points of a front apart, such as a threshold
    example: Text = "example"
    answer: Text = "answer"
    nfe: Annotated[str | int, AfterValidator(_nfe)] = "nfe"  # a column; a number: of every answer
