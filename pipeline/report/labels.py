"""What a setting is called: its group, the knobs that were turned, and facts found in its full description."""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import pandas as pd

Setting = Mapping[str, Any]

NO_VALUE = "-"


class Label(Protocol):
    """The shape of `pipeline.plan.Label`: which group a setting belongs to, and the knobs the sweep turned."""

    @property
    def group(self) -> str: ...

    @property
    def knobs(self) -> Mapping[str, Any]: ...


def fact(setting: Setting, name: str) -> Any:
    """The value of key `name` at whatever depth it first occurs (outer levels first), or None.

    The report needs a few facts (task, gen_length, axon, ...) and is not to depend on how a setting is nested.
    """
    level: list[Setting] = [setting]
    while level:
        for part in level:
            if name in part:
                return part[name]
        level = [value for part in level for value in part.values() if isinstance(value, Mapping)]
    return None


def uses_axon(setting: Setting) -> bool:
    """Gate `never` means the base decoder alone."""
    axon = fact(setting, "axon")
    return isinstance(axon, Mapping) and axon.get("gate") != "never"


def decoder_name(setting: Setting) -> str:
    return _text(fact(setting, "decoder"))


def reference_nfe(settings: Mapping[str, Setting]) -> float:
    """The longest generation length: a step reveals at least one token, so nothing can need more steps."""
    lengths = []
    for setting_id, setting in settings.items():
        length = fact(setting, "gen_length")
        if not isinstance(length, int):
            raise ValueError(f"gen_length={length}: setting {setting_id} has none; the hypervolume needs it")
        lengths.append(length)
    return float(max(lengths, default=0))


def one_value(settings: Mapping[str, Setting], name: str) -> str | None:
    """A fact all settings share, as text; None when they have none or differ."""
    values = {_text(fact(setting, name)) for setting in settings.values()}
    only = values.pop() if len(values) == 1 else ""
    return only or None


def _text(value: Any) -> str:
    if isinstance(value, Mapping):  # such as task: {name: arith, version: 1}
        value = value.get("name")
    return "" if value is None else str(value)


def short_names(keys: Iterable[str]) -> dict[str, str]:
    """Dotted keys by their last component, or by as many as tell them apart."""
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


def value_text(value: Any) -> str:
    """As one would type it; a knob that a setting does not have is a dash."""
    if value is None or value != value:  # None or NaN
        return NO_VALUE
    return f"{value:g}" if isinstance(value, float) else str(value)


def joined(values: Iterable[Any]) -> str:
    """Each distinct value once, in rising order, `1|2|4`."""
    distinct = {value_text(value): value for value in values}
    return "|".join(sorted(distinct, key=lambda text: (text == NO_VALUE, _rank(distinct[text]))))


def turned(labels: Mapping[str, Label]) -> dict[str, list[str]]:
    """Per group the dotted keys of the knobs that vary inside it; what holds for a whole group, its name says."""
    keys: dict[str, list[str]] = {}
    for group in dict.fromkeys(label.group for label in labels.values()):
        own = [label.knobs for label in labels.values() if label.group == group]
        found = dict.fromkeys(key for knobs in own for key in knobs)
        keys[group] = [key for key in found if len({str(knobs.get(key)) for knobs in own}) > 1]
    return keys


def knob_texts(labels: Mapping[str, Label]) -> dict[str, str]:
    """Each setting's turned knobs in a line, `threshold=0.7 anchors=2`; its group where none was turned."""
    names = short_names(key for label in labels.values() for key in label.knobs)
    keys = turned(labels)
    texts = {}
    for setting_id, label in labels.items():
        own = [key for key in keys[label.group] if key in label.knobs]
        texts[setting_id] = (
            " ".join(f"{names[key]}={value_text(label.knobs[key])}" for key in own) or label.group
        )
    return texts


def turned_values(labels: Mapping[str, Label]) -> dict[str, list[str]]:
    """Per turned knob (short name) its values in rising order."""
    names = short_names(key for label in labels.values() for key in label.knobs)
    values: dict[str, set[Any]] = {}
    for key in dict.fromkeys(key for keys in turned(labels).values() for key in keys):
        found = [label.knobs[key] for label in labels.values() if key in label.knobs]
        values[names[key]] = {value if isinstance(value, (int, float)) else str(value) for value in found}
    return {name: [value_text(value) for value in sorted(own, key=_rank)] for name, own in values.items()}


def _rank(value: Any) -> tuple[bool, float, str]:
    is_text = not isinstance(value, (int, float))
    return is_text, 0.0 if is_text else float(value), str(value)


def knob_columns(points: pd.DataFrame) -> list[str]:
    """The `knob.<name>` columns that vary inside a group."""
    columns = [str(column) for column in points.columns if str(column).startswith("knob.")]
    return [
        column
        for column in columns
        if (points[column].astype(str).groupby(points["group"]).nunique() > 1).any()
    ]
