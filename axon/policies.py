"""How many anchors: budget policies and objectives of the greedy selection. docs/method.md, section 3.

Shapes: F rows in which the gate fired, K block length; of two K the first is who is supported, the second who supports.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from math import inf
from typing import TYPE_CHECKING, ClassVar

from axon.elementwise import and_not, where_else
from axon.reads import Reads

if TYPE_CHECKING:
    from torch import Tensor

    from axon.settings import AxonSettings

TIE_BREAK = 1e-6  # weight of a candidate's confidence between equal scores
CONFIDENCE_BONUS = 1e-3  # conflict_averse's weight of confidence


@dataclass
class Support:
    """What anchors can do for the block: the weights w and everything a policy weighs them against."""

    weights_FKK: Tensor  # w_ij, how much candidate j supports position i; 0 outside M and the candidates
    confidence_FK: Tensor  # c_j
    valid_FK: Tensor  # bool, a candidate
    masked_FK: Tensor  # bool, M
    proposal_FK: Tensor  # bool, P
    target: Callable[[], Tensor]
    conflict: Callable[[], Tensor]

    # What only some policies weigh is computed when one of them asks.

    @cached_property
    def masked_F(self) -> Tensor:
        """m_all = |M|"""
        return self.masked_FK.sum(1)

    @cached_property
    def proposed_F(self) -> Tensor:
        """|P|"""
        return self.proposal_FK.sum(1)

    @cached_property
    def target_F(self) -> Tensor:
        """F, what the base decoder's proposal would cover."""
        return self.target()

    @cached_property
    def density_F(self) -> Tensor:
        """F / |P|."""
        return self.target_F / self.proposed_F.clamp(min=1)

    @cached_property
    def conflict_FKK(self) -> Tensor:
        """Of two candidates, symmetric."""
        return self.conflict()

    @cached_property
    def cut_FK(self) -> Tensor:
        """Sum over i of w_ij, (F, K), by rows as F is: where `density` compares equals, no rounding decides."""
        return self.weights_FKK.transpose(1, 2).contiguous().sum(2)

    @cached_property
    def log_cap_F(self) -> Tensor:
        """Most anchors under a policy that bounds them by the logarithm of what is masked."""
        return log_cap(self.masked_F)

    @property
    def empty_F(self) -> Tensor:
        """Rows in which no candidate supports any position. A single masked position has none to support."""
        return and_not(self.masked_F > 1, self.weights_FKK.flatten(1).any(1))


@dataclass
class Selection:
    """The anchors chosen so far."""

    ranking_FK: Tensor  # c of the candidates that are left, minus infinity elsewhere
    chosen_FK: Tensor  # bool
    # In open rows; what is said of a closed one decides nothing, as it stays closed. None: nothing is chosen yet.
    covered_FK: Tensor | None = None  # max over chosen of w_ij, the support of position i

    @classmethod
    def none(cls, support: Support) -> Selection:
        """All candidates are left."""
        ranking_FK = where_else(support.valid_FK, support.confidence_FK, -inf)
        return cls(ranking_FK, support.valid_FK.new_zeros(support.valid_FK.shape))

    @property
    def value_F(self) -> Tensor | float:
        """Facility-location f(S), what `cover` compares with F, whatever the objective."""
        return 0.0 if self.covered_FK is None else self.covered_FK.sum(1)

    def best(self, score_FK: Tensor) -> tuple[Tensor, Tensor]:
        """Of the candidates that are left the one of the best score, (F, 1), and what it is compared by, (F, 1).

        Ties go to the more confident one, and then to the leftmost.
        """
        ranked_FK = score_FK.add(self.ranking_FK, alpha=TIE_BREAK)
        top_F1 = ranked_FK.amax(1, keepdim=True)
        # Whoever is behind the best comes after all who are not: by more than confidences differ.
        tied_FK = self.ranking_FK.add(ranked_FK < top_F1, alpha=-2.0)
        return tied_FK.argmax(1, keepdim=True), top_F1

    def add(self, support: Support, best_F1: Tensor, open_F: Tensor | None, last: bool) -> None:
        """Choose `best_F1` in the open rows (None: all); after the `last` one nobody asks what is covered or left."""
        added_F1 = True if open_F is None else self.chosen_FK.gather(1, best_F1) | open_F[:, None]
        self.chosen_FK.scatter_(1, best_F1, added_F1)
        if last:
            return
        self.ranking_FK = self.ranking_FK.scatter(1, best_F1, -inf)
        index = best_F1[:, None, :].expand(-1, support.weights_FKK.shape[1], -1)
        added_FK = support.weights_FKK.gather(2, index)[..., 0]
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

    def cap(self, support: Support) -> Tensor | None:
        """Most anchors of each row, (F,); None: as many as there are `rounds`."""
        return None

    def rounds(self, length: int, settings: AxonSettings) -> int:
        """The most anchors of any row of a block of `length` positions: known without asking the device."""
        return settings.anchors

    def score(
        self, support: Support, selection: Selection, gain_FK: Tensor, settings: AxonSettings
    ) -> Tensor:
        """What the greedy round maximises, -inf for barred candidates."""
        return gain_FK

    def stop(self, support: Support, selection: Selection, gain_F: Tensor, score_F: Tensor) -> Tensor:
        """Rows that are done, given the gain and score of the best next anchor."""
        return gain_F <= 0


class Cover(Fixed):
    """Until the anchors support as much as the base decoder's proposal, at most ceil(log2(m + 1))."""

    def settings_read(self, settings: AxonSettings) -> tuple[str, ...]:
        return ("min_anchors", "objective")

    def cap(self, support: Support) -> Tensor:
        return support.log_cap_F

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
        self, support: Support, selection: Selection, gain_FK: Tensor, settings: AxonSettings
    ) -> Tensor:
        chosen_FKK = support.conflict_FKK * selection.chosen_FK[:, None, :]
        charge_FK = chosen_FKK.sum(2)
        cost_F = median_gain(gain_FK) / support.log_cap_F
        price_F = cost_F * (selection.chosen_FK.sum(1) + 1)
        score_FK = gain_FK + CONFIDENCE_BONUS * support.confidence_FK - charge_FK - price_F[:, None]
        return score_FK.masked_fill_(chosen_FKK.amax(2) > settings.conflict_threshold, -inf)

    def stop(self, support: Support, selection: Selection, gain_F: Tensor, score_F: Tensor) -> Tensor:
        return (gain_F <= 0) | (score_F <= 0)


POLICIES: dict[str, Fixed] = {
    "fixed": Fixed(),
    "cover": Cover(),
    "density": Density(),
    "conflict_averse": ConflictAverse(),
}


def facility_gain(support: Support, selection: Selection) -> Tensor:
    """Facility location: what each candidate adds to sum_i max_j w_ij, (F, K)."""
    if selection.covered_FK is None:
        return support.weights_FKK.sum(1)
    return (support.weights_FKK - selection.covered_FK[..., None]).clamp(min=0).sum(1)


def cut_gain(support: Support, selection: Selection) -> Tensor:
    """Graph cut: what each candidate adds to sum_i sum_j w_ij, (F, K)."""
    return support.cut_FK


OBJECTIVES = {"facility_location": facility_gain, "graph_cut": cut_gain}


def log_cap(masked_F: Tensor) -> Tensor:
    """ceil(log2(m + 1)), in whole numbers: log2 of a power of two may come out a hair above."""
    powers = 2 ** (masked_F.new_ones(32).cumsum(0) - 1)
    return (powers <= masked_F[:, None]).sum(1)


def median_gain(gain_FK: Tensor) -> Tensor:
    """The median of the positive gains of each row (the lower of two), 0 where none is positive."""
    positive_FK = gain_FK > 0
    count_F = positive_FK.sum(1)
    ordered_FK = where_else(positive_FK, gain_FK, inf).sort(1).values
    middle_F = ordered_FK.gather(1, ((count_F - 1).clamp(min=0) // 2)[:, None])[:, 0]
    return where_else(count_F > 0, middle_F, 0.0)
