"""How many anchors: budget policies and objectives of the greedy selection. docs/method.md, section 3.

Shapes: F rows in which the gate fired, K block length, C candidates in rank order (most confident first).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from math import inf
from typing import TYPE_CHECKING, ClassVar

from axon.reads import Reads

if TYPE_CHECKING:
    from torch import Tensor

    from axon.settings import AxonSettings

CONFIDENCE_BONUS = 1e-3  # conflict_averse's weight of confidence


@dataclass
class Support:
    """What anchors can do for the block: the weights w and everything a policy weighs them against."""

    weights_FKC: Tensor  # w_ij, how much candidate j supports position i; 0 outside M and C
    confidence_FC: Tensor  # c_j
    valid_FC: Tensor  # bool, a candidate
    masked_F: Tensor  # m_all = |M|
    proposed_F: Tensor  # |P|
    target: Callable[[], Tensor]
    conflict: Callable[[], Tensor]

    # What only some policies weigh is computed when one of them asks.

    @cached_property
    def target_F(self) -> Tensor:
        """F, what the base decoder's proposal would cover."""
        return self.target()

    @cached_property
    def density_F(self) -> Tensor:
        """F / |P|."""
        return self.target_F / self.proposed_F.clamp(min=1)

    @cached_property
    def conflict_FCC(self) -> Tensor:
        """Of two candidates, symmetric."""
        return self.conflict()

    @property
    def empty_F(self) -> Tensor:
        """Rows in which no candidate supports any position. A single masked position has none to support."""
        return ~(self.weights_FKC > 0).flatten(1).any(1) & (self.masked_F > 1)


@dataclass
class Selection:
    """The anchors chosen so far."""

    chosen_FC: Tensor  # bool
    # In open rows; what is said of a closed one decides nothing, as it stays closed. None: nothing is chosen yet.
    covered_FK: Tensor | None = None  # max over chosen of w_ij, the support of position i

    @property
    def value_F(self) -> Tensor | float:
        """Facility-location f(S), what `cover` compares with F, whatever the objective."""
        return 0.0 if self.covered_FK is None else self.covered_FK.sum(1)

    def add(self, support: Support, best_F1: Tensor, open_F: Tensor, last: bool) -> None:
        """Choose candidate `best_F1` in the open rows; after the `last` one nobody asks what is covered."""
        self.chosen_FC.scatter_(1, best_F1, self.chosen_FC.gather(1, best_F1) | open_F[:, None])
        if last:
            return
        index = best_F1[:, None, :].expand(-1, support.weights_FKC.shape[1], -1)
        added_FK = support.weights_FKC.gather(2, index)[..., 0]
        self.covered_FK = added_FK if self.covered_FK is None else self.covered_FK.maximum(added_FK)


class Fixed:
    """k anchors.

    A policy declares what its weights are made of: "block", attention among the block's positions as it is, or
    "sequence", with the sinks left out, whose column means are taken over the rows that `sink_rows` names.
    """

    reads: ClassVar[Reads] = "sequence"

    def settings_read(self, settings: AxonSettings) -> tuple[str, ...]:
        """Names of the settings that decide which anchors are chosen. Objectives agree on the first anchor."""
        several = max(settings.anchors, settings.min_anchors) > 1
        return ("anchors", "min_anchors", "objective") if several else ("anchors", "min_anchors")

    def cap(self, support: Support, settings: AxonSettings) -> Tensor:
        """Most anchors of each row."""
        return support.masked_F.new_full(support.masked_F.shape, settings.anchors)

    def rounds(self, length: int, settings: AxonSettings) -> int:
        """The largest `cap` of any row of a block of `length` positions: known without asking the device."""
        return settings.anchors

    def score(
        self, support: Support, selection: Selection, gain_FC: Tensor, settings: AxonSettings
    ) -> Tensor:
        """What the greedy round maximises, -inf for barred candidates."""
        return gain_FC

    def stop(self, support: Support, selection: Selection, gain_F: Tensor, score_F: Tensor) -> Tensor:
        """Rows that are done, given the gain and score of the best next anchor."""
        return gain_F <= 0


class Cover(Fixed):
    """Until the anchors support as much as the base decoder's proposal, at most ceil(log2(m + 1))."""

    def settings_read(self, settings: AxonSettings) -> tuple[str, ...]:
        return ("min_anchors", "objective")

    def cap(self, support: Support, settings: AxonSettings) -> Tensor:
        return log_cap(support.masked_F)

    def rounds(self, length: int, settings: AxonSettings) -> int:
        return length.bit_length()

    def stop(self, support: Support, selection: Selection, gain_F: Tensor, score_F: Tensor) -> Tensor:
        return (gain_F <= 0) | (support.target_F <= selection.value_F)


class Density(Cover):
    """Until the best next anchor adds less than a proposed position does on average."""

    def stop(self, support: Support, selection: Selection, gain_F: Tensor, score_F: Tensor) -> Tensor:
        return (gain_F <= 0) | (gain_F < support.density_F)


class ConflictAverse(Cover):
    """Non-monotone: candidates that conflict with chosen anchors are barred or penalised, and each anchor costs.

    The cost is the median of the gains that are left in this round, over the cap.
    """

    def settings_read(self, settings: AxonSettings) -> tuple[str, ...]:
        return ("min_anchors", "objective", "conflict_threshold")

    def score(
        self, support: Support, selection: Selection, gain_FC: Tensor, settings: AxonSettings
    ) -> Tensor:
        chosen_FCC = support.conflict_FCC * selection.chosen_FC[:, None, :]
        charge_FC = chosen_FCC.sum(2)
        cost_F = median_gain(gain_FC) / log_cap(support.masked_F)
        price_F = cost_F * (selection.chosen_FC.sum(1) + 1)
        score_FC = gain_FC + CONFIDENCE_BONUS * support.confidence_FC - charge_FC - price_F[:, None]
        return score_FC.masked_fill(chosen_FCC.amax(2) > settings.conflict_threshold, -inf)

    def stop(self, support: Support, selection: Selection, gain_F: Tensor, score_F: Tensor) -> Tensor:
        return (gain_F <= 0) | (score_F <= 0)


POLICIES: dict[str, Fixed] = {
    "fixed": Fixed(),
    "cover": Cover(),
    "density": Density(),
    "conflict_averse": ConflictAverse(),
}


def facility_gain(support: Support, selection: Selection) -> Tensor:
    """Facility location: what each candidate adds to sum_i max_j w_ij, (F, C)."""
    if selection.covered_FK is None:
        return support.weights_FKC.sum(1)
    return (support.weights_FKC - selection.covered_FK[..., None]).clamp(min=0).sum(1)


def cut_gain(support: Support, selection: Selection) -> Tensor:
    """Graph cut: what each candidate adds to sum_i sum_j w_ij, (F, C)."""
    return support.weights_FKC.sum(1)


OBJECTIVES = {"facility_location": facility_gain, "graph_cut": cut_gain}


def log_cap(masked_F: Tensor) -> Tensor:
    """ceil(log2(m + 1)), in whole numbers: log2 of a power of two may come out a hair above."""
    powers = 2 ** (masked_F.new_ones(32).cumsum(0) - 1)
    return (powers <= masked_F[:, None]).sum(1)


def median_gain(gain_FC: Tensor) -> Tensor:
    """The median of the positive gains of each row (the lower of two), 0 where none is positive."""
    ordered_FC = gain_FC.where(gain_FC > 0, inf).sort(1).values
    count_F = (gain_FC > 0).sum(1)
    middle_F = ordered_FC.gather(1, ((count_F - 1).clamp(min=0) // 2)[:, None])[:, 0]
    return middle_F.where(count_F > 0, 0.0)
