"""Whether AXON and DAWN had anything to choose by: one without support or without a graph says nothing of itself."""

from __future__ import annotations

from dataclasses import dataclass

from axon.trace import Trace


@dataclass
class Mechanism:
    """Sums over traces of what AXON's anchors and DAWN's graph found; see `Trace` for the counts."""

    axon_passes: int = 0
    unsupported_passes: int = 0
    anchors: int = 0
    axon_columns: int = 0
    axon_sinks: int = 0
    graph_passes: int = 0
    empty_graph_passes: int = 0
    graph_columns: int = 0
    graph_sinks: int = 0

    def add(self, trace: Trace) -> None:
        self.axon_passes += len(trace.axon_passes)
        self.unsupported_passes += len(trace.unsupported_passes)
        self.anchors += trace.anchors
        self.axon_columns += trace.axon_columns
        self.axon_sinks += trace.axon_sinks
        self.graph_passes += trace.graph_passes
        self.empty_graph_passes += trace.empty_graph_passes
        self.graph_columns += trace.graph_columns
        self.graph_sinks += trace.graph_sinks

    def lines(self) -> list[str]:
        """One line for AXON and one for DAWN, none of one that was in no pass."""
        found = []
        if self.axon_passes:
            found.append(
                f"AXON: {self.unsupported_passes} of {self.axon_passes} passes without any support, "
                f"{self.anchors / self.axon_passes:.2f} anchors a pass, "
                f"{self.axon_sinks / self.axon_columns:.0%} of the block's columns taken for sinks"
            )
        if self.graph_passes:
            found.append(
                f"DAWN: {self.empty_graph_passes} of {self.graph_passes} graphs without an edge, "
                f"{self.graph_sinks / self.graph_columns:.0%} of the columns taken for sinks"
            )
        return found
