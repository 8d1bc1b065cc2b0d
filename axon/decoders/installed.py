"""Decoders of other packages that are installed beside this one: their entry points in the group `axon.decoders`.

In a package's pyproject.toml, under [project.entry-points."axon.decoders"]: `margin = "my_decoders.margin:Margin"`.
Every process that has the package finds them by itself, workers too: nothing is handed over. Not imported by
axon/decoders/__init__.py, which such a package's own files import.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from inspect import signature
from typing import Any, Literal, NamedTuple, cast, get_type_hints

from axon.checks import is_async, misfit
from axon.decoders import DECODERS, DecoderSettings
from axon.decoders.base import METHODS, Decoder

GROUP = "axon.decoders"


class Installed(NamedTuple):
    """By name the decoders, and for each that can't be used a line that says why."""

    kinds: Mapping[str, type[Decoder]]
    faults: Mapping[str, str]


@lru_cache(maxsize=1)
def installed() -> Installed:
    """Those of this process's packages."""
    kinds: dict[str, type[Decoder]] = {}
    faults: dict[str, str] = {}
    for entry in sorted(entry_points(group=GROUP), key=lambda own: (own.name, own.value)):
        try:
            kind = entry.load()
            rule = next(_broken(entry, kind, kinds), None)
        except (Exception, SystemExit) as error:  # whatever a file of a user's own raises
            what = " ".join(str(error).split())[:200]
            rule = f"can't be imported ({type(error).__name__}: {what}); correct it, or uninstall the package"
        if rule is None:
            kinds[entry.name] = kind
        else:
            faults[entry.name] = told(entry.name, entry.value, rule)
    return Installed(kinds, faults)


def told(name: str, value: str, rule: str) -> str:
    """The line for a decoder that can't be used."""
    return f"decoder.name={name!r}: {value}, of an installed package, {rule}"


def all_decoders() -> dict[str, type[DecoderSettings]]:
    """By name those here and the installed ones. Raises ValueError, one line, where one of these can't be used."""
    found = installed()
    for line in found.faults.values():
        raise ValueError(line)
    # To type checkers they are of the union, which can name only what is here.
    return {**DECODERS, **cast("Mapping[str, type[DecoderSettings]]", found.kinds)}


def _broken(entry: EntryPoint, kind: Any, others: Mapping[str, object]) -> Iterator[str]:
    """The rules that it breaks, each with its remedy."""
    if entry.name in DECODERS or entry.name in others:
        yield "has a name that another decoder has; rename it"
    if not isinstance(kind, type) or not issubclass(kind, Decoder):
        yield "is no class derived from axon.decoders.base.Decoder; derive it"
        return
    if "__dataclass_params__" not in vars(kind) or not kind.__dataclass_params__.frozen:  # type: ignore[attr-defined]
        yield "is no frozen dataclass; write @dataclass(frozen=True, kw_only=True) above the class"
    if kind.propose is Decoder.propose:
        yield "has no rule; define propose(self, state)"
    for name in METHODS:
        if is_async(getattr(kind, name)):
            yield f"has an async method, {name}, which nothing awaits; declare it with def alone"
        given = signature(getattr(Decoder, name)).parameters  # the decoder itself first
        if misfit(getattr(kind, name), given) is not None:
            yield f"has a method that doesn't take what it is given; write def {name}({', '.join(given)})"
    literal = get_type_hints(kind)["name"]
    if literal != Literal[entry.name] or getattr(kind, "name", None) != entry.name:
        yield f'has another name than its entry point; write name: Literal["{entry.name}"] = "{entry.name}"'
    for field in fields(kind):
        if field.default is MISSING and field.default_factory is MISSING:
            yield f"has a setting without a default, {field.name}; give it one"
