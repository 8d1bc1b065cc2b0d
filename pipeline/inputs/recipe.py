"""A recipe: a published result as data. What was measured, where it can be read, and what isn't repeated here.

Its file in conf/recipe/ also sets the keys that gave the result; those are read like any others, and make up the
setting. Nothing in this file can change a token or a score.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from pipeline.inputs.names import folder_name
from pipeline.tasks.task import STRICT

Text = Annotated[str, Field(min_length=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
PerCent = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]
QUALITY = "quality"  # the metric that the task itself calls quality


@dataclass(frozen=True, config=STRICT)
class Expected:
    """The published figures; None where none was published.

    Two values of accuracy are two measurements of one setup, such as two code bases'.
    """

    accuracy: Annotated[tuple[PerCent, ...], Field(min_length=1, max_length=2)] | None = None  # per cent
    nfe: Positive | None = None  # model calls per example, on average
    tpf: Positive | None = None  # tokens per model call
    tpf_counts: Literal["canvas", "to_eos"] = "canvas"  # which tokens and calls the source counts
    tokens_per_second: Positive | None = None
    gpu: Text | None = None  # on which tokens_per_second was measured

    def __post_init__(self) -> None:
        if self.tokens_per_second is not None and self.gpu is None:
            raise ValueError("gpu=null: tokens_per_second was measured on one; name it")

    @property
    def silent(self) -> bool:
        """Whether there is nothing to compare with."""
        return self.accuracy is None and self.nfe is None and self.tpf is None


@dataclass(frozen=True, config=STRICT)
class RecipeSettings:
    """The published result that a job repeats."""

    name: Annotated[str, AfterValidator(folder_name)]  # of its file
    title: Text
    source: Text  # where the figures and settings are: repository:path, a model card, a paper
    examples: Annotated[int, Field(ge=1)]  # that the published accuracy is of: the whole task
    expected: Expected
    metric: Text = QUALITY  # the metric of the task that `accuracy` is, or the name of a further one
    notes: tuple[Text, ...] = ()  # what of the published setup isn't repeated


_ADAPTER = TypeAdapter(RecipeSettings)


def recipe_of(config: Mapping[str, Any]) -> RecipeSettings | None:
    """The recipe in a run's config; None if there is none, or one that only another version can read."""
    try:
        return None if config.get("recipe") is None else _ADAPTER.validate_python(config["recipe"])
    except ValidationError:
        return None
