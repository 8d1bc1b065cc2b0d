"""The measures of cost that comparisons go along."""

from typing import NamedTuple


class Axis(NamedTuple):
    cost: str  # its name among a sample's costs
    name: str  # in sentences
    digits: int


NFE = Axis("nfe", "NFE", 1)
POSITIONS = Axis("computed_positions", "computed positions", 0)
SECONDS = Axis("seconds", "machine seconds", 3)
