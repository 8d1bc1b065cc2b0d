"""Which settings a sweep evaluates: a space, and searches that ask for settings in it."""

from pipeline.search.decodes import Decodes
from pipeline.search.grid import ask_grid
from pipeline.search.refine import ask_refine
from pipeline.search.space import (
    CHOICES,
    Ask,
    Candidate,
    Dimension,
    GroupSettings,
    Outcome,
    Range,
    Region,
    Space,
    existing,
    is_name,
)

__all__ = [
    "ASK_ONCE",
    "CHOICES",
    "OPTUNA",
    "SEARCHES",
    "Ask",
    "Candidate",
    "Decodes",
    "Dimension",
    "GroupSettings",
    "Outcome",
    "Range",
    "Region",
    "Space",
    "existing",
    "is_name",
]

SEARCHES: dict[str, Ask] = {"grid": ask_grid, "refine": ask_refine}
OPTUNA = "optuna"  # made for a plan, as it starts from the composed values (optuna_search.py)
ASK_ONCE = frozenset({"grid"})  # searches that never ask again: all of their settings are known at the start
