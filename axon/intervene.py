"""AXON in one step: evaluate the gate, and where it fires choose anchors in place of the base decoder's reveal.

Shapes: B rows, R rows with anchor budget left, F rows in which the gate fired, K block length.
"""

from __future__ import annotations

import torch
from torch import Tensor

from axon.anchors import choose, support_of
from axon.answers import check_answer
from axon.batch import Batch
from axon.block_attention import BlockAttention
from axon.counts import RowCounts
from axon.forward import Forward
from axon.gates import Gate, GateState
from axon.policies import policy_of
from axon.proposal import Reveal
from axon.reads import undeclared
from axon.rows import keep_rows, of_rows, put_rows
from axon.settings import AxonSettings
from axon.state import PartTimer, StepState
from axon.trace import CHOOSERS
from axon.watch import Watcher

AXON = CHOOSERS.index("axon")
assert CHOOSERS[AXON + 1] == "axon_fallback"


def intervene(
    state: StepState,
    forward: Forward,
    reveal_BK: Tensor,
    asked_R: Tensor | None,
    gate: Gate,
    settings: AxonSettings,
    timer: PartTimer,
    watcher: Watcher | None,
) -> Reveal:
    """`reveal_BK`, or anchors in its place in those of the rows at places `asked_R` (None: all) whose gate fires."""
    batch, attention = forward.batch, forward.attention
    sequence = policy_of(settings).reads == "sequence"
    if gate.certain and asked_R is None:  # all of it will be asked for
        attention.look(means=sequence)
    attention_RKK = attention.among(asked_R) if gate.needs_attention else None
    sink_RK = attention.sinks(asked_R, settings.tau_sink) if gate.reads == "sequence" else None
    with timer("select"):
        part = f"gate {settings.gate}"
        gate_state = _gate_state(state, batch, reveal_BK, asked_R, gate, part, attention_RKK, sink_RK)
        fires_R = gate.fires(gate_state, settings)
        check_answer(f"{part}: what it returns", fires_R, gate_state.block_step_R.shape, kind="bool")
        if watcher is not None:
            watcher.asked(asked_R, gate_state, fires_R)
        batch.gate_memory = put_rows(batch.gate_memory, asked_R, gate_state.memory)
        state.counts.add("gate_checks", 1, asked_R)
        places_F, fires_F = _fired(fires_R, gate, attention)
    if places_F is not None and not len(places_F):
        return Reveal(reveal_BK)
    if places_F is not None and len(places_F) == len(fires_R):
        places_F = None
    rows_F = _among(asked_R, places_F)
    attention_FKK = attention.among(rows_F) if attention_RKK is None else of_rows(attention_RKK, places_F)
    masked_FK, proposal_FK = of_rows(state.masked_BK, rows_F), of_rows(reveal_BK, rows_F)
    sink_FK: Tensor | None = None
    if sequence:
        sink_FK = (
            attention.sinks(rows_F, settings.tau_sink) if sink_RK is None else of_rows(sink_RK, places_F)
        )
    with timer("select"):
        support = support_of(
            masked_FK,
            proposal_FK,
            of_rows(state.confidence_BK, rows_F),
            of_rows(state.p_max_BK, rows_F),
            attention_FKK,
            sink_FK,
            settings,
        )
        chosen_FK = choose(support, settings)
        if watcher is not None:
            watcher.chose(rows_F, support, chosen_FK, fires_F)
        by_F = support.empty_F + AXON  # where it is empty the number after it
        anchors_FK = chosen_FK | proposal_FK if settings.combine == "union" else chosen_FK
        if fires_F is not None:
            anchors_FK, by_F = torch.where(fires_F[:, None], anchors_FK, proposal_FK), by_F * fires_F
        _count(state.counts, rows_F, fires_F, chosen_FK, sink_FK)
        if rows_F is None:
            return Reveal(anchors_FK, by_F, fires_R)
        by_B = batch.zeros_B.index_copy(0, rows_F, by_F)
        return Reveal(reveal_BK.index_copy(0, rows_F, anchors_FK), by_B, by_B > 0)


def _fired(fires_R: Tensor, gate: Gate, attention: BlockAttention) -> tuple[Tensor | None, Tensor | None]:
    """Which of the rows anchors are chosen for (None: all), and in which of these the gate fires (None: all)."""
    if gate.certain:
        return None, None
    if attention.known:  # anchors cost less than to ask the device which rows need them
        return None, fires_R
    return fires_R.nonzero()[:, 0], None


def _count(
    counts: RowCounts,
    rows_F: Tensor | None,
    fires_F: Tensor | None,
    chosen_FK: Tensor,
    sink_FK: Tensor | None,
) -> None:
    """Counts what AXON examined and chose in those rows, where it fires (None: in all)."""
    if fires_F is not None:
        chosen_FK = chosen_FK & fires_F[:, None]
    counts.add_marked("anchors", chosen_FK, rows_F)
    if sink_FK is None:
        return
    if fires_F is None:
        counts.add("axon_columns", sink_FK.shape[1], rows_F)
    else:
        sink_FK = sink_FK & fires_F[:, None]
        counts.add_marked("axon_columns", fires_F[:, None].expand_as(sink_FK), rows_F)
    counts.add_marked("axon_sinks", sink_FK, rows_F)


def _among(rows_R: Tensor | None, places_F: Tensor | None) -> Tensor | None:
    """Those of the rows `rows_R` that stand at `places_F`; None: all."""
    return places_F if rows_R is None else of_rows(rows_R, places_F)


def _gate_state(
    state: StepState,
    batch: Batch,
    reveal_BK: Tensor,
    asked_R: Tensor | None,
    gate: Gate,
    part: str,
    attention_RKK: Tensor | None,
    sink_RK: Tensor | None,
) -> GateState:
    """What the gate sees of the rows `asked_R`; None for what it does not declare."""
    return GateState(
        masked_RK=of_rows(state.masked_BK, asked_R),
        proposal_RK=of_rows(reveal_BK, asked_R),
        p_max_RK=of_rows(state.p_max_BK, asked_R),
        block_step_R=of_rows(state.block_step_B, asked_R),
        checks=lambda: of_rows(state.counts.of("gate_checks"), asked_R),
        memory=keep_rows(batch.gate_memory, asked_R),
        attention=undeclared(part, "needs_attention") if attention_RKK is None else lambda: attention_RKK,
        sinks=undeclared(part, "reads = 'sequence'") if sink_RK is None else lambda: sink_RK,
        last_progress=(
            (lambda: of_rows(batch.last_progress_B, asked_R))
            if gate.needs_last_progress
            else undeclared(part, "needs_last_progress")
        ),
    )
