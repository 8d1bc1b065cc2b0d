"""DAWN's rule against the rule in words, one position at a time (docs/method.md, section 2)."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from axon import AxonSettings, Dawn, DecodeSettings, MaskedDiffusionModel, decode
from axon.counts import COUNTS, RowCounts
from axon.decoders.base import Stateless
from axon.leeway import Leeway
from axon.reads import undeclared
from axon.state import Context, StepState

PROMPT, BLOCK, DECODED = 3, 8, 2  # the block's first positions are decoded already
WIDTH = PROMPT + BLOCK
RULE = Dawn(tau_sink=0.12, tau_edge=0.1, tau_induce=0.6, tau_low=0.4)
OFF = AxonSettings(gate="never", attention_layers="all")


def _state(seed: int) -> StepState:
    """One row with confidences on both sides of every threshold, and uneven attention."""
    generator = torch.Generator().manual_seed(seed)
    confidence = 0.3 + 0.7 * torch.rand(1, BLOCK, generator=generator, dtype=torch.float64)
    rows = torch.softmax(2.5 * torch.randn(1, BLOCK, WIDTH, generator=generator), 2)
    p_max = 0.8 + 0.2 * torch.rand(1, WIDTH, generator=generator, dtype=torch.float64)
    places = torch.arange(BLOCK)[None]
    decoded = torch.arange(WIDTH)[None] < PROMPT + DECODED
    return StepState(
        masked_BK=places >= DECODED,
        written_BK=torch.zeros(1, BLOCK, dtype=torch.long),
        token_BK=torch.zeros(1, BLOCK, dtype=torch.long),
        confidence_BK=confidence,
        p_max_BK=confidence,
        block_step_B=torch.zeros(1, dtype=torch.long),
        places_BK=places,
        columns_BK=places + PROMPT,
        gen_length=BLOCK,
        counts=RowCounts(torch.zeros(1, len(COUNTS), dtype=torch.long)),
        decoder_state=Stateless(),
        log_probs=undeclared("DAWN", "log_probs"),
        log_probs_of_c=undeclared("DAWN", "log_probs_of_c"),
        noise=undeclared("DAWN", "needs_seeds"),
        attention=undeclared("DAWN", "attention"),
        revisable=undeclared("DAWN", "revises"),
        shadow=undeclared("DAWN", "needs_shadow"),
        revealed=undeclared("DAWN", "revealed"),
        context=lambda: Context(
            decoded_BW=decoded,
            width_B=torch.tensor([WIDTH]),
            tau_sink=0.01,
            sink_bound=lambda threshold: threshold,  # type: ignore[arg-type, return-value]
            log_probs=undeclared("DAWN", "log_probs"),
            p_max_at=lambda where, marked: torch.where(where, p_max, 0.0),
            rows=lambda: rows,
            column_means=lambda: rows.mean(1),
        ),
    )


def _in_words(state: StepState) -> tuple[set[int], set[int], set[int]]:
    """H, I and N."""
    context = state.context()
    rows, means = context.rows(), context.column_means()
    c: list[float] = state.confidence_BK[0].tolist()
    p_max: Tensor = context.p_max_at(context.decoded_BW, PROMPT + DECODED)[0]
    sinks = {j for j in range(WIDTH) if means[0, j] > RULE.tau_sink}
    masked = [i for i in range(BLOCK) if state.masked_BK[0, i]]

    def depends(i: int, column: int) -> bool:
        apart = column not in sinks and column != PROMPT + i
        return apart and float(rows[0, i, column]) >= RULE.tau_edge

    high = {i for i in masked if c[i] >= 0.9}
    sure = [j for j in range(WIDTH) if context.decoded_BW[0, j] and p_max[j] >= 0.9]
    induced = {i for i in masked if c[i] >= RULE.tau_induce and any(depends(i, j) for j in sure)}
    settled = {i for i in masked if any(depends(i, PROMPT + j) for j in high & induced)}
    chosen: set[int] = set()
    for i in sorted(masked, key=lambda i: -c[i]):
        conflict = any(depends(i, PROMPT + j) or depends(j, PROMPT + i) for j in chosen)
        if c[i] >= RULE.tau_low and i not in high | induced | settled and not conflict:
            chosen.add(i)
    return high, induced, chosen


@pytest.mark.parametrize("seed", range(60))
def test_what_is_revealed_is_what_the_rule_says(seed: int) -> None:
    state = _state(seed)
    expected = set().union(*_in_words(state))
    assert set(RULE.propose(state).reveal_BK[0].nonzero()[:, 0].tolist()) == expected


def _asked(state: StepState) -> list[Tensor]:
    """Of which columns the rule asks p*."""
    asked, context = [], state.context()

    def p_max_at(where_BW: Tensor, marked: int) -> Tensor:
        assert marked == where_BW.sum()
        asked.append(where_BW)
        return context.p_max_at(where_BW, marked)

    RULE.propose(replace(state, context=lambda: replace(context, p_max_at=p_max_at)))
    return asked


def test_p_max_is_asked_only_where_it_can_decide() -> None:
    """Each is a row of lm_head: of columns that a position depends on which may be induced."""
    found = 0
    for seed in range(60):
        state = _state(seed)
        rows, sink_W = state.context().rows()[0], state.context().column_means()[0] > RULE.tau_sink
        may_B = state.masked_BK[0] & (state.confidence_BK[0] >= RULE.tau_induce)
        pulls_W = (rows[may_B] >= RULE.tau_edge).any(0) & ~sink_W & state.context().decoded_BW[0]
        asked = _asked(state)
        assert [where_BW[0].tolist() for where_BW in asked] == ([pulls_W.tolist()] if pulls_W.any() else [])
        found += bool(asked)
        sure_BK = torch.full_like(state.confidence_BK, 0.95)  # all is revealed, whatever induces it
        assert not _asked(replace(state, confidence_BK=sure_BK, p_max_BK=sure_BK))
    assert 10 < found < 60


def _revealed(state: StepState, tau_low: float) -> tuple[list[int], tuple[float, float]]:
    """The positions that a step with this tau_low reveals, and its leeway."""
    proposal, top_BK = replace(RULE, tau_low=tau_low).propose(state), state.top_one()
    reveal_BK = proposal.reveal_BK if proposal.reveal_BK.any() else top_BK
    whole = Leeway.whole(1, top_BK.device)
    leeway = whole.narrowed(proposal, reveal_BK, top_BK, state.confidence_BK)
    return reveal_BK[0].nonzero()[:, 0].tolist(), leeway.of_row(0)


@pytest.mark.parametrize("seed", range(0, 60, 4))
def test_a_step_tells_its_whole_leeway_whichever_value_of_it_tau_low_has(seed: int) -> None:
    """Also where what is refused would have lost to a better position."""
    state = _state(seed)
    near = [float(own) + more for own in state.confidence_BK[0] for more in (-1e-6, 1e-6)]
    found = [(value, *_revealed(state, value)) for value in [0.0, 0.6, *near, 1.0] if 0 <= value <= 1]
    for _, revealed, (above, below) in found:
        for other, then, leeway in found:
            assert (above < other < below) == (then == revealed)
            assert (leeway == (above, below)) == (then == revealed)


def test_every_part_of_the_rule_is_met() -> None:
    found = [_in_words(_state(seed)) for seed in range(60)]
    for part in range(3):
        assert sum(bool(sets[part]) for sets in found) >= 10
    assert sum(bool(high & induced) for high, induced, _ in found) >= 10


def test_a_graph_is_empty_when_nothing_that_is_masked_depends_on_anything() -> None:
    state = _state(0)
    rows = state.context().rows()
    rows[:, DECODED:] = 0.0
    rows[:, :DECODED, PROMPT + DECODED :] = 0.5
    rows[:, torch.arange(BLOCK), PROMPT + torch.arange(BLOCK)] = 0.5  # but each on itself, which is no edge
    Dawn(tau_sink=1.0, tau_edge=0.1).propose(state)
    assert state.counts.of("empty_graph_steps").tolist() == [1]


def test_padding_is_no_edge_of_a_graph_whatever_tau_edge_is(model: MaskedDiffusionModel) -> None:
    """Alone, a single position that sees nothing but sinks has no edge; nor beside a longer row."""
    decoder = Dawn(tau_sink=0.0, tau_edge=0.0)
    settings = DecodeSettings(gen_length=2, block_length=1, decoder=decoder, axon=OFF)
    alone, padded = (
        decode(model, [[1, 5]], settings)[0],
        decode(model, [[1, 5], [1, 2, 3, 4, 6, 2]], settings)[0],
    )
    assert alone.empty_graph_steps == alone.graph_steps == 2
    assert padded == alone
