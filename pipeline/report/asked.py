"""What a user asks of a report beside its runs: budgets to compare at, what to compare with, tables for papers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Asked:
    """The defaults are those of a report that is drawn without being asked for anything."""

    nfe: tuple[float, ...] = ()  # budgets at which fronts are compared; empty: chosen from the data
    against: str | None = None  # the group that the others are compared with; None: those without AXON
    formats: tuple[str, ...] = ()  # names in formats.FORMATS


NOTHING = Asked()
