"""The space of a sweep: a region for each combination of the configs that its groups name."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from pipeline.checkpoints.checkpoint import Checkpoint
from pipeline.checkpoints.outline import Outline
from pipeline.errors import ConfigError
from pipeline.inputs.config import Config, ModelSettings, to_tree
from pipeline.inputs.dotted import flatten
from pipeline.search import Dimension, GroupSettings, Range, Region, Space, existing, is_name
from pipeline.tasks import open_task

T = TypeVar("T")
Names = frozenset[tuple[str, str]]  # of configs, by key: {("decoder", "dawn")}
Base = Callable[[Names], Config]
Open = Callable[[ModelSettings], Checkpoint | Outline]  # raises CheckpointError
Part = tuple[str, GroupSettings, Mapping[str, Any]]  # a group by name, and what holds for a part of it


class Walk(Protocol):
    """Hands the items on, and may tell how far it is."""

    def __call__(self, items: Sequence[T], /) -> Iterator[T]: ...


def names_of(knobs: Mapping[str, Any]) -> Names:
    return frozenset((key, value) for key, value in knobs.items() if is_name(key, value))


def placed(group: str, line: str) -> str:
    return f"sweep.groups.{group}: {line}"


def space_of(config: Config, base: Base, open_: Open, walk: Walk) -> Space:
    """The regions of the sweep's groups: one for each combination of named configs, each of which brings its own
    values, and its trade-off parameter. Raises ConfigError for names that don't compose, or of what isn't there.
    """
    parts = [
        (name, group, fixed) for name, group in config.sweep.groups.items() for fixed in choices_of(group)
    ]
    _check_there(parts, base, open_)
    first = {names_of(fixed): (name, fixed) for name, _, fixed in reversed(parts)}
    for name, fixed in walk(list(reversed(first.values()))):  # groups share what is composed
        _placed_base(name, fixed, base)
    return tuple(_region(config, *part, base) for part in parts)


def choices_of(group: GroupSettings) -> list[dict[str, Any]]:
    """What holds for each part of a group: what it sets, with each distinct combination of its named configs."""
    found: dict[Names, dict[str, Any]] = {}
    for values in itertools.product(*group.named.values()):
        given = {**group.set, **dict(zip(group.named, values, strict=True))}
        fixed = existing(given, {key: group.when[key] for key in group.named if key in group.when})
        found.setdefault(names_of(fixed), fixed)
    return list(found.values())


def _check_there(parts: Sequence[Part], base: Base, open_: Open) -> None:
    """Raises ConfigError for models and tasks that can't be opened, before hundreds of combinations are composed.

    Not for those of a group that sets more of them than the name.
    """
    named: list[tuple[str, str, Config]] = []
    seen: set[tuple[str, str]] = set()
    for name, group, fixed in parts:
        own = {**group.set, **group.grid}
        changed = {key.split(".")[0] for key in own if key not in group.named and not is_name(key, own[key])}
        new = {
            pair for pair in names_of(fixed) if pair[0] in ("model", "task") and pair[0] not in changed
        } - seen
        seen |= new
        named += [(name, key, _placed_base(name, fixed, base)) for key, _ in sorted(new)]
    faults: dict[str, str] = {}
    for name, key, composed in named:  # once all compose: to ask the hub in vain takes half a minute
        try:
            open_(composed.model) if key == "model" else open_task(composed.task)
        except ValueError as error:
            faults.setdefault(str(error), placed(name, str(error)))
    if faults:
        raise ConfigError(faults.values())


def _placed_base(name: str, fixed: Mapping[str, Any], base: Base) -> Config:
    try:
        return base(names_of(fixed))
    except ConfigError as error:
        raise ConfigError([placed(name, line) for line in error.lines]) from None


def _region(config: Config, name: str, group: GroupSettings, fixed: Mapping[str, Any], base: Base) -> Region:
    composed = _placed_base(name, fixed, base)
    spanned: dict[str, Dimension] = {
        key: dimension for key, dimension in group.grid.items() if key not in group.named
    }
    along, trade_off = None, composed.trade_off
    if config.sweep.along_trade_off and trade_off.parameter and trade_off.parameter not in fixed:
        along = trade_off.parameter
        own = flatten(to_tree(composed)).get(along)
        spanned[along] = _spelled(spanned.get(along, trade_off.values), own)
    return Region(name, fixed, spanned, group.when, along, config.sweep.tolerance)


def _spelled(dimension: Dimension, own: Any) -> Dimension:
    """The values as the parameter has its own: a search looks between 1.0 and 2.0, and not between 1 and 2."""
    if isinstance(dimension, Range) or not isinstance(own, float):
        return dimension
    largest = sys.float_info.max  # whoever reads the setting refuses what is larger
    return tuple(
        float(value) if type(value) is int and abs(value) <= largest else value for value in dimension
    )
