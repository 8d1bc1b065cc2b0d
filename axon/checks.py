"""Checks of single values of settings; each raises ValueError with one line: key=value: rule; remedy."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from inspect import isasyncgenfunction, iscoroutinefunction, isfunction, signature
from typing import Any, get_args

LARGEST = 1_000_000_000
LONGEST = 60  # letters of a value that an error shows


class UnknownName(ValueError):
    """A name of something that this version, with the packages installed beside it, doesn't have."""

    def __init__(self, key: str, name: str, known: Iterable[str]) -> None:
        self.key, self.name, self.known = key, name, tuple(known)
        super().__init__(key, name, self.known)  # what a copy in another process is made of

    def __str__(self) -> str:
        known = f"one of {', '.join(self.known)}" if self.known else "install the package that brings it"
        return f"{self.key}={self.name!r}: unknown; {known}"


def check_choice(key: str, value: object, literal: Any) -> None:
    """`value` must be one of the choices of a Literal type."""
    choices = get_args(literal)
    if value not in choices:
        raise ValueError(f"{key}={value!r}: unknown; one of {', '.join(sorted(choices))}")


def check_text(key: str, value: object) -> None:
    """`value` must be text."""
    if not isinstance(value, str):
        raise ValueError(f"{key}={shown(value)}: must be text; give a name")


def check_range(key: str, value: float, low: float, high: float) -> None:
    """`value` must be a number in [low, high]; NaN is in no range."""
    if not is_number(value) or not low <= value <= high or value == float("inf"):
        bounded, within = high != float("inf"), f"[{low:g}, {high:g}]"
        inside = f"must lie in {within}" if is_number(value) else f"must be a number in {within}"
        rule = inside if bounded else f"must be a number, {low:g} or more"
        raise ValueError(f"{key}={value!r}: {rule}; choose a value there")


def check_whole(key: str, value: int, low: int) -> None:
    """`value` must be a whole number of at least `low` that a tensor can hold."""
    if not isinstance(value, int) or isinstance(value, bool) or value < low:
        raise ValueError(f"{key}={value!r}: must be a whole number, {low} or more; choose such a value")
    if value > LARGEST:
        raise ValueError(f"{key}={value!r}: must be at most {LARGEST}; lower it")


def check_made(key: str, value: object, kind: type, such: str) -> None:
    """`value` must be settings of that kind: neither their name nor their class."""
    if not isinstance(value, kind):
        raise ValueError(f"{key}={shown(value)}: must be of type {kind.__name__}; give one, such as {such}")


def check_not_async(key: str, given: Callable[..., object]) -> None:
    """`given`, a function or an object that is called, must not be declared `async`: nobody would await it."""
    if is_async(given) or is_async(type(given).__call__):
        raise ValueError(
            f"{key}={shown(given)}: is async, and nothing here awaits it; give a function declared with def alone"
        )


def is_async(function: object) -> bool:
    """Whether a call of it does nothing before it is awaited, or iterated by `async for`."""
    return iscoroutinefunction(function) or isasyncgenfunction(function)


def methods_of(base: type) -> tuple[str, ...]:
    """Those that a class derived from it may have of its own, its properties apart."""
    owners = base.__mro__[-2::-1]  # not Python's own
    own = {name: held for owner in owners for name, held in vars(owner).items()}
    return tuple(name for name, held in own.items() if isfunction(held) and not name.startswith("_"))


def check_takes(key: str, given: Any, *names: str) -> None:
    """`given` must take these arguments, by their places; what doesn't tell which it takes (of C) may."""
    check_not_async(key, given)
    if (why := misfit(given, names)) is not None:
        called, own = (f"({', '.join(own)})" for own in (names, signature(given).parameters))
        raise ValueError(
            f"{key}={shown(given)}: is called with {called}, and takes {own} ({why}); give one that takes {called}"
        )


def misfit(given: Callable[..., object], names: Iterable[str]) -> TypeError | None:
    """Why it can't be called with these arguments by their places; None where it can, or doesn't tell (of C)."""
    try:
        takes = signature(given)
    except (TypeError, ValueError):
        return None
    try:
        takes.bind(*names)
    except TypeError as error:
        return error
    return None


def shown(value: object) -> str:
    """Its beginning as Python writes it, on one line, of which a module or an array takes many."""
    text = " ".join(repr(value).split())
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def is_number(value: object) -> bool:
    """Whether it is a whole number or a float; a truth value is neither."""
    return isinstance(value, int | float) and not isinstance(value, bool)
