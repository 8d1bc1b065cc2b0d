"""Parts of other packages that are installed beside this one: decoders, gates and budget policies, as entry points.

In a package's pyproject.toml, under [project.entry-points."axon.decoders"]: `margin = "my_decoders.margin:Margin"`.
Every process that has the package finds them by itself, workers too: nothing is handed over.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from inspect import signature
from typing import Any, NamedTuple, get_type_hints

from axon.checks import is_async, methods_of, misfit


@dataclass(frozen=True, eq=False)
class Part:
    """What a package may have more of. Each is a frozen dataclass, whose fields are its settings."""

    group: str  # of their entry points
    key: str  # the setting that names one
    base: type  # what they are derived from
    taken: Callable[[], Collection[str]]  # names that are not free
    # Further rules that a class breaks under this name, each with its remedy.
    broken: Callable[[str, type], Iterator[str]] = lambda name, kind: iter(())


class Installed(NamedTuple):
    """By name the classes, and for each that can't be used a line that says why."""

    kinds: Mapping[str, type[Any]]
    faults: Mapping[str, str]


@lru_cache
def installed(part: Part) -> Installed:
    """Those of this process's packages."""
    kinds: dict[str, type[Any]] = {}
    faults: dict[str, str] = {}
    for entry in sorted(_entries().select(group=part.group), key=lambda own: (own.name, own.value)):
        try:
            kind = entry.load()
            rule = next(_broken(part, entry, kind, kinds), None)
        except (Exception, SystemExit) as error:  # whatever a file of a user's own raises
            what = " ".join(str(error).split())[:200]
            rule = f"can't be imported ({type(error).__name__}: {what}); correct it, or uninstall the package"
        if rule is None:
            kinds[entry.name] = kind
        else:
            faults[entry.name] = told(part, entry.name, entry.value, rule)
    return Installed(kinds, faults)


def told(part: Part, name: str, value: str, rule: str) -> str:
    """The line for one that can't be used."""
    return f"{part.key}={name!r}: {value}, of an installed package, {rule}"


def usable(part: Part) -> Mapping[str, type[Any]]:
    """The classes by name. Raises ValueError, one line, where one of them can't be used."""
    found = installed(part)
    for line in found.faults.values():
        raise ValueError(line)
    return found.kinds


_entries = lru_cache(entry_points)  # all packages are looked through for each group otherwise


def _broken(part: Part, entry: EntryPoint, kind: Any, others: Mapping[str, object]) -> Iterator[str]:
    """The rules that it breaks, each with its remedy."""
    if entry.name in part.taken() or entry.name in others:
        yield "has a name that is taken; rename it"
    if part.base not in getattr(kind, "__mro__", ()):
        yield f"is no class derived from {part.base.__module__}.{part.base.__name__}; derive it"
        return
    if "__dataclass_params__" not in vars(kind) or not kind.__dataclass_params__.frozen:
        yield "is no frozen dataclass; write @dataclass(frozen=True, kw_only=True) above the class"
    for name in methods_of(part.base):
        given = signature(getattr(part.base, name)).parameters  # itself first
        if name in getattr(kind, "__abstractmethods__", ()):
            yield f"has no rule; define {name}({', '.join(given)})"
        if is_async(getattr(kind, name)):
            yield f"has an async method, {name}, which nothing awaits; declare it with def alone"
        if misfit(getattr(kind, name), given) is not None:
            yield f"has a method that doesn't take what it is given; write def {name}({', '.join(given)})"
    get_type_hints(kind)  # raises where the type of a field can't be found
    yield from part.broken(entry.name, kind)
    for field in fields(kind):
        if field.default is MISSING and field.default_factory is MISSING:
            yield f"has a setting without a default, {field.name}; give it one"
