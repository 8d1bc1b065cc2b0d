"""Errors in a user's input, one clear line each: `key=value: rule; remedy`."""

from __future__ import annotations

import dataclasses
import difflib
import re
import typing
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from pipeline.accident import place_of

_WHOLE = "must be a whole number; write digits alone"
_NUMBER = "must be a number; write one such as 0.5"
_TRUTH = "must be true or false; write one of them"
_GROUP = "must be a group of key: value; write {{key: value}}"
_LIST = "must be a list; write [a, b]"
MANY = 30  # names that an error still lists
NAMED = 3  # choices that are named where several have a key

RULES = {
    "int_parsing": _WHOLE,
    "int_from_float": _WHOLE,
    "int_type": _WHOLE,
    "float_parsing": _NUMBER,
    "float_type": _NUMBER,
    "finite_number": "must be a finite number; write one such as 0.5",
    "bool_parsing": _TRUTH,
    "bool_type": _TRUTH,
    "string_type": "must be text; put it in quotes: {key}='\"{input}\"'",
    "dict_type": _GROUP,
    "dataclass_type": _GROUP,
    "list_type": _LIST,
    "tuple_type": _LIST,
    "greater_than_equal": "must be at least {ge:g}; raise it",
    "greater_than": "must be more than {gt:g}; raise it",
    "less_than_equal": "must be at most {le}; lower it",
    "less_than": "must be less than {lt:g}; lower it",
    "too_short": "must have at least {min_length} entry; add one",
    "kinds": "must be {kinds}; write one of them",
    "string_too_short": "must not be empty; give it a value",
}
# pydantic's names in a union
KINDS = {"int": "a whole number", "float": "a number", "str": "text", "constrained-str": "text"}
NAME = "[key]"  # pydantic's word in a location where the name of a group, not what is in it, is wrong
NESTED = "decode"  # the field of Config whose keys are top-level keys for users
SHOWN = 120  # characters of a wrong value


class ConfigError(ValueError):
    """The user's input can't be run. `lines`: one fault each."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.lines = list(lines)
        super().__init__(self.lines)  # what pickle makes it anew of, in another process

    def __str__(self) -> str:
        return "\n".join(line.replace("\n", "\\n") for line in self.lines)  # a value may be of several


def fault_lines(error: ValidationError, schema: type) -> list[str]:
    """One line per fault that pydantic found while validating `schema`, whose fields are the known keys."""
    faults = _once(error)
    # pydantic also calls a list too short if one of its entries is wrong: keep only the innermost fault.
    inner = [
        fault
        for location, fault in faults.items()
        if not any(other[: len(location)] == location != other for other in faults)
    ]
    return [_line(fault, schema) for fault in inner]


def _once(error: ValidationError) -> dict[tuple[int | str, ...], dict[str, Any]]:
    """The faults by location. A value that fits no member of a union is one fault, not one per member."""
    faults: dict[tuple[int | str, ...], dict[str, Any]] = {}
    for fault in error.errors():
        *place, last = fault["loc"] or ("",)
        if last not in KINDS:
            faults[fault["loc"]] = dict(fault)
            continue
        rule = {**fault, "loc": tuple(place), "type": "kinds", "ctx": {"kinds": KINDS[str(last)]}}
        if earlier := faults.get(tuple(place)):
            rule["ctx"] = {"kinds": f"{earlier['ctx']['kinds']} or {KINDS[str(last)]}"}
        faults[tuple(place)] = rule
    return faults


def one_of(choices: Iterable[object]) -> str:
    return "one of " + ", ".join(str(choice) for choice in choices)


def one_in(folder: str, choices: Sequence[str], wrong: str) -> str:
    """`one_of` for files of a folder; of many those near the wrong name, and how many there are."""
    if len(choices) <= MANY:
        return one_of(choices)
    near = [name for name in choices if name.startswith(wrong)] or difflib.get_close_matches(
        wrong, choices, 5, 0.5
    )
    named = f", such as {', '.join(near[:5])}" if near else ""
    return f"one of the {len(choices)} in {folder}{named}"


def reason(error: BaseException) -> str:
    """The first line of another library's error, short enough to be quoted in one of ours."""
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    lines = text.strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__


def fault_line(error: Exception) -> str:
    """The error's type, the first line of its message and, of an accident, its place."""
    text = str(error).strip()
    line = f"{type(error).__name__}: {text.splitlines()[0] if text else 'no message'}"[:300]
    return f"{line} ({place})" if (place := place_of(error)) else line


def unknown_key(
    key: str, siblings: Iterable[str], below: Sequence[str] = (), holders: Sequence[str] = ()
) -> str:
    """The line for a key that doesn't exist.

    With it stand the choices that do have it (`holders`: "decoder=dawn"), else the keys that it may stand for: of that
    name `below`, or the closest.
    """
    parent, _, leaf = key.rpartition(".")
    known = sorted(siblings)
    near = below or [f"{parent}.{name}".lstrip(".") for name in difflib.get_close_matches(leaf, known, n=1)]
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    if holders:
        more = f" and {len(holders) - NAMED} more" if len(holders) > NAMED else ""
        hint = f"{', '.join(holders[:NAMED])}{more} {'has' if len(holders) == 1 else 'have'} it; "
    return f"{key}: unknown key; {hint}{one_of(known) if known else 'it takes no keys'}"


def _line(fault: dict[str, Any], schema: type) -> str:
    kind, context = fault["type"], fault.get("ctx") or {}
    if fault["loc"][-1:] == (NAME,):
        owner_key = ".".join(map(str, fault["loc"][:-2]))
        return f"{owner_key}: has the name {_shown(fault['input'])}, which must not be empty; give it another"
    keys, owner, others = _resolve(fault["loc"], schema)
    key = ".".join(keys)
    if kind == "unexpected_keyword_argument":
        holders = [f"{'.'.join(keys[:-1])}={_tag(other)}" for other in others if keys[-1] in _keys(other)]
        return unknown_key(key, _keys(owner) if owner else [], holders=holders)
    if kind == "missing":
        choices = _choices(owner, keys[-1]) if owner else []
        return f"{key}: missing; {one_of(choices) if choices else 'give it a value'}"
    if kind == "value_error":
        message = str(context["error"])
        return message if re.match(r"[\w.]+=", message) else f"{key}={_shown(fault['input'])}: {message}"
    if kind == "union_tag_invalid":
        return f"{key}.name={context['tag']!r}: unknown; {one_of(_quoted(context['expected_tags']))}"
    if kind == "union_tag_not_found":
        return f"{key}.name: missing; give it a value"
    if kind == "literal_error":
        return f"{key}={_shown(fault['input'])}: unknown; {one_of(_quoted(context['expected']))}"
    rule = (
        RULES[kind].format(key=key, input=_text(fault["input"]), **context) if kind in RULES else fault["msg"]
    )
    if kind == "string_type" and fault["input"] is None:
        rule = "must be text; give it a value"
    return f"{key}={_shown(fault['input'])}: {rule}"


def _resolve(location: tuple[int | str, ...], schema: type) -> tuple[list[str], type | None, list[type]]:
    """The location as the user writes it, the dataclass that owns its last key, and what might stand in its place.

    Inside a tagged union pydantic adds the tag to the location, although it is not a key.
    """
    keys: list[str] = []
    owner: Any = schema
    candidates: list[Any] = [schema]
    others: list[Any] = []
    by_name = False
    for number, step in enumerate(location):
        if not number and step == NESTED:
            candidates = _dataclasses_in(_field_type(schema, NESTED))
            owner = candidates[0]
            continue
        if isinstance(step, int):
            keys[-1] += f"[{step}]"
            continue
        if by_name:  # a name that the user chose, not a field
            keys.append(step)
            by_name = False
            continue
        tagged = [c for c in candidates if len(candidates) > 1 and _tag(c) == step]
        if tagged:
            candidates, others = tagged, candidates
            continue
        owner = next((c for c in candidates if dataclasses.is_dataclass(c)), None)
        keys.append(step)
        kind = _field_type(owner, step) if owner else None
        candidates = _dataclasses_in(kind)
        by_name = _is_mapping(kind) and bool(candidates)
    return keys, owner, others


def _keys(owner: Any) -> list[str]:
    """The fields of a settings class as the user knows them."""
    names = [item.name for item in dataclasses.fields(owner)]
    if NESTED not in names:
        return names
    names.remove(NESTED)
    return [*names, *_keys(_dataclasses_in(_field_type(owner, NESTED))[0])]


def _tag(candidate: Any) -> object:
    return next((f.default for f in dataclasses.fields(candidate) if f.name == "name"), None)


def _field_type(owner: Any, name: str) -> Any:
    return typing.get_type_hints(owner, include_extras=True).get(name)


def _choices(owner: Any, name: str) -> list[object]:
    """What a field may be: the members of a Literal, or what its Field gives as examples."""
    kind = _field_type(owner, name)
    if typing.get_origin(kind) is typing.Literal:
        return list(typing.get_args(kind))
    told = (getattr(part, "examples", None) for part in getattr(kind, "__metadata__", ()))
    return next(filter(None, told), [])


def _is_mapping(kind: Any) -> bool:
    """Whether an annotation is a mapping, plain or inside Annotated."""
    inner = typing.get_args(kind)[0] if hasattr(kind, "__metadata__") else kind
    return typing.get_origin(inner) is Mapping


def _dataclasses_in(kind: Any) -> list[Any]:
    """The dataclasses in an annotation: itself, or the members of a union or a tuple."""
    if dataclasses.is_dataclass(kind):
        return [kind]
    return [found for part in typing.get_args(kind) for found in _dataclasses_in(part)]


def _quoted(expected: str) -> list[str]:
    """pydantic's "'a', 'b' or 'c'" as a list."""
    return [part.strip().strip("'") for part in expected.replace(" or ", ", ").split(",")]


def _text(value: Any) -> str:
    """What a user would have written as text: layers are `3,5`, never `[3, 5]`."""
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _shown(value: Any) -> str:
    text = "null" if value is None else repr(value)
    return text if len(text) <= SHOWN else text[:SHOWN] + "..."
