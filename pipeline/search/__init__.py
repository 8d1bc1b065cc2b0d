"""Which settings a sweep evaluates: a space, and searches that ask for settings in it."""

from pipeline.search.grid import ask_grid
from pipeline.search.space import Ask, Candidate, GroupSettings, Outcome, Range, Region, Space

__all__ = ["SEARCHES", "Ask", "Candidate", "GroupSettings", "Outcome", "Range", "Region", "Space"]

SEARCHES: dict[str, Ask] = {"grid": ask_grid}
