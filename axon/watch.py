"""What can be told of a step while it is taken, for who wants to see why it reveals what it does.

Shapes: B rows, R rows whose gate is evaluated, F rows that anchors are chosen for, K block length.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import Tensor

    from axon.batch import Batch
    from axon.gates import GateState
    from axon.policies import Support
    from axon.state import StepState


class Watcher(Protocol):
    """Called in this order within a step, the first two only where they happen. It reads, and changes nothing."""

    def asked(self, rows_R: Tensor | None, state: GateState, fires_R: Tensor) -> None:
        """The gate was evaluated in the rows `rows_R` (None: all), and fires in some."""

    def chose(
        self, rows_F: Tensor | None, support: Support, chosen_FK: Tensor, fires_F: Tensor | None
    ) -> None:
        """Anchors were chosen for the rows `rows_F` (None: all), `chosen_FK`, bool; they count where `fires_F` (None:
        in all of these).
        """

    def stepped(self, batch: Batch, state: StepState, proposal_BK: Tensor) -> None:
        """The step is decided but not written yet; `proposal_BK` is what the base decoder would reveal, bool."""
