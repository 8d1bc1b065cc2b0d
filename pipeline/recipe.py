"""A recipe: a published result as data. What was measured, where it can be read, and what isn't repeated here.

Its file in conf/recipe/ also sets the keys that gave the result; those are read like any others, and make up the
setting. Nothing in this file can change a token or a score.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic.dataclasses import dataclass

from pipeline.names import folder_name
from pipeline.tasks.task import STRICT

Text = Annotated[str, Field(min_length=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
PerCent = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]
QUALITY = "quality"  # the metric that the task itself calls quality


@dataclass(frozen=True, config=STRICT)
class Expected:
    """The published figures; None where none was published."""

    accuracy: Annotated[tuple[PerCent, ...], Field(min_length=1, max_length=2)] | None  # per cent
    nfe: Positive | None  # model calls per example, on average
    tpf: Positive | None  # tokens per model call
    tpf_counts: Literal["canvas", "to_eos"]  # which tokens and calls the source counts
    tokens_per_second: Positive | None
    gpu: Text | None  # on which tokens_per_second was measured

    def __post_init__(self) -> None:
        if self.tokens_per_second is not None and self.gpu is None:
            raise ValueError("gpu=null: tokens_per_second was measured on one; name it")


@dataclass(frozen=True, config=STRICT)
class RecipeSettings:
    """Two values of accuracy are two measurements of the same setup, such as two code bases'."""

    name: Annotated[str, AfterValidator(folder_name)]  # of its file
    title: Text
    source: Text  # where the figures are: repository:path, a model card, a paper
    metric: Text  # the metric of the task that `accuracy` is: `quality`, or the name of a further one
    expected: Expected
    notes: tuple[Text, ...]  # what of the published setup can't be repeated
