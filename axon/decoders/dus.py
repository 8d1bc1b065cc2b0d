"""Dilated unmasking (DUS): which positions are revealed together is planned before decoding, coarse to fine.

Shapes: B rows, K block length.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar, Literal

from axon.checks import check_range, check_whole
from axon.decoders.base import Decoder
from axon.proposal import Proposal

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from axon.state import StepState


@dataclass
class DusState:
    """Where each row is in its plan."""

    group_BK: Tensor  # the number of each position's group, always the same
    tried_BK: Tensor  # bool, positions of the block whose group has had its step


@dataclass(frozen=True, kw_only=True)
class Dus(Decoder):
    """A group of evenly spaced positions a step, each group between those before it: about log(K) / log(base) steps.

    Of a group, what has c >= `threshold`; the others are tried again with the next one, and the last step of a block
    reveals all that is left. Luxembourg et al., arXiv 2506.19037; omerlux/DUS.
    """

    leeway_of: ClassVar[str] = "threshold"

    name: Literal["dus"] = "dus"
    base: int = 2  # by which the spacing falls from group to group
    base_skip: int = 1  # the first spacing is K / base^base_skip
    threshold: float = 0.3

    def __post_init__(self) -> None:
        check_whole("decoder.base", self.base, 2)
        check_whole("decoder.base_skip", self.base_skip, 1)
        check_range("decoder.threshold", self.threshold, 0.0, 1.0)

    def most_steps(self, gen_length: int, block_length: int, delays: int, all_open: bool) -> int:
        """Each is the first one of a group, or one in which AXON holds back what the last group's would reveal."""
        if not all_open:
            return block_length
        return min(block_length, 1 + max(dilated_groups(block_length, self.base, self.base_skip)) + delays)

    def new_state(
        self, rows: int, gen_length: int, block_length: int, vocab_size: int, device: torch.device
    ) -> DusState:
        import torch  # here, so that settings can be checked without torch

        group_K = torch.tensor(dilated_groups(block_length, self.base, self.base_skip), device=device)
        group_BK = group_K.repeat(rows, 1)
        return DusState(group_BK, torch.zeros_like(group_BK, dtype=torch.bool))

    def propose(self, state: StepState) -> Proposal:
        """The first group with a masked position that was not tried yet has its turn; none is left in the last step."""
        seen, masked_BK = state.decoder_state, state.masked_BK
        assert isinstance(seen, DusState)
        tried_BK = seen.tried_BK & (state.block_step_B > 0)[:, None]
        beyond = masked_BK.shape[1]
        turn_B1 = seen.group_BK.where(masked_BK & ~tried_BK, beyond).amin(1, keepdim=True)
        due_BK = masked_BK & (tried_BK | (seen.group_BK == turn_B1))
        seen.tried_BK = tried_BK | due_BK
        waits_B1 = (masked_BK & ~due_BK).any(1, keepdim=True)
        sure_BK = state.confidence_BK >= self.threshold
        return Proposal(due_BK & (sure_BK | ~waits_B1), by_threshold=lambda: due_BK & waits_B1)


@lru_cache(maxsize=64)
def dilated_groups(length: int, base: int, base_skip: int) -> tuple[int, ...]:
    """The group of each position of a block, counted from 0; groups have their steps in this order.

    Group t are the multiples of length // base^(base_skip + t) that no group before it has, and the last one what no
    spacing reaches. Where the last one has fewer positions than the one before it, the two are one.
    """
    spacings, spacing = [], length // base**base_skip
    while spacing:
        spacings.append(spacing)
        spacing //= base
    groups = [
        next((t for t, spacing in enumerate(spacings) if place % spacing == 0), len(spacings))
        for place in range(length)
    ]
    last = max(groups)
    if last and groups.count(last) < groups.count(last - 1):
        groups = [min(group, last - 1) for group in groups]
    return tuple(groups)
