"""Gates, proposals and anchor sets against plain loops and brute force."""

from __future__ import annotations

from itertools import combinations
from math import ceil, e, log2
from statistics import median_low
from unittest.mock import patch

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from axon import AxonSettings
from axon.anchors import choose, support_of, target_coverage
from axon.decoders.dawn import independent_set
from axon.gates import GATES, GateMemory, GateState, progress
from axon.policies import Cover, Support, log_cap, median_gain
from axon.reads import undeclared
from axon.state import StepState
from benchmarks.counted import Launches


def _problem(seed: int, rows: int = 6, length: int = 9) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Masked, proposal, confidence and attention of random blocks; attention rows sum to less than 1."""
    generator = torch.Generator().manual_seed(seed)
    masked = torch.rand(rows, length, generator=generator) < 0.8
    masked[:, 0] = True
    confidence = torch.rand(rows, length, generator=generator, dtype=torch.float64)
    proposal = masked & (confidence > 0.6)
    proposal[:, 0] = True
    attention = torch.softmax(3 * torch.randn(rows, length, length, generator=generator), 2) * 0.8
    return masked, proposal, confidence, attention


def _choose(seed: int, **axon: object) -> tuple[Tensor, Tensor]:
    """Anchors (F, K) and the weights (F, K, K) of a random problem without sinks."""
    masked, proposal, confidence, attention = _problem(seed)
    settings = AxonSettings(**axon)  # type: ignore[arg-type]
    sinks = torch.zeros_like(masked)
    support = support_of(masked, proposal, confidence, confidence, attention, sinks, settings)
    anchors = choose(support, settings)
    assert (anchors & ~masked).sum() == 0
    return anchors, support.weights_FKK


def _covered(weights: Tensor, chosen: list[int]) -> float:
    return float(weights[:, chosen].amax(1).sum())


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("count", [1, 2, 3])
def test_greedy_is_within_1_minus_1_over_e_of_the_best_set(seed: int, count: int) -> None:
    anchors_FK, weights_FKK = _choose(seed, anchors=count)
    for weights, chosen in zip(weights_FKK, anchors_FK, strict=True):
        places = chosen.nonzero()[:, 0].tolist()
        assert 1 <= len(places) <= count
        best = max(_covered(weights, list(some)) for some in combinations(range(weights.shape[1]), count))
        assert _covered(weights, places) >= (1 - 1 / e) * best - 1e-12


@pytest.mark.parametrize("policy", ["cover", "density", "conflict_averse"])
@pytest.mark.parametrize("objective", ["facility_location", "graph_cut"])
def test_no_policy_chooses_more_than_its_cap(policy: str, objective: str) -> None:
    for seed in range(4):
        anchors, _ = _choose(seed, policy=policy, objective=objective)
        masked = _problem(seed)[0]
        for row, mask in zip(anchors, masked, strict=True):
            assert 1 <= int(row.sum()) <= ceil(log2(int(mask.sum()) + 1))


def test_log_cap_is_exact_around_powers_of_two() -> None:
    counts = torch.arange(1, 1030)
    assert log_cap(counts).tolist() == [ceil(log2(count + 1)) for count in counts.tolist()]


@given(st.lists(st.lists(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]), min_size=7, max_size=7), min_size=1))
def test_the_cost_of_an_anchor_is_the_lower_median_of_positive_gains(gains: list[list[float]]) -> None:
    expected = [median_low([gain for gain in row if gain > 0] or [0.0]) for row in gains]
    assert median_gain(torch.tensor(gains, dtype=torch.float64)).tolist() == expected


@pytest.mark.parametrize("policy", ["fixed", "cover", "density"])
def test_a_round_more_starts_few_kernels(policy: str) -> None:
    """Which rows are done is asked once, whatever the number of rounds."""
    launches = []
    for rounds in (2, 3):
        masked, proposal, confidence, attention = _problem(0, length=9)
        settings = AxonSettings(policy=policy, anchors=rounds)
        support = support_of(masked, proposal, confidence, confidence, attention, None, settings)
        most = patch.object(Cover, "rounds", return_value=rounds)
        with most, torch.no_grad(), Launches() as counted:
            choose(support, settings)
        launches.append(counted.total)
    assert launches[1] - launches[0] <= 11


def test_cover_stops_once_the_target_is_covered() -> None:
    for seed in range(4):
        masked, proposal, confidence, attention = _problem(seed)
        target = target_coverage(masked, proposal, confidence, attention)
        chosen, weights = _choose(seed, policy="cover")
        more = _choose(seed, policy="fixed", anchors=9)[0]
        for row in range(len(masked)):
            places = chosen[row].nonzero()[:, 0].tolist()
            capped = len(places) == int(log_cap(masked[row : row + 1].sum(1)))
            exhausted = len(places) == int(more[row].sum())
            assert _covered(weights[row], places) >= float(target[row]) - 1e-12 or capped or exhausted


def _anchors(seed: int, proposal: Tensor, settings: AxonSettings) -> Tensor:
    """Anchors (F, K) of a random problem in place of `proposal`."""
    masked, _, confidence, attention = _problem(seed, length=proposal.shape[1])
    sinks = torch.zeros_like(masked)
    support = support_of(masked, proposal, confidence, confidence, attention, sinks, settings)
    return choose(support, settings)


@pytest.mark.parametrize("seed", range(40))
def test_cover_is_content_with_a_proposal_that_is_its_own_first_anchor(seed: int) -> None:
    """f(S) is F there: equal, and not only up to a rounding error that would ask for a second anchor."""
    first = _anchors(seed, _problem(seed)[1], AxonSettings(policy="fixed", anchors=1))
    assert torch.equal(_anchors(seed, first, AxonSettings(policy="cover")), first)


@pytest.mark.parametrize("seed", range(40))
def test_density_goes_on_with_the_proposal_itself_by_graph_cut(seed: int) -> None:
    """What it adds is F, and |P| is 1: equal, and not less by a rounding error, wherever it stands."""
    some = _problem(seed, length=16)[1]  # of so many sums torch forms some otherwise than others
    one, two = (_anchors(seed, some, AxonSettings(anchors=n, objective="graph_cut")) for n in (1, 2))
    settings = AxonSettings(policy="density", objective="graph_cut")
    assert torch.equal(_anchors(seed, two & ~one, settings), two)


def test_positions_below_the_uncertainty_threshold_ask_for_nothing() -> None:
    _, weights = _choose(0, uncertainty_threshold=0.5)
    masked, _, confidence, _ = _problem(0)
    sure = (1 - confidence < 0.5) & masked
    assert weights[sure].max() == 0 < weights[masked & ~sure].max()
    edge = float((1 - confidence[masked]).max())  # who is just as uncertain as that still asks
    assert _choose(0, uncertainty_threshold=edge)[1].amax(2).gt(0).sum() == 1
    anchors, _ = _choose(0, uncertainty_threshold=1.0)  # nobody asks: the most confident is revealed
    best = torch.where(masked, confidence, -1.0).argmax(1)
    assert anchors.nonzero().tolist() == [[row, int(place)] for row, place in enumerate(best)]


@pytest.mark.parametrize(("target", "anchors"), [(0.25, 2), (0.2500001, 1)])
def test_density_goes_on_with_an_anchor_that_adds_just_as_much(target: float, anchors: int) -> None:
    weights = torch.zeros((1, 3, 3), dtype=torch.float64)
    weights[0, 0, 1], weights[0, 1, 0] = 0.5, 0.25
    every = torch.ones((1, 3), dtype=torch.bool)
    support = Support(
        weights_FKK=weights,
        confidence_FK=torch.full((1, 3), 0.5, dtype=torch.float64),
        valid_FK=every,
        masked_FK=every,
        proposal_FK=torch.tensor([[True, False, False]]),
        target=lambda: torch.tensor([target], dtype=torch.float64),
        conflict=lambda: weights,
    )
    assert choose(support, AxonSettings(policy="density")).sum() == anchors


def _gate_state(
    masked: Tensor,
    proposal: Tensor,
    p_max: Tensor,
    attention: Tensor,
    spent: Tensor,
    last: Tensor,
    checks: Tensor,
    gaps: Tensor,
) -> GateState:
    return GateState(
        masked_RK=masked,
        proposal_RK=proposal,
        p_max_RK=p_max,
        block_step_R=spent,
        checks=lambda: checks,
        memory=GateMemory(gaps),
        attention=lambda: attention,
        sinks=undeclared("a gate", "reads"),
        last_progress=lambda: last,
    )


def test_gates_agree_with_their_formulas_row_by_row() -> None:
    settings = AxonSettings(target_nfe=4, beta_r=0.9, beta_u=1.1, alpha=0.3)
    for seed in range(5):
        masked, proposal, p_max, attention = _problem(seed)
        count = len(masked)
        spent, last = torch.arange(count) % 5, torch.linspace(-1, 1, count).double()
        zeros = torch.zeros(count, dtype=torch.long)
        fired = {
            name: gate.fires(
                _gate_state(masked, proposal, p_max, attention, spent, last, zeros, zeros), settings
            )
            for name, gate in GATES.items()
            if gate is not None
        }
        for row in range(count):
            inside = masked[row].nonzero()[:, 0].tolist()
            shown = proposal[row].nonzero()[:, 0].tolist()
            rest = [place for place in inside if place not in shown]
            share = len(shown) / len(inside)
            shares = [float(attention[row, i, shown].sum() / (attention[row, i].sum() + 1e-8)) for i in rest]
            kappa = sum(shares) / len(rest) if rest else 1.0
            uncertainty = 1 - sum(float(p_max[row, i]) for i in rest) / len(rest) if rest else 0.0
            pace = ceil(len(inside) / max(1, 4 - int(spent[row]))) / len(inside)
            gap = kappa < 0.9 * share or (bool(rest) and kappa < 1.1 * uncertainty)
            assert bool(fired["coverage_gap"][row]) == bool(fired["adaptive_coverage"][row]) == gap
            assert bool(fired["unified"][row]) == (gap and share < pace)
            assert bool(fired["cp_alpha"][row]) == (bool(rest) and kappa < 0.3 * share + 0.7 * uncertainty)
            assert bool(fired["progress_stall"][row]) == (share <= float(last[row]) and share < pace)
            assert bool(fired["always"][row])


@pytest.mark.parametrize("name", [name for name, gate in GATES.items() if gate is not None])
def test_no_gate_but_always_fires_where_nothing_is_left_masked(name: str) -> None:
    """There is nothing to support: coverage and progress are both 1, and equal is not less."""
    masked, _, p_max, attention = _problem(0)
    ones, none = torch.ones(len(masked)).double(), torch.zeros(len(masked), dtype=torch.long)
    gate = GATES[name]
    assert gate is not None
    for checks in (none, none + 9):
        state = _gate_state(masked, masked, p_max, attention, none, ones, checks, none + 9)
        fires = gate.fires(state, AxonSettings(target_nfe=1, warmup=5))
        assert fires.tolist() == [name == "always"] * len(masked)


def test_progress_is_the_share_of_the_masked_down_to_a_single_one() -> None:
    masked = torch.tensor([[True, False], [True, True], [False, False]])
    proposal = torch.tensor([[True, False], [True, False], [False, False]])
    assert progress(masked, proposal).tolist() == [1.0, 0.5, 0.0]


def test_adaptive_coverage_locks_by_the_samples_own_count() -> None:
    masked, proposal, p_max, attention = _problem(0)
    count = len(masked)
    settings = AxonSettings(gate="adaptive_coverage", warmup=4, target_nfe=1, beta_r=0.4, beta_u=0.4)
    gate = GATES["adaptive_coverage"]
    assert gate is not None

    def fires(checks: int, gaps: int) -> tuple[Tensor, GateState]:
        state = _gate_state(
            masked, proposal, p_max, attention, torch.zeros(count), torch.ones(count),
            torch.full((count,), checks), torch.full((count,), gaps),
        )  # fmt: skip
        return gate.fires(state, settings), state

    gap, warm = fires(1, 0)
    assert torch.equal(warm.memory.gaps_B, gap.long())
    stalled, locked = fires(4, 2)
    assert torch.equal(locked.memory.gaps_B, torch.full((count,), 2))
    share = proposal.sum(1) / masked.sum(1)
    assert gap.any() and not torch.equal(gap, share < 1), "the two gates must be told apart"
    assert torch.equal(
        stalled, share < 1
    )  # progress_stall: last share 1, all of the block expected in one step
    assert torch.equal(fires(4, 1)[0], gap)
    assert torch.equal(fires(3, 3)[0], gap), "not before the last of the warm-up"


@pytest.mark.parametrize("seed", range(5))
def test_independent_set_is_the_sequential_greedy_one(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    candidates = torch.rand(8, 12, generator=generator) < 0.7
    edges = torch.rand(8, 12, 12, generator=generator) < 0.15
    conflict = (edges | edges.transpose(1, 2)) & ~torch.eye(12, dtype=torch.bool)
    confidence = torch.rand(8, 12, generator=generator)
    chosen = independent_set(
        candidates, conflict, StepState.rank(confidence, candidates), int(candidates.sum(1).max())
    )
    for row in range(8):
        expected: list[int] = []
        for place in confidence[row].argsort(descending=True).tolist():
            if candidates[row, place] and not any(conflict[row, place, other] for other in expected):
                expected.append(place)
        assert sorted(expected) == chosen[row].nonzero()[:, 0].tolist()
