"""Typed values that change nothing: those of AXON that the gate and the policy don't read, and replaced ones."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from pipeline.inputs.command_line import key_of
from pipeline.inputs.dotted import flatten
from pipeline.planning.setting import Setting

GROUP = "axon."


def unread(arguments: Sequence[str], settings: Collection[Setting]) -> list[str]:
    """A line for each word of the command line that changes nothing."""
    return [
        f"{word}: changes nothing, since {_who(settings)} not read it"
        for word in arguments
        if "=" in word and key_of(word).startswith(GROUP)
        if not any(_reads(setting, key_of(word).removeprefix(GROUP)) for setting in settings)
    ]


def repeated(arguments: Sequence[str]) -> list[str]:
    """A line for each value that a later word of the command line replaces."""
    last = {
        key_of(word): place
        for place, word in enumerate(arguments)
        if "=" in word and not word.startswith("-")
    }
    return [
        f"{word}: changes nothing, since {arguments[last[key_of(word)]]} comes after it"
        for place, word in enumerate(arguments)
        if place < last.get(key_of(word), 0)
    ]


def _reads(setting: Setting, key: str) -> bool:
    """The identity holds what is read, but for a budget that counts as by default."""
    if setting.foreign or key == "budget_counts":
        return setting.foreign or setting.uses_axon
    parts = setting.identity["axon"], setting.identity["decoder"]  # DAWN reads AXON's layers and sinks
    return any(key in flatten(part) for part in parts)


def _who(settings: Collection[Setting]) -> str:
    chosen = {(own.decode.axon.gate, own.decode.axon.policy) for own in settings if own.uses_axon}
    if not chosen:
        return "AXON is off, which does"
    if len(chosen) > 1:
        return "the gates and policies here do"
    [(gate, policy)] = chosen
    return f"gate {gate} with policy {policy} does"
