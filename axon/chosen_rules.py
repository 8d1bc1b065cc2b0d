"""Which rules of their own AXON's settings have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from axon.checks import UnknownName, check_not_async, check_text, methods_of, shown
from axon.installed import usable
from axon.installed_parts import GATE, POLICY, RULES_HERE, all_rules
from axon.own_rules import OwnRule, OwnRules


def chosen_rules(gate: str, policy: str, given: Mapping[str, Any]) -> OwnRules:
    """Those given, made where they are data, and at its defaults what the names mean without being given.

    Raises UnknownName for a name that nothing has, and ValueError, one line, for what makes no rule.
    """
    if not isinstance(given, Mapping):
        raise ValueError(
            f"axon.own={shown(given)}: must be a group of rules by name; write {{NAME: {{key: value}}}}"
        )
    found = OwnRules()
    for part, name in ((GATE, gate), (POLICY, policy)):
        check_text(part.key, name)
        if name in RULES_HERE[part]:
            continue
        if not isinstance(given.get(name), OwnRule) and name not in usable(part):
            raise UnknownName(part.key, name, all_rules(part))
        rule = _made(name, given.get(name, {}))
        if not isinstance(rule, part.base):
            raise ValueError(
                f"{part.key}={name!r}: {type(rule).__name__} is not derived from {part.base.__name__}; name another"
            )
        found[name] = rule
    return OwnRules({**{name: _made(name, values) for name, values in given.items()}, **found})


def _made(name: str, given: Any) -> OwnRule:
    """The rule of that name: itself, or the installed one with these settings."""
    key = f"axon.own.{name}"
    if any(name in here for here in RULES_HERE.values()):
        raise ValueError(
            f"{key}={shown(given)}: is the name of a rule that is here, whose settings are AXON's; rename yours"
        )
    if isinstance(given, OwnRule):
        for method in methods_of(type(given)):
            check_not_async(f"{key}.{method}", getattr(given, method))
        return given
    kinds = {**usable(GATE), **usable(POLICY)}
    if name not in kinds:
        raise UnknownName("axon.own", name, kinds)
    if not isinstance(given, Mapping):
        raise ValueError(f"{key}={shown(given)}: must be a group of key: value; write {{key: value}}")
    kind = kinds[name]
    known = [field.name for field in fields(kind)]
    for unknown in set(given) - set(known):
        raise ValueError(
            f"{key}.{unknown}={shown(given[unknown])}: unknown key; one of {', '.join(known) or 'none'}"
        )
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
    try:
        rule: OwnRule = kind(**values)
    except TypeError as error:  # a check of its own that compares what can't be compared
        raise ValueError(f"{key}={shown(given)}: {error}; correct the values") from error
    return rule
