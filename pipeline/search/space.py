"""The space of a sweep: groups of settings, each spanned by choices and ranges, some of them under conditions.

A *group* is drawn as one front. Its `set` holds for all of its settings, its `grid` is multiplied out or searched,
and under `when` a key of the grid exists only where other keys have certain values.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass as plain_dataclass
from dataclasses import field
from typing import Annotated, Any, Protocol

from pydantic import BeforeValidator, PlainValidator, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from pipeline.dotted import flatten
from pipeline.tasks.task import STRICT


@dataclass(frozen=True, config=STRICT)
class Range:
    """The numbers from `low` to `high`, both included. A grid takes `num` of them, evenly spaced."""

    low: float
    high: float
    num: int | None = None
    log: bool = False  # evenly spaced by ratio
    whole: bool = False  # whole numbers only

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise ValueError(f"low {self.low:g} must be less than high {self.high:g}; change one of them")
        if self.log and self.low <= 0:
            raise ValueError(f"low {self.low:g} must be more than 0 with log=true; raise it")
        if self.num is not None and self.num < 2:
            raise ValueError(f"num {self.num} must be at least 2; raise it, or give a list with one entry")

    def values(self) -> tuple[float | int, ...]:
        """`num` values, each once. Raises ValueError where there is no `num`."""
        if self.num is None:
            raise ValueError("is a range without num; give num, the number of values on the grid")
        shares = [n / (self.num - 1) for n in range(self.num)]
        if self.log:
            found = [math.exp(math.log(self.low) * (1 - s) + math.log(self.high) * s) for s in shares]
        else:
            found = [self.low * (1 - s) + self.high * s for s in shares]
        rounded = [round(value) if self.whole else float(f"{value:.6g}") for value in found]
        return tuple(dict.fromkeys(rounded))


Dimension = tuple[Any, ...] | Range

_RANGE = TypeAdapter(Range)


def _is_range(value: Any) -> bool:
    return isinstance(value, Mapping) and "low" in value and "high" in value


def _dimension(value: Any) -> Dimension:
    if isinstance(value, Range):
        return value
    if _is_range(value):
        try:
            return _RANGE.validate_python(value)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(step) for step in first["loc"])
            text = str(first.get("ctx", {}).get("error", first["msg"]))
            raise ValueError(f"{where}: {text}" if where else text) from None
    if not isinstance(value, (list, tuple)):
        raise ValueError("must be a list or a range; write [a, b], or {low: a, high: b, num: n}")
    if not value:
        raise ValueError("must have at least 1 entry; add one")
    return tuple(value)


def _flat(value: Any) -> Any:
    return flatten(value, _is_range) if isinstance(value, Mapping) else value


Flat = BeforeValidator(_flat)


@dataclass(frozen=True, config=STRICT)
class GroupSettings:
    """One group. Keys are dotted (`axon.anchors`); yaml may nest them, so that the command line can reach them."""

    set: Annotated[Mapping[str, Any], Flat] = field(default_factory=dict)
    grid: Annotated[Mapping[str, Annotated[Any, PlainValidator(_dimension)]], Flat] = field(
        default_factory=dict
    )
    when: Mapping[str, Annotated[Mapping[str, Any], Flat]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for key, conditions in self.when.items():
            if key not in self.grid:
                raise ValueError(f"when.{key}: is no key of the grid; name one of {', '.join(self.grid)}")
            for other in conditions:
                if other not in self.grid and other not in self.set:
                    raise ValueError(f"when.{key}.{other}: is not set in this group; set it, or leave it out")


@plain_dataclass(frozen=True)
class Region:
    """A part of the space under one set of named choices: `fixed` holds for all of it, `grid` spans it."""

    group: str
    fixed: Mapping[str, Any]
    grid: Mapping[str, Dimension]
    when: Mapping[str, Mapping[str, Any]]


Space = tuple[Region, ...]


@plain_dataclass(frozen=True)
class Candidate:
    """One point of the space: its group, and every key that differs from the composed config (dotted)."""

    group: str
    knobs: Mapping[str, Any]


@plain_dataclass(frozen=True)
class Outcome:
    """What a candidate came to: means over its scored examples, None where none was scored."""

    candidate: Candidate
    setting_id: str
    examples: int
    scored: int
    quality: float | None
    nfe: float | None


class Ask(Protocol):
    """A search: the candidates to evaluate next, given all outcomes so far in the order asked; none: it is done.

    Pure, so that a search that was interrupted goes on from the store as if it had not been.
    """

    def __call__(self, space: Space, outcomes: Sequence[Outcome]) -> Sequence[Candidate]: ...
