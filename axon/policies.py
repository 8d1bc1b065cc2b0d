"""How many anchors: budget policies and objectives of the greedy selection. docs/method.md, section 3.

Shapes: F rows in which the gate fired, K block length; of two K the first is who is supported, the second who supports.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from math import inf, nan
from typing import TYPE_CHECKING, ClassVar

from axon.elementwise import and_not
from axon.reads import Reads

if TYPE_CHECKING:
    from torch import Tensor

    from axon.selection import Rounds, Selection
    from axon.settings import AxonSettings

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
    def bonus_FK(self) -> Tensor:
        """What confidence adds to a score of `conflict_averse`."""
        return CONFIDENCE_BONUS * self.confidence_FK

    @cached_property
    def log_cap_F(self) -> Tensor:
        """Most anchors under a policy that bounds them by the logarithm of what is masked."""
        return log_cap(self.masked_F)

    @property
    def empty_F(self) -> Tensor:
        """Rows in which no candidate supports any position. A single masked position has none to support."""
        return and_not(self.masked_F > 1, self.weights_FKK.flatten(1).any(1))


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

    def stop(self, support: Support, found: Rounds) -> Tensor:
        """Whether rows are done before each of those rounds, (F, T) bool."""
        return found.gain_FT <= 0


class Cover(Fixed):
    """Until the anchors support as much as the base decoder's proposal, at most ceil(log2(m + 1))."""

    def settings_read(self, settings: AxonSettings) -> tuple[str, ...]:
        return ("min_anchors", "objective")

    def cap(self, support: Support) -> Tensor:
        return support.log_cap_F

    def rounds(self, length: int, settings: AxonSettings) -> int:
        return length.bit_length()

    def stop(self, support: Support, found: Rounds) -> Tensor:
        return (found.gain_FT <= 0) | (support.target_F[:, None] <= found.value_FT)


class Density(Cover):
    """Until the best next anchor adds less than a proposed position does on average."""

    def stop(self, support: Support, found: Rounds) -> Tensor:
        return (found.gain_FT <= 0) | (found.gain_FT < support.density_F[:, None])


class ConflictAverse(Cover):
    """Non-monotone: candidates that conflict with chosen anchors are barred or penalised, and each anchor costs.

    The cost is the median of the gains that are left in this round, over the cap.
    """

    def settings_read(self, settings: AxonSettings) -> tuple[str, ...]:
        return ("min_anchors", "objective", "conflict_threshold")

    def score(
        self, support: Support, selection: Selection, gain_FK: Tensor, settings: AxonSettings
    ) -> Tensor:
        price_F = median_gain(gain_FK) / support.log_cap_F * (selection.count + 1)
        if not selection.count:  # there is nothing to be in conflict with
            return gain_FK + support.bonus_FK - price_F[:, None]
        chosen_FKK = support.conflict_FKK * selection.chosen_FK[:, None, :]
        score_FK = gain_FK + support.bonus_FK - chosen_FKK.sum(2) - price_F[:, None]
        return score_FK.masked_fill_(chosen_FKK.amax(2) > settings.conflict_threshold, -inf)

    def stop(self, support: Support, found: Rounds) -> Tensor:
        return (found.gain_FT <= 0) | (found.score_FT <= 0)


POLICIES: dict[str, Fixed] = {
    "fixed": Fixed(),
    "cover": Cover(),
    "density": Density(),
    "conflict_averse": ConflictAverse(),
}


def policy_of(settings: AxonSettings) -> Fixed:
    """The policy that the settings name: one of POLICIES, or a rule of their own.

    Raises ValueError, one line, where its entry in POLICIES is none.
    """
    name = settings.policy
    policy: object = POLICIES[name] if name in POLICIES else settings.own[name]
    if isinstance(policy, Fixed):
        return policy
    kind = policy if isinstance(policy, type) else type(policy)
    made = isinstance(policy, type) and issubclass(policy, Fixed)
    remedy = f"write {kind.__name__}() there" if made else "derive its class from Fixed"
    what = "a class" if isinstance(policy, type) else "no policy"
    raise ValueError(f"axon.policy={name!r}: {kind.__name__}, its entry in POLICIES, is {what}; {remedy}")


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
    """ceil(log2(m + 1)), in whole numbers, as log2 of a power of two may come out a hair above: the digits of m."""
    return masked_F.double().frexp().exponent


def median_gain(gain_FK: Tensor) -> Tensor:
    """The median of the positive gains of each row (the lower of two), 0 where none is positive."""
    return gain_FK.masked_fill(gain_FK <= 0, nan).nanmedian(1).values.nan_to_num(0.0)
