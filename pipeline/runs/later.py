"""What other code wrote, most often a later version of this tool, told from what is damaged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from pydantic import ValidationError

from axon.checks import UnknownName
from pipeline.environment import PROJECT, this_environment
from pipeline.errors import ConfigError
from pipeline.inputs.installed_kinds import FAULTS

# A key, or a choice among named ones: neither is what a disk or an editor makes of a whole file.
NEW_KEYS = ("unexpected_keyword_argument", "extra_forbidden")
NEW_CHOICES = ("literal_error", "union_tag_invalid")
DIGITS = 7  # of a commit
REMEDY = f"update {PROJECT}, or compare what can be read of its results:"
KEEPS = f"update {PROJECT}, or leave it as it is and choose another folder with out=..."  # for who would write there


class LaterVersion(ConfigError):
    """A file that is whole, with what this version doesn't know."""


class Unknown(NamedTuple):
    """What this version doesn't know, in words, and what is to be tried before an update: `install it, or `."""

    what: str
    first: str = ""


def unknown_part(error: ValidationError) -> Unknown | None:
    """None where anything else is wrong as well."""
    faults = error.errors()
    rules = [fault.get("ctx", {}).get("error") for fault in faults]
    if any(
        fault["type"] not in (*NEW_KEYS, *NEW_CHOICES) and not isinstance(rule, UnknownName)
        for fault, rule in zip(faults, rules, strict=True)
    ):
        return None
    first, rule = faults[0], rules[0]
    if isinstance(rule, UnknownName):  # a gate or a policy
        return _not_here(rule.key, rule.name, rule.key)
    place = ".".join(map(str, first["loc"]))
    if first["type"] in NEW_KEYS:
        return Unknown(f"the key {place}")
    choice = first.get("ctx", {}).get("tag", first["input"])
    if first["type"] != "union_tag_invalid":
        return Unknown(f"{place}: {choice!r}"[:100])
    return _not_here("decoder.name", str(choice), place)


def _not_here(key: str, name: str, place: str) -> Unknown:
    """A decoder, a gate or a policy."""
    if known := FAULTS.get((key, name)):
        return Unknown(known)
    what = f"{place}: {name!r}, of a package that isn't installed here, or of a later version"
    return Unknown(what, "install that package, or ")


def writer(loaded: Mapping[str, Any]) -> str:
    """Which version wrote this run.json, as far as it says so: `axon-sweeps 0.3.0, commit 0d755d7`."""
    said = loaded.get("environment")
    own = said if isinstance(said, Mapping) else {}
    version, commit = own.get("project"), own.get("commit")
    parts = [f"{PROJECT} {version}"] if isinstance(version, str) else []
    parts += [f"commit {commit[:DIGITS]}"] if isinstance(commit, str) else []
    return ", ".join(parts) or "which doesn't say which it is"


def this_version() -> str:
    """`0.1.0, commit 0d755d7`."""
    own = this_environment()
    parts = [own.project or "", f"commit {own.commit[:DIGITS]}" if own.commit else ""]
    return ", ".join(filter(None, parts)) or "this one"
