"""What the page's toggles tell settings apart by: group, decoder, gate, budget, layers, what else a sweep varied."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from pipeline.inputs.dotted import flatten
from pipeline.planning.setting import Setting
from pipeline.report.data.labels import knob_names, value_text

MOST_VALUES = 12  # of an axis: more are a scale, which the knobs' picture shows
WITHOUT = "without AXON"
NAMED = {  # the axes that are there wherever settings differ in them, named as in tables and docs, by their keys
    "decoder.name": "decoder",
    "axon.gate": "gate",
    "axon.policy": "policy",
    "axon.anchors": "anchors",
    "axon.max_anchor_steps": "max_anchor_steps",
    "axon.attention_layers": "attention_layers",
    "cache": "cache",
}


@dataclass(frozen=True)
class Axis:
    """`of`: for each setting the index of its value; None where it has none, as of AXON's keys without AXON."""

    name: str
    values: tuple[str, ...]
    of: tuple[int | None, ...]

    def part(self, first: int, count: int) -> Axis:
        """Of so many settings from that one on."""
        return replace(self, of=self.of[first : first + count])


def make_axes(settings: Sequence[Setting]) -> list[Axis]:
    """Those in which the settings differ, groups first; not one that divides them as an earlier one does.

    Of all facets together, so that one axis is one thing on the whole page.
    """
    names = {
        key: name
        for key, name in knob_names(settings).items()
        if key not in NAMED
        and name not in NAMED.values()  # decoder: a file's name, whose values have keys of their own
    }
    parameters = {setting.trade_off for setting in settings}
    keys = {**NAMED, **{key: name for key, name in names.items() if key not in parameters}}
    columns: dict[str, list[str | None]] = {"group": [setting.group for setting in settings]}
    read = [_read(setting) for setting in settings]
    for key, name in keys.items():
        columns[name] = [None if own.get(key) is None else value_text(own[key]) for own in read]
    axes: list[Axis] = []
    seen: set[tuple[int, ...]] = set()
    for name, texts in columns.items():
        axis = _axis(name, texts)
        if 1 < len(axis.values) <= MOST_VALUES and (parts := _parts(axis)) not in seen:
            seen.add(parts)
            axes.append(axis)
    return axes


def _parts(axis: Axis) -> tuple[int, ...]:
    """How it divides the settings, whatever its values are called."""
    places = {own: place for place, own in enumerate(dict.fromkeys(axis.of))}
    return tuple(places[own] for own in axis.of)


def _read(setting: Setting) -> Mapping[str, Any]:
    """The values that its decode reads, by the keys that set them."""
    own = flatten(setting.identity)
    decode = setting.decode
    found = {key: value for key, value in {**setting.knobs, **own}.items() if key in own}
    found |= {"cache": decode.cache, "model": setting.model_name, "task": setting.task.name}
    if setting.uses_axon:
        return found | {"axon.attention_layers": decode.axon.attention_layers}
    layers = {"axon.attention_layers": decode.axon.attention_layers} if decode.decoder.needs_attention else {}
    return found | {"axon.gate": WITHOUT} | layers


def _axis(name: str, texts: Sequence[str | None]) -> Axis:
    """Values in ascending order where they are numbers, else as they come."""
    values = list(dict.fromkeys(text for text in texts if text is not None))
    with suppress(ValueError):
        values.sort(key=float)
    places = {value: place for place, value in enumerate(values)}
    return Axis(name, tuple(values), tuple(None if text is None else places[text] for text in texts))
