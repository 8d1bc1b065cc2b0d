"""What `job=import` reads: keys under `imported`."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic.dataclasses import dataclass

from pipeline.inputs.names import folder_name
from pipeline.tasks.task import STRICT

Text = Annotated[str, Field(min_length=1)]


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
    nfe: Text | Annotated[int, Field(ge=1)] = "nfe"  # a number: of every answer
