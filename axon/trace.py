"""What a decode leaves behind for one prompt; every count and order is derived from it."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

import torch
from torch import Tensor

NOT_DECODED = -1  # in `revealed_at`: the row had ended before this position was reached

# What is counted while a row is decoded, by the names of Trace's fields.
COUNTS = (
    "gate_checks",
    "anchors",
    "axon_columns",
    "axon_sinks",
    "graph_steps",
    "empty_graph_steps",
    "graph_columns",
    "graph_sinks",
    "computed_positions",
    "logit_positions",
)


@dataclass(frozen=True)
class Trace:
    """One decoded row: G generated tokens and, for each, the 0-based pass that revealed it.

    Under `stop_at_eos` what follows the end of the text may never be decoded: it is end-of-text, revealed at
    NOT_DECODED.
    """

    prompt: tuple[int, ...]
    tokens: tuple[int, ...]  # (G,) never the mask token
    revealed_at: tuple[int, ...]  # (G,)
    axon_steps: tuple[int, ...]  # steps in which AXON's anchors were revealed, ascending
    unsupported_steps: tuple[
        int, ...
    ]  # those in which no candidate supported another mask: the fall-back chose
    nfe: int  # steps the row was in
    gate_checks: int = 0  # steps in which a gate was evaluated
    anchors: int = 0  # anchors chosen in all AXON steps together
    axon_columns: int = 0  # columns of the block that AXON looked at for sinks, summed over its steps
    axon_sinks: int = 0  # and how many of them were sinks
    graph_steps: int = 0  # steps in which the decoder drew a dependency graph (DAWN)
    empty_graph_steps: int = 0  # and in which that graph had no edge
    graph_columns: int = 0  # columns of the canvas looked at for sinks, summed over those steps
    graph_sinks: int = 0  # and how many of them were sinks
    computed_positions: int = (
        0  # positions that went through the network, summed over steps; padding not counted
    )
    logit_positions: int = 0  # positions whose logits were computed, summed over steps

    @property
    def tokens_decoded(self) -> int:
        """Generated positions that a step revealed."""
        return sum(step != NOT_DECODED for step in self.revealed_at)

    @property
    def tokens_per_step(self) -> float:
        """Tokens decoded a function evaluation."""
        return self.tokens_decoded / self.nfe

    @property
    def gate_firing_rate(self) -> float | None:
        """Share of the gate's evaluations in which AXON intervened; None where no gate was asked."""
        return len(self.axon_steps) / self.gate_checks if self.gate_checks else None

    @property
    def kendall_tau(self) -> float | None:
        """Decoding order against left to right, see `kendall_tau`; None where everything was revealed at once."""
        tau = float(kendall_tau(torch.tensor([self.revealed_at])))
        return None if math.isnan(tau) else tau

    def reveals(self) -> list[list[int]]:
        """Positions revealed in each step, ascending; a position counts from the start of the prompt."""
        positions: list[list[int]] = [[] for _ in range(self.nfe)]
        for offset, step in enumerate(self.revealed_at):
            if step != NOT_DECODED:
                positions[step].append(len(self.prompt) + offset)
        return positions

    def tokens_to_eos(self, end_ids: Collection[int]) -> int:
        """Tokens before the first end-of-text; all of them where there is none."""
        ends = (place for place, token in enumerate(self.tokens) if token in end_ids)
        return next(ends, len(self.tokens))

    def nfe_to_eos(self, end_ids: Collection[int]) -> int:
        """Steps until everything up to and with the first end-of-text was final; all where there is none."""
        return 1 + max(self.revealed_at[: self.tokens_to_eos(end_ids) + 1])


def kendall_tau(revealed_at_NG: Tensor) -> Tensor:
    """Kendall's tau-b between position and pass, (N,) float64: 1 left to right, -1 right to left, about 0 unrelated.

    Positions revealed together are ties; what was not decoded is left out; NaN where nothing is apart. From left to
    right, each position is compared with how many before it were revealed in each step.
    """
    decoded_NG, place_NG = revealed_at_NG != NOT_DECODED, revealed_at_NG - NOT_DECODED
    last = int(place_NG.max()) if place_NG.numel() else 0
    seen_NS = revealed_at_NG.new_zeros((len(revealed_at_NG), last + 1))
    agreement_N, apart_N, pairs_N = revealed_at_NG.new_zeros((3, len(revealed_at_NG)))
    for position in range(revealed_at_NG.shape[1]):
        place_N1, decoded_N1 = place_NG[:, position, None], decoded_NG[:, position, None]
        up_to_NS = seen_NS.cumsum(1)
        not_later = up_to_NS.gather(1, place_N1)
        earlier = not_later - seen_NS.gather(1, place_N1)
        all_before, later = up_to_NS[:, -1:], up_to_NS[:, -1:] - not_later
        agreement_N += torch.where(decoded_N1, earlier - later, 0)[:, 0]
        apart_N += torch.where(decoded_N1, earlier + later, 0)[:, 0]
        pairs_N += torch.where(decoded_N1, all_before, 0)[:, 0]
        seen_NS.scatter_add_(1, place_N1, decoded_N1.to(seen_NS.dtype))
    tau_N: Tensor = agreement_N / (apart_N.double() * pairs_N).sqrt()
    return tau_N
