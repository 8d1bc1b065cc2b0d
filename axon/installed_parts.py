"""What packages may have more of: decoders, gates and budget policies. docs/extending.md.

Not imported by axon/decoders/__init__.py and axon/own_rules.py, which such a package's own files import.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import fields
from typing import Any, Literal, cast, get_type_hints

from axon.decoders import DECODERS, DecoderSettings
from axon.decoders.base import Decoder
from axon.gates import GATES
from axon.installed import Part, installed, usable
from axon.own_rules import OwnGate, OwnPolicy
from axon.policies import POLICIES


def _other_name(name: str, kind: type) -> Iterator[str]:
    """A decoder's settings hold its name."""
    if get_type_hints(kind)["name"] != Literal[name] or getattr(kind, "name", None) != name:
        yield f'has another name than its entry point; write name: Literal["{name}"] = "{name}"'


DECODER = Part("axon.decoders", "decoder.name", Decoder, lambda: DECODERS, _other_name)
GATE = Part("axon.gates", "axon.gate", OwnGate, lambda: GATES)
# Not a gate's name either: `axon.own` holds the settings of both by their names.
POLICY = Part("axon.policies", "axon.policy", OwnPolicy, lambda: {*POLICIES, *GATES, *installed(GATE).kinds})
PARTS = (DECODER, GATE, POLICY)
RULES_HERE: dict[Part, Collection[str]] = {GATE: GATES, POLICY: POLICIES}


def installed_kinds() -> Iterator[tuple[Part, str, type[Any]]]:
    """Every class that can be used, with its name."""
    return ((part, name, kind) for part in PARTS for name, kind in installed(part).kinds.items())


def all_decoders() -> dict[str, type[DecoderSettings]]:
    """By name those here and the installed ones. Raises ValueError, one line, where one of these can't be used."""
    # To type checkers they are of the union, which can name only what is here.
    return {**DECODERS, **cast("Mapping[str, type[DecoderSettings]]", usable(DECODER))}


def rule_keys() -> dict[str, list[str]]:
    """By name the settings of each installed gate and policy. Raises as `all_rules`."""
    kinds = {**usable(GATE), **usable(POLICY)}
    return {name: [field.name for field in fields(kind)] for name, kind in kinds.items()}


def all_rules(part: Part) -> list[str]:
    """The names of the gates or the policies, those here and the installed ones.

    Raises ValueError, one line, where one of these can't be used.
    """
    return [*RULES_HERE[part], *usable(part)]
