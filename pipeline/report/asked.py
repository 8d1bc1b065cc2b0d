"""What a user asks of a report beside its runs: budgets to compare at, what to compare with, tables for papers."""

from __future__ import annotations

from dataclasses import dataclass

FORMATS = ("markdown", "latex", "csv", "score_tpf", "d3llm")  # written by paper/formats.py


@dataclass(frozen=True)
class Asked:
    """The defaults are those of a report that is drawn without being asked for anything."""

    nfe: tuple[float, ...] = ()  # budgets at which fronts are compared; empty: chosen from the data
    # The run, group or front that others are compared with; None: those without AXON.
    against: str | None = None
    formats: tuple[str, ...] = ()  # of FORMATS: tables for papers, each in files of its own


NOTHING = Asked()
