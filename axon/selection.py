"""The greedy selection of anchors, round by round. docs/method.md, section 3.

Shapes: F rows in which the gate fired, K block length, T rounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import inf
from typing import NamedTuple

import torch
from torch import Tensor

from axon.elementwise import and_not, where_else
from axon.policies import Support

TIE_BREAK = 1e-6  # weight of a candidate's confidence between equal scores


@dataclass
class Selection:
    """The anchors chosen so far, one a round.

    Rows that are done have more chosen like the others, which is not counted: to ask in each round which rows are done
    would take a GPU longer than to ask once, after all rounds.
    """

    valid_FK: Tensor  # bool, a candidate
    ranking_FK: Tensor  # c of the candidates that are left, minus infinity elsewhere
    count: int = 0
    covered_FK: Tensor | None = None  # max over chosen of w_ij, the support of position i; None: nothing is

    @classmethod
    def none(cls, support: Support) -> Selection:
        """All candidates are left."""
        return cls(support.valid_FK, where_else(support.valid_FK, support.confidence_FK, -inf))

    @property
    def chosen_FK(self) -> Tensor:
        """Which those are, bool."""
        return and_not(self.valid_FK, self.ranking_FK > -inf)

    def best(self, score_FK: Tensor) -> tuple[Tensor, Tensor]:
        """Of the candidates that are left the one of the best score, (F, 1), and what it is compared by, (F, 1).

        Ties go to the more confident one, and then to the leftmost.
        """
        ranked_FK = score_FK.add(self.ranking_FK, alpha=TIE_BREAK)
        top_F1 = ranked_FK.amax(1, keepdim=True)
        # Whoever is behind the best comes after all who are not: by more than confidences differ.
        tied_FK = self.ranking_FK.add(ranked_FK < top_F1, alpha=-2.0)
        return tied_FK.argmax(1, keepdim=True), top_F1

    def add(self, support: Support, best_F1: Tensor) -> None:
        """Choose `best_F1`."""
        self.count += 1
        self.ranking_FK.scatter_(1, best_F1, -inf)
        index = best_F1[:, None, :].expand(-1, support.weights_FKK.shape[1], -1)
        added_FK = support.weights_FKK.gather(2, index)[..., 0]
        self.covered_FK = added_FK if self.covered_FK is None else self.covered_FK.maximum(added_FK)


class Round(NamedTuple):
    """What a round of the selection found, in rows that were done before it, too."""

    best_F1: Tensor  # the best candidate
    top_F1: Tensor  # what it is compared by; minus infinity where none was left
    gain_FK: Tensor
    score_FK: Tensor
    covered_FK: Tensor | None  # before it, as in Selection


@dataclass(frozen=True)
class Rounds:
    """T rounds, each after some other."""

    rounds: Sequence[Round]

    @cached_property
    def best_FT(self) -> Tensor:
        """The best candidates."""
        return torch.cat([one.best_F1 for one in self.rounds], 1)

    @cached_property
    def top_FT(self) -> Tensor:
        """What they are compared by."""
        return torch.cat([one.top_F1 for one in self.rounds], 1)

    @cached_property
    def gain_FT(self) -> Tensor:
        """What they add."""
        return self._of_best([one.gain_FK for one in self.rounds])

    @cached_property
    def score_FT(self) -> Tensor:
        """Their scores."""
        return self._of_best([one.score_FK for one in self.rounds])

    @cached_property
    def value_FT(self) -> Tensor:
        """Facility-location f(S) of the anchors before them, what `cover` compares with F, whatever the objective."""
        covered = [one.covered_FK for one in self.rounds if one.covered_FK is not None]  # in all of them
        return torch.stack(covered, 1).sum(2)

    def _of_best(self, values: list[Tensor]) -> Tensor:
        return torch.stack(values, 1).gather(2, self.best_FT[..., None])[..., 0]
