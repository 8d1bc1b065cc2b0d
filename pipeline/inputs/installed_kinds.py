"""What a config may name beside what is here: decoders, gates and budget policies of installed packages."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import field, make_dataclass
from typing import TYPE_CHECKING, Any, Union, get_args

from pydantic import TypeAdapter, ValidationError

from axon.decoders import DecoderSettings
from axon.installed import Part, installed, told
from axon.installed_parts import DECODER, GATE, PARTS, POLICY
from pipeline.errors import ConfigError, fault_line, fault_lines

# (key that names it, name) -> why one that is installed can't be used
FAULTS: dict[tuple[str, str], str] = {
    (part.key, name): line for part in PARTS for name, line in installed(part).faults.items()
}


def _readable(part: Part) -> dict[str, type[Any]]:
    """By name those that pydantic can read; the others are faults."""
    kinds = {}
    for name, kind in installed(part).kinds.items():
        if (rule := _unreadable(kind)) is None:
            kinds[name] = kind
        else:
            FAULTS[part.key, name] = told(part, name, f"{kind.__module__}:{kind.__name__}", rule)
    return kinds


def _unreadable(kind: type[Any]) -> str | None:
    """Why a setting of the class can't be read from a config, with the remedy."""
    try:
        kind()
    except Exception as error:  # whatever its own checks raise
        return f"can't be made of its defaults ({fault_line(error)}); correct it"
    try:
        TypeAdapter(kind).validate_json("{}")
    except Exception as error:  # of a type that it knows nothing of, in many ways
        what = " ".join(str(error).split())[:200]
        return f"has settings that can't be read ({what}); give them numbers, texts, truth values or lists of these"
    return None


if TYPE_CHECKING:
    AnyDecoder = DecoderSettings
else:
    # One type for all that pydantic can read.
    AnyDecoder = Union[(*get_args(DecoderSettings), *_readable(DECODER).values())]

_RULES = {**_readable(GATE), **_readable(POLICY)}
_STRICT = {"__pydantic_config__": {"extra": "forbid"}}
# The keys of a config that lead to them, so that a fault is told with its own.
_OWN = make_dataclass(
    "_OWN",
    [(name, kind, field(default_factory=kind)) for name, kind in _RULES.items()],
    frozen=True,
    namespace=_STRICT,
)
_AXON = make_dataclass("_AXON", [("own", _OWN)], frozen=True)
_TREE = make_dataclass("_TREE", [("axon", _AXON)], frozen=True)
_ADAPTER: TypeAdapter[Any] = TypeAdapter(_TREE)


def read_own(axon: Any) -> Any:
    """The keys of `axon` with the settings of own rules as the rules' classes read them, defaults included.

    Raises ConfigError, one line per fault. What isn't of an installed rule stays, for AXON's settings to refuse.
    """
    own = axon.get("own") if isinstance(axon, Mapping) else None
    if not isinstance(own, Mapping) or not (given := {name: own[name] for name in own if name in _RULES}):
        return axon
    try:
        read = _ADAPTER.validate_json(json.dumps({"axon": {"own": given}}), strict=True)
    except ValidationError as error:
        raise ConfigError(fault_lines(error, _TREE)) from None
    found: Any = _ADAPTER.dump_python(read, mode="json")["axon"]["own"]
    return {**axon, "own": {**own, **{name: found[name] for name in given}}}
