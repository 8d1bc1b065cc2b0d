"""The space of a sweep: groups of settings, each spanned by choices and ranges, some of them under conditions.

A *group* is drawn as one front. Its `set` holds for all of its settings, and its `grid` is multiplied out or searched.
A key of the grid that stands under `when` exists only where the keys named there exist and have certain values.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass as plain_dataclass
from dataclasses import field
from typing import Annotated, Any, Protocol

from pydantic import BeforeValidator, PlainValidator, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from pipeline.inputs.dotted import flatten
from pipeline.search.decodes import Decodes
from pipeline.tasks.task import STRICT

CHOICES = ("model", "task", "decoder", "axon")  # keys whose value may be the name of a config in conf/
Conditions = Mapping[str, Mapping[str, Any]]  # key -> other key -> the value or values it must have


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
        if self.whole and not (self.low.is_integer() and self.high.is_integer()):
            raise ValueError(
                f"low {self.low:g} and high {self.high:g} must be whole with whole=true; round them"
            )
        if self.num is not None and self.num < 2:
            raise ValueError(f"num {self.num} must be at least 2; raise it, or give a list with one entry")

    def values(self) -> tuple[float | int, ...]:
        """`num` values, duplicates removed. Raises ValueError if there is no `num`."""
        if self.num is None:
            raise ValueError("is a range without num; add num, the number of values on the grid")
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
    """One group. Its keys are dotted (`axon.anchors`). Nested keys are flattened: the command line makes such ones."""

    set: Annotated[Mapping[str, Any], Flat] = field(default_factory=dict)
    grid: Annotated[Mapping[str, Annotated[Any, PlainValidator(_dimension)]], Flat] = field(
        default_factory=dict
    )
    when: Mapping[str, Annotated[Mapping[str, Any], Flat]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if twice := sorted(self.set.keys() & self.grid.keys()):
            raise ValueError(f"{twice[0]}: is in set and in grid, which varies it; leave one of them out")
        for key in CHOICES:
            given = self.grid.get(key, ())
            for value in [self.set.get(key, ""), *(given if isinstance(given, tuple) else [given])]:
                _check_choice(key, value)
        for key, conditions in self.when.items():
            if key not in self.grid:
                keys = ", ".join(self.grid) or "none"
                raise ValueError(
                    f"when.{key}: is not a key of the grid, which has {keys}; name one of the grid"
                )
            for other in conditions:
                if other not in self.grid and other not in self.set:
                    raise ValueError(
                        f"when.{key}.{other}: is not set in this group; set it, or remove the condition"
                    )
                if key in self.named and other in self.grid and other not in self.named:
                    raise ValueError(
                        f"when.{key}.{other}: a named config can depend only on `set` and other named configs; "
                        "write two groups"
                    )
            if key in _ancestors(key, self.when):
                raise ValueError(f"when.{key}: depends on itself; remove one of the conditions")

    @property
    def named(self) -> dict[str, tuple[str, ...]]:
        """The part of the grid that runs over names of configs."""
        return {
            key: dimension
            for key, dimension in self.grid.items()
            if isinstance(dimension, tuple) and all(is_name(key, value) for value in dimension)
        }


def is_name(key: str, value: Any) -> bool:
    """Whether this value of this key is the name of a config, which brings other keys with it."""
    return key in CHOICES and isinstance(value, str)


def _check_choice(key: str, value: Any) -> None:
    if isinstance(value, bool):
        raise ValueError(f'{key}: {value} is not a name; put off and on in quotes in yaml, as in "off"')
    if not isinstance(value, (str, Mapping)):
        raise ValueError(f"{key}: {value!r} is not a name; write names of configs, as in [a, b]")


def _ancestors(key: str, when: Conditions) -> set[str]:
    """The keys that the conditions of `key` look at, and those that theirs do."""
    found: set[str] = set()
    waiting = list(when.get(key, ()))
    while waiting:
        if (other := waiting.pop()) not in found:
            found.add(other)
            waiting += when.get(other, ())
    return found


def existing(knobs: Mapping[str, Any], when: Conditions) -> dict[str, Any]:
    """The knobs whose conditions hold: the keys they look at exist in turn, with a value that is wanted."""

    def exists(key: str) -> bool:
        return key in knobs and all(
            exists(other) and knobs[other] in (wanted if isinstance(wanted, (list, tuple)) else [wanted])
            for other, wanted in when.get(key, {}).items()
        )

    return {key: value for key, value in knobs.items() if exists(key)}


@plain_dataclass(frozen=True)
class Region:
    """A part of the space under one combination of named configs: `fixed` holds for all of it, `grid` spans it."""

    group: str
    fixed: Mapping[str, Any]
    grid: Mapping[str, Dimension]
    when: Conditions
    along: str | None = None  # the key of the grid that trades quality for speed, if it is searched along one
    tolerance: float = 0.018  # of a search along it: the uncertain area that it may leave (refine.py)


Space = tuple[Region, ...]


@plain_dataclass(frozen=True)
class Candidate:
    """One point of the space: its group, and every key that differs from the composed config (dotted)."""

    group: str
    knobs: Mapping[str, Any]


@plain_dataclass(frozen=True)
class Outcome:
    """The results of a candidate: means over its scored examples, None if none was scored."""

    candidate: Candidate
    setting_id: str
    examples: int
    scored: int
    quality: float | None
    nfe: float | None
    decodes: Decodes | None = field(default=None, compare=False, repr=False)  # None: nothing is known of them


class Ask(Protocol):
    """A search: the candidates to evaluate next, given all outcomes so far in the order asked. No candidates: done.

    A pure function, so that an interrupted search resumes from the store as if it had not been interrupted.
    """

    def __call__(self, space: Space, outcomes: Sequence[Outcome]) -> Sequence[Candidate]: ...
