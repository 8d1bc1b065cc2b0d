"""Whether AXON and DAWN had anything to choose by: one without support or without a graph says nothing of itself."""

from __future__ import annotations

from dataclasses import dataclass

from axon.trace import Trace


@dataclass
class Mechanism:
    """Sums over traces of what AXON's anchors and DAWN's graph found; see `Trace` for the counts."""

    axon_steps: int = 0
    unsupported_steps: int = 0
    anchors: int = 0
    axon_columns: int = 0
    axon_sinks: int = 0
    graph_steps: int = 0
    empty_graph_steps: int = 0
    graph_columns: int = 0
    graph_sinks: int = 0

    def add(self, trace: Trace) -> None:
        self.axon_steps += len(trace.axon_steps)
        self.unsupported_steps += len(trace.unsupported_steps)
        self.anchors += trace.anchors
        self.axon_columns += trace.axon_columns
        self.axon_sinks += trace.axon_sinks
        self.graph_steps += trace.graph_steps
        self.empty_graph_steps += trace.empty_graph_steps
        self.graph_columns += trace.graph_columns
        self.graph_sinks += trace.graph_sinks

    def lines(self) -> list[str]:
        """One line for AXON and one for DAWN, none of one that was in no step."""
        found = []
        if self.axon_steps:
            found.append(
                f"AXON: {self.unsupported_steps} of {self.axon_steps} steps without any support, "
                f"{self.anchors / self.axon_steps:.2f} anchors a step, "
                f"{self.axon_sinks / self.axon_columns:.0%} of the block's columns taken for sinks"
            )
        if self.graph_steps:
            found.append(
                f"DAWN: {self.empty_graph_steps} of {self.graph_steps} graphs without an edge, "
                f"{self.graph_sinks / self.graph_columns:.0%} of the columns taken for sinks"
            )
        return found
