"""Whether AXON and DAWN had anything to choose by, and whether decoders held tokens back, guessed or took any back.

Without support, edges, conflicts, kept guesses or revised tokens a result says nothing about the method.
"""

from __future__ import annotations

from dataclasses import dataclass

from axon.counts import COUNTS, Counts
from axon.trace import Trace


@dataclass(frozen=True, kw_only=True)
class Mechanism(Counts):
    """Sums over traces."""

    axon_steps: int = 0
    unsupported_steps: int = 0

    def plus(self, trace: Trace) -> Mechanism:
        """With another trace in the sums."""
        return Mechanism(
            axon_steps=self.axon_steps + len(trace.axon_steps),
            unsupported_steps=self.unsupported_steps + len(trace.unsupported_steps),
            **{name: getattr(self, name) + getattr(trace, name) for name in COUNTS},
        )

    def lines(self) -> list[str]:
        """A line each for AXON, DAWN and what was held back, guessed, taken back; none for what was in no step."""
        found = []
        if self.axon_steps:
            line = (
                f"AXON: {self.unsupported_steps} of {self.axon_steps} steps without any support, "
                f"{self.anchors / self.axon_steps:.2f} anchors per step"
            )
            if self.axon_columns:  # a policy that reads its block alone examines none
                line += (
                    f", {100 * self.axon_sinks / self.axon_columns:.0f} % of the block's columns are sinks"
                )
            found.append(line)
        if self.graph_steps:
            found.append(
                f"DAWN: {self.empty_graph_steps} of {self.graph_steps} graphs without an edge, "
                f"{100 * self.graph_sinks / self.graph_columns:.0f} % of the columns are sinks"
            )
        if self.compared_steps:
            found.append(
                f"attention: {self.held_back} tokens held back, "
                f"in {self.held_back_steps} of {self.compared_steps} steps"
            )
        if self.ahead:
            found.append(f"looking ahead: {self.ahead} guesses kept")
        if self.remasked or self.replaced:
            found.append(f"tokens taken back: {self.remasked} masked again, {self.replaced} replaced")
        return found
