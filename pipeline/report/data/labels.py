"""What a setting is called in the report, and how its values are written."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from pipeline.inputs.dotted import flatten
from pipeline.planning.setting import Setting
from pipeline.tasks import get_task

NO_VALUE = "-"

Names = Mapping[str, str]  # dotted key -> short name


def described(setting: Setting) -> dict[str, Any]:
    """All that identifies a setting, by dotted keys, with the model's name and what the task's score means."""
    return flatten(described_tree(setting))


def described_tree(setting: Setting) -> dict[str, Any]:
    """The same, nested."""
    return {
        **setting.identity,
        "model": {**setting.identity["model"], "name": setting.model_name},
        "task": {**setting.identity["task"], "metric": metric(setting)},
    }


def metric(setting: Setting) -> str:
    """What a score of 1 means; empty for a task that this version doesn't have."""
    try:
        return get_task(setting.task.name, setting.task.form).metric
    except ValueError:
        return ""


def one_value(values: Iterable[Any]) -> Any:
    """The value that all share; None where they differ."""
    distinct = list(dict.fromkeys(values))
    return distinct[0] if len(distinct) == 1 else None


def short_names(keys: Iterable[str]) -> dict[str, str]:
    """Dotted keys by their last component, or by as many components as make them unique."""
    unique = list(dict.fromkeys(keys))
    names = {}
    for key in unique:
        parts = key.split(".")
        for size in range(1, len(parts) + 1):
            tail = parts[-size:]
            if sum(other.split(".")[-size:] == tail for other in unique) == 1:
                break
        names[key] = ".".join(tail)
    return names


def knob_names(settings: Iterable[Setting]) -> dict[str, str]:
    """Short names of the knobs that the settings have; made once for everything that is shown together."""
    return short_names(key for setting in settings for key in setting.knobs)


def value_text(value: Any) -> str:
    """As one would type it; a dash for a knob that a setting doesn't have."""
    if value is None or value != value:  # None or NaN
        return NO_VALUE
    if isinstance(value, (list, tuple)):
        return ",".join(value_text(part) for part in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def joined(values: Iterable[Any]) -> str:
    """Each distinct value once, in ascending order: `1|2|4`."""
    distinct = {value_text(value): value for value in values}
    return "|".join(sorted(distinct, key=lambda text: (text == NO_VALUE, _rank(distinct[text]))))


def varying(settings: Sequence[Setting]) -> dict[str, list[str]]:
    """Per group the dotted keys of the knobs that vary within it; the others are implied by the group's name."""
    keys: dict[str, list[str]] = {}
    for group in dict.fromkeys(setting.group for setting in settings):
        own = [setting.knobs for setting in settings if setting.group == group]
        found = dict.fromkeys(key for knobs in own for key in knobs)
        keys[group] = [key for key in found if len({str(knobs.get(key)) for knobs in own}) > 1]
    return keys


def knob_texts(settings: Sequence[Setting], names: Names) -> list[str]:
    """Each setting's varying knobs, `threshold=0.7 anchors=2`; its group where none varies."""
    keys = varying(settings)
    return [" ".join(assigned(setting, keys[setting.group], names)) or setting.group for setting in settings]


def assigned(setting: Setting, keys: Iterable[str], names: Names) -> list[str]:
    """`threshold=0.7` of each of these knobs that the setting has."""
    return [f"{names[key]}={value_text(setting.knobs[key])}" for key in keys if key in setting.knobs]


def titles(settings: Sequence[Setting]) -> dict[str, str]:
    """What settings of one run are called, by their ids: the group, and what varies within it: `axon threshold=0.7`."""
    texts = knob_texts(settings, knob_names(settings))
    return {
        own.id: text if text == own.group else f"{own.group} {text}"
        for own, text in zip(settings, texts, strict=True)
    }


def varying_values(settings: Sequence[Setting], names: Names) -> dict[str, list[str]]:
    """Per varying knob (short name) its values in ascending order."""
    values: dict[str, set[Any]] = {}
    for key in dict.fromkeys(key for keys in varying(settings).values() for key in keys):
        found = [setting.knobs[key] for setting in settings if key in setting.knobs]
        values[names[key]] = {value if isinstance(value, (int, float)) else str(value) for value in found}
    return {name: [value_text(value) for value in sorted(own, key=_rank)] for name, own in values.items()}


def _rank(value: Any) -> tuple[bool, float, str]:
    is_text = not isinstance(value, (int, float))
    return is_text, 0.0 if is_text else float(value), str(value)


def knob_columns(points: pd.DataFrame) -> list[str]:
    """The `knob.<name>` columns that vary within a group."""
    columns = [str(column) for column in points.columns if str(column).startswith("knob.")]
    # A column that varies in none has one value for each group. With sets, since this is asked for every variant.
    groups = points["group"].tolist()
    count = len(set(groups))
    return [
        column
        for column in columns
        if len(set(zip(groups, map(str, points[column].tolist()), strict=True))) > count
    ]
