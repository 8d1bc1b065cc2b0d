"""The laws of decoding, for every base decoder, gate, policy and objective, on a toy model with random weights."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from axon import (
    DECODERS,
    AxonSettings,
    Confidence,
    DecodeSettings,
    EntropyBounded,
    Factor,
    FixedSteps,
    MaskedDiffusionModel,
    decode,
)
from axon.gates import GATES
from axon.laws.cases import BLOCK, GEN, SMALL, VARIATIONS, varied
from axon.laws.comparisons import check_batch, check_deaf_gate, check_mask_unwritten, check_seeds_unread
from axon.laws.rows import check_rows, decode_rows
from axon.mechanism import Mechanism
from axon.policies import OBJECTIVES, POLICIES
from tests.axon.toy_decoders import TOYS
from tests.axon.toy_model import MASK, shared_model, toy_model
from tests.axon.with_defaults import TOY_COUNTS

# Thresholds low enough that the toy model's beliefs reach them now and then.
KNOBS: dict[str, Any] = {
    "fixed_steps": {"steps": 6},
    "confidence": {"threshold": 0.6},
    "factor": {"factor": 1.5},
    "local_leap": {"threshold": 0.7, "relaxed_threshold": 0.5, "radius": 2},
    "klass": {"threshold": 0.2, "kl_threshold": 0.5, "history": 1},
    "dawn": {"tau_edge": 0.1, "tau_induce": 0.3, "tau_low": 0.3},
    "clad": {"threshold": 0.3},
    "dapd": {"tau_min": 0.5, "tau_max": 0.8, "threshold": 0.6},
    "entropy_bounded": {"gamma": 1.0},
    "entropy_threshold": {"threshold": 1.0},
    "hierarchy": {"threshold": 0.7, "low_threshold": 0.3},
    "credit": {"threshold": 0.7, "alpha": 1.5},
    "slow_fast": {"threshold": 0.5, "exploration_steps": 1, "window": 1},
    "lopa": {"threshold": 0.6},
    "wino": {"threshold": 0.4, "threshold_back": 0.7},
    "hierarchy_remasking": {"threshold": 0.7, "low_threshold": 0.3, "remask_threshold": 0.6},
    "rcr": {"steps": 6},
    "dsb": {"threshold": 0.5, "window": 3, "max_window": 3},
    "dus": {"threshold": 0.5},
    "pc_sampler": {"steps": 6, "token_counts": TOY_COUNTS},
    "joint_threshold": {"threshold": 0.4, "editing_threshold": 0.2, "max_post_steps": 3},
    "left_to_right": {},
}
TRIED = {name: kind(**KNOBS.get(name, {})) for name, kind in DECODERS.items()} | TOYS


def _combinations() -> dict[str, DecodeSettings]:
    found: dict[str, DecodeSettings] = {}

    def add(name: str, decoder: str, **axon: Any) -> None:
        found[name] = DecodeSettings(
            gen_length=GEN,
            block_length=BLOCK,
            decoder=TRIED[decoder],
            axon=AxonSettings(**SMALL, **axon),
        )

    for decoder in TRIED:
        add(f"{decoder}, never", decoder, gate="never")
        add(f"{decoder}, coverage_gap", decoder)
    for gate in GATES:
        add(f"confidence, {gate}", "confidence", gate=gate, policy="cover", warmup=2)
    for policy in POLICIES:
        for objective in OBJECTIVES:
            add(
                f"{policy}, {objective}", "dawn", gate="always", policy=policy, objective=objective, anchors=3
            )
    add("union", "confidence", gate="always", combine="union")
    add("union, lopa", "lopa", gate="always", combine="union")
    add("anchors, lopa", "lopa", gate="always", policy="cover")
    add("union, remasking", "remasking", gate="always", combine="union")
    add("union, wino", "wino", gate="always", combine="union")
    add("anchors, editing", "editing", gate="always", policy="cover")
    for decoder in ("rcr", "hierarchy_remasking"):
        add(f"union, {decoder}", decoder, gate="always", combine="union")
        add(f"anchors, {decoder}", decoder, gate="always", policy="cover")
    add("union, polishing", "polishing", gate="always", combine="union")
    add("few candidates", "confidence", gate="always", policy="cover", min_candidates=2, candidate_ratio=0.25)
    add("uncertainty_threshold", "confidence", gate="always", policy="cover", uncertainty_threshold=0.3)
    discounted = {
        "fixed_steps": FixedSteps(steps=4, attention_discount=40.0),
        "factor": Factor(factor=3.0, attention_discount=40.0),
        "entropy_bounded": EntropyBounded(gamma=1.0, attention_discount=40.0),
    }
    for decoder, setting in discounted.items():
        found[f"{decoder}, discounted"] = replace(found[f"{decoder}, coverage_gap"], decoder=setting)
    found["temperature"] = replace(found["confidence, coverage_gap"], temperature=0.7)
    found["top_p"] = replace(found["temperature"], top_p=0.6)
    found["edits drawn"] = replace(found["joint_threshold, coverage_gap"], temperature=0.7)
    found["random remasking"] = replace(found["temperature"], decoder=FixedSteps(steps=4, remasking="random"))
    found["entropy"] = replace(found["top_p"], decoder=FixedSteps(steps=4, remasking="entropy"))
    found["rcr, temperature"] = replace(found["rcr, coverage_gap"], temperature=0.7)
    found["hierarchy_remasking, top_p"] = replace(
        found["hierarchy_remasking, coverage_gap"], temperature=0.7, top_p=0.6
    )
    found["lopa, top_p"] = replace(found["anchors, lopa"], temperature=0.7, top_p=0.6)
    found["topk_margin"] = replace(found["top_p"], decoder=FixedSteps(steps=4, remasking="topk_margin"))
    return found


COMBINATIONS = _combinations()
VARIED = {name: varied(setting, number) for number, (name, setting) in enumerate(COMBINATIONS.items())}
every_combination = pytest.mark.parametrize("name", COMBINATIONS)
every_numbered = pytest.mark.parametrize(("number", "name"), list(enumerate(COMBINATIONS)))

# Prompts without the mask token, of mixed lengths. The first token tells them apart.
prompts_of = st.lists(
    st.lists(st.integers(0, MASK - 1), min_size=1, max_size=9),
    min_size=2,
    max_size=4,
    unique_by=lambda prompt: prompt[0],
)


def drawn_prompts(random: Random) -> list[list[int]]:
    """Two to four of them."""
    firsts = random.sample(range(MASK), random.randint(2, 4))
    return [[first, *random.choices(range(MASK), k=random.randrange(9))] for first in firsts]


MIXED = [[1, 2, 3], [4, 5, 6, 7, 8, 9], [10], [11, 12, 13, 14]]


def law(count: int) -> Any:
    return settings(
        max_examples=count,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


def shuffled(count: int, order: Random) -> list[int]:
    places = list(range(count))
    order.shuffle(places)
    return places


@pytest.mark.slow  # the same laws as below, of prompts that are drawn
@every_combination
def test_every_row_obeys_the_laws(name: str, model: MaskedDiffusionModel) -> None:
    @law(3)
    @given(prompts=prompts_of, batch_size=st.integers(1, 4), varied=st.booleans())
    def check(prompts: list[list[int]], batch_size: int, varied: bool) -> None:
        check_rows(model, prompts, (VARIED if varied else COMBINATIONS)[name], batch_size)

    check()


@pytest.mark.slow
@every_combination
def test_the_mask_token_is_never_written_however_likely(name: str) -> None:
    check_mask_unwritten(toy_model(), MIXED, VARIED[name], 2)


def check_laws(
    model: MaskedDiffusionModel, prompts: list[list[int]], number: int, name: str, family: int
) -> None:
    """Of the rows and of their batch, under the combination with one of the variations, or none.

    Of decoders, families, variations and batch sizes any two meet; of combinations and families, too.
    """
    turn = 3 * number + number // 2 + family
    (lap, variation), setting = divmod(turn, len(VARIATIONS) + 1), COMBINATIONS[name]
    setting = varied(setting, variation - 1) if variation else setting
    traces = check_rows(model, prompts, setting, 2 + (lap + turn) % 2)
    check_batch(model, prompts, setting, shuffled(len(prompts), Random(turn)), traces)


@pytest.mark.parametrize(
    ("number", "name"),
    [  # of each decoder without AXON and with it, one is slow
        pytest.param(number, name, marks=[pytest.mark.slow] * ((number + number // 2) % 2))
        for number, name in enumerate(COMBINATIONS)
    ],
)
def test_mixed_rows_obey_them_and_a_batch_decodes_as_its_rows(
    number: int, name: str, model: MaskedDiffusionModel
) -> None:
    check_laws(model, MIXED, number, name, 0)


@pytest.mark.slow
@every_numbered
def test_laws_hold_with_every_other_network(number: int, name: str) -> None:
    """LLaDA's has the tests above."""
    families = ["sdar"] if COMBINATIONS[name].decoder.needs_shadow else ["sdar", "dream"]
    for place, family in enumerate(families, 1):
        drawn = Random(f"{family} {name}")
        network = shared_model(family, drawn.randrange(51))
        check_laws(network, drawn_prompts(drawn), number, name, place)


@pytest.mark.parametrize(
    ("name", "family"),
    [
        *product(["dawn, coverage_gap", "confidence, coverage_gap", "klass, never"], ["dream", "sdar"]),
        ("wino, coverage_gap", "sdar"),
    ],
)
def test_other_families_decode_a_batch_as_its_rows(name: str, family: str) -> None:
    prompts = [[1, 2, 3, 4, 5], [6], [7, 8, 9], [10, 11, 12, 13]]
    network = toy_model(family)
    for setting in (COMBINATIONS[name], *(varied(COMBINATIONS[name], number) for number in (0, 1))):
        check_batch(network, prompts, setting)


@pytest.mark.parametrize(
    ("decoder", "number"),
    [
        pytest.param(decoder, number, marks=[pytest.mark.slow] * bool((turn + place) % 3))
        for turn, decoder in enumerate(TRIED)
        for place, number in enumerate((1, 2, 4))
    ],
)
def test_a_gate_that_does_not_fire_leaves_the_base_decoder(
    decoder: str, number: int, model: MaskedDiffusionModel
) -> None:
    prompts = [[1, 2, 3], [4, 5, 6, 7, 8], [9]]
    base = check_deaf_gate(model, prompts, varied(COMBINATIONS[f"{decoder}, coverage_gap"], number))
    assert base == decode_rows(model, prompts, varied(COMBINATIONS[f"{decoder}, never"], number))


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [name for name, setting in COMBINATIONS.items() if setting.axon.gate != "never"]
)
def test_no_combination_is_inert(name: str) -> None:
    """The laws say little of a gate that never fires, or of anchors that have nothing to support."""
    mechanism = Mechanism()
    for seed in range(8):
        for trace in decode_rows(shared_model(seed=seed), MIXED, COMBINATIONS[name]):
            mechanism = mechanism.plus(trace)
        if mechanism.unsupported_steps < mechanism.axon_steps:
            return
    raise AssertionError(f"{name}: {mechanism.axon_steps} AXON steps, none with support")


def test_axon_changes_something(model: MaskedDiffusionModel) -> None:
    always, never = COMBINATIONS["confidence, always"], COMBINATIONS["confidence, never"]
    assert decode_rows(model, MIXED, always) != decode_rows(model, MIXED, never)


@pytest.mark.parametrize("decoder", TRIED)
def test_temperature_zero_ignores_the_seed(decoder: str, model: MaskedDiffusionModel) -> None:
    setting = COMBINATIONS[f"{decoder}, coverage_gap"]
    check_seeds_unread(model, [[1, 2, 3], [4]], setting)


@pytest.mark.parametrize("name", ["temperature", "top_p", "edits drawn", "random remasking"])
def test_seeds_decide_what_is_drawn(name: str, model: MaskedDiffusionModel) -> None:
    setting, prompts = COMBINATIONS[name], [[1, 2, 3], [4]]
    first = decode(model, prompts, setting, seeds=[1, 2])
    assert decode(model, prompts, setting, seeds=[1, 2]) == first
    others = [decode(model, prompts, setting, seeds=[seed, 2]) for seed in range(3, 9)]
    assert all(other[1] == first[1] for other in others)
    assert any(other[0] != first[0] for other in others)


def test_an_unreachable_threshold_is_one_token_per_step(model: MaskedDiffusionModel) -> None:
    """Users cannot set a threshold above 1 (they have fixed_steps); here the rule is given one directly."""
    beyond = Confidence()
    object.__setattr__(beyond, "threshold", 1.5)
    base = COMBINATIONS["confidence, never"]
    traces = decode(model, MIXED, replace(base, decoder=beyond))
    assert all(trace.nfe == GEN for trace in traces)
    assert traces == decode(model, MIXED, replace(base, decoder=FixedSteps()))


def test_threshold_zero_is_one_step_per_block(model: MaskedDiffusionModel) -> None:
    setting = replace(COMBINATIONS["confidence, never"], decoder=Confidence(threshold=0.0))
    assert decode(model, [[1, 2, 3]], setting)[0].nfe == GEN // BLOCK
