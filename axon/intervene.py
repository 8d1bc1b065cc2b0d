"""AXON in one step: ask the gate, and where it fires choose anchors in place of the base decoder's proposal.

Shapes: B rows, R rows with anchor budget left, F rows in which the gate fired, K block length.
"""

from __future__ import annotations

import torch
from torch import Tensor

from axon.anchors import choose, support_of
from axon.attention import Capture
from axon.gates import Gate, GateState
from axon.settings import AxonSettings
from axon.sinks import sinks
from axon.state import PartTimer, Reveal, StepState


def intervene(
    state: StepState,
    proposal_BK: Tensor,
    last_progress_B: Tensor,
    looking: Tensor,
    gate: Gate,
    capture: Capture,
    settings: AxonSettings,
    timer: PartTimer,
) -> Reveal:
    """The proposal, or anchors in its place in those of the rows `looking` (R, their places) whose gate fires."""
    checks_B = state.counts["gate_checks"]
    gaps_B = state.memory.get("gate_gaps", torch.zeros_like(checks_B))
    nobody_B = torch.zeros_like(state.masked_BK[:, 0])
    gate_state = GateState(
        masked_RK=state.masked_BK[looking],
        proposal_RK=proposal_BK[looking],
        p_max_RK=state.p_max_BK[looking],
        attention_RKK=_block_attention(state, capture, looking, timer) if gate.looks else None,
        block_step_R=state.block_step_B[looking],
        last_progress_R=last_progress_B[looking],
        checks_R=checks_B[looking],
        gaps_R=gaps_B[looking],
    )
    with timer("select"):
        fires_R = gate.fires(gate_state, settings)
        state.memory["gate_gaps"] = gaps_B.index_copy(0, looking, gate_state.gaps_R)
        state.count_some("gate_checks", looking, torch.ones_like(looking))
        places_F = fires_R.nonzero()[:, 0]
    if not len(places_F):
        return Reveal(proposal_BK, nobody_B, nobody_B)
    firing = looking[places_F]
    attention_RKK = gate_state.attention_RKK
    attention_FKK = (
        _block_attention(state, capture, firing, timer) if attention_RKK is None else attention_RKK[places_F]
    )
    means_FK = _block_means(state, capture, firing, timer)
    with timer("select"):
        sink_FK = sinks(means_FK, capture.width_B[firing], settings.tau_sink)
        support, order_FC = support_of(
            state.masked_BK[firing],
            proposal_BK[firing],
            state.confidence_BK[firing],
            state.p_max_BK[firing],
            attention_FKK,
            sink_FK,
            settings,
        )
        chosen_FC = choose(support, settings)
        state.count_some("anchors", firing, chosen_FC.sum(1))
        state.count_some("axon_columns", firing, torch.full_like(firing, sink_FK.shape[1]))
        state.count_some("axon_sinks", firing, sink_FK.sum(1))
        anchors_FK = torch.zeros_like(state.masked_BK[firing]).scatter_(1, order_FC, chosen_FC)
        if settings.combine == "union":
            anchors_FK = anchors_FK | proposal_BK[firing]
        return Reveal(
            positions_BK=proposal_BK.index_copy(0, firing, anchors_FK),
            by_axon_B=nobody_B.index_fill(0, firing, True),
            unsupported_B=nobody_B.index_copy(0, firing, support.empty_F),
        )


def _block_attention(state: StepState, capture: Capture, rows_R: Tensor, timer: PartTimer) -> Tensor:
    """A among the positions of the current block, (R, K, K): a decoder's own rows where it has them."""
    columns_RK = state.columns_BK[rows_R]
    if state.context is not None:
        attention_RKW = state.context.rows_BKW[rows_R]
    else:
        with timer("capture"):
            attention_RKW = capture.rows(rows_R, columns_RK)
    return attention_RKW.gather(2, columns_RK[:, None, :].expand(-1, columns_RK.shape[1], -1))


def _block_means(state: StepState, capture: Capture, rows_F: Tensor, timer: PartTimer) -> Tensor:
    """Mean attention that each position of the block receives, (F, K)."""
    if state.context is not None:
        means_FW = state.context.means_BW[rows_F]
    else:
        with timer("capture"):
            means_FW = capture.column_means(rows_F)
    return means_FW.gather(1, state.columns_BK[rows_F])
