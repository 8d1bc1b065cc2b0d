"""Decoders of the literature that take tokens back: decodes are those of their releases' loops, event by event."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cache
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from axon import (
    AxonSettings,
    DecodeSettings,
    FixedSteps,
    Hierarchy,
    HierarchyRemasking,
    MaskedDiffusionModel,
    Rcr,
    Trace,
    decode,
    load_model,
)
from axon.laws.rows import decode_rows
from axon.state import StepState
from tests.axon.plain_revising import Plain, Rule, hierarchy, rcr
from tests.axon.test_golden import GOLDEN
from tests.axon.test_laws import MIXED
from tests.axon.toy_decoders import TOYS
from tests.axon.toy_model import shared_model, toy_model

GEN, BLOCK = 32, 16
OFF = AxonSettings(gate="never", tau_sink="2x")
AXONS = {
    "alone": OFF,
    "always": replace(OFF, gate="always", policy="cover", max_anchor_steps=3),
}
# Each as a setting and as the release's loop, which knows the steps of a block.
RULES: dict[str, tuple[Any, Rule]] = {
    "rcr, a token a step": (Rcr(), rcr(16)),
    "rcr, 14 steps": (Rcr(steps=14), rcr(7)),
    "hierarchy": (HierarchyRemasking(), hierarchy(0.9, 0.4, 0.4)),
    "hierarchy, doubtful": (
        HierarchyRemasking(threshold=0.7, low_threshold=0.2, remask_threshold=0.7),
        hierarchy(0.7, 0.2, 0.7),
    ),
}
OFTEN = "rcr, a token a step", "hierarchy, doubtful"  # these take back most; of the others each way has one
WAYS = [
    ("llada", {}),
    ("llada", {"cache": "prefix"}),
    ("llada", {"block_alignment": "absolute", "cache": "dual"}),
    ("dream", {}),
    ("dream", {"cache": "prefix"}),
    ("dream", {"cache": "dual"}),
    ("sdar", {"cache": "block", "sink_rows": "visible"}),
    ("sdar", {"block_alignment": "absolute"}),
    ("sdar", {"block_alignment": "absolute", "cache": "block", "sink_rows": "visible"}),
]
# One or two of each format, where a decoder takes nothing back: alone and with AXON.
EACH_FORMAT = [*((*WAYS[0], axon) for axon in AXONS), (*WAYS[4], "alone"), (*WAYS[8], "always")]


@cache
def golden(family: str) -> tuple[dict[str, Any], dict[str, torch.Tensor], MaskedDiffusionModel]:
    folder = GOLDEN / f"{family}-tiny"
    config = json.loads((folder / "config.json").read_text())
    return config, load_file(folder / "model.safetensors"), load_model(folder)


def prompts_of(family: str) -> list[list[int]]:
    """Two of the recorded ones, of different lengths."""
    cases = json.loads((GOLDEN / f"{family}.json").read_text())["cases"]
    by_length = {len(case["prompt"]): case["prompt"] for case in cases}
    return [by_length[length] for length in sorted(by_length)[-2:]]


def anchors_of(trace: Trace) -> dict[int, set[int]]:
    """What AXON revealed in each of its steps."""
    return {
        step: {event.position for event in trace.events if event.step == step and event.kind == "reveal"}
        for step in trace.axon_steps
    }


def decoded_as_plain(
    family: str, further: Any, axon: str, prompts: list[list[int]], rules: Iterable[tuple[Any, Rule]]
) -> Iterator[tuple[Any, Trace]]:
    """Decodes by each decoder, once each is found to be its plain loop's, event by event, told what AXON chose."""
    config, tensors, model = golden(family)
    absolute = further.get("block_alignment") == "absolute"
    plain = Plain(config, tensors, GEN, BLOCK, further.get("cache", "none"), absolute, family == "sdar")
    for decoder, rule in rules:
        setting = DecodeSettings(GEN, BLOCK, decoder=decoder, axon=AXONS[axon], **further)
        for prompt, trace in zip(prompts, decode(model, prompts, setting), strict=True):
            tokens, events = plain.decode(prompt, rule, anchors_of(trace))
            assert [tuple(event[:4]) for event in trace.events] == events
            assert list(trace.tokens) == tokens
            assert trace.nfe == 1 + events[-1][0]
            yield decoder, trace


@pytest.mark.slow
@pytest.mark.skipif(not GOLDEN.is_dir(), reason=f"the recorded cases are not here: {GOLDEN}")
@pytest.mark.parametrize(
    ("family", "further", "axon", "rules"),
    [
        (*way, list(AXONS)[number % 2], (*OFTEN, ("rcr, 14 steps", "hierarchy")[number // 2 % 2]))
        for number, way in enumerate(WAYS)
    ],
)
def test_decodes_are_those_of_the_releases_loops(
    family: str, further: Any, axon: str, rules: tuple[str, ...]
) -> None:
    """Under AXON the loop is told what AXON chose; what is taken back is its own business."""
    happened, tried = Counter[str](), [RULES[name] for name in rules]
    for decoder, trace in decoded_as_plain(family, further, axon, prompts_of(family), tried):
        happened.update(f"{decoder.name} {event.kind}" for event in trace.events)
        happened["axon"] += len(trace.axon_steps)
    assert happened["rcr remask"] > 5 and happened["hierarchy_remasking remask"] > 5
    assert happened["hierarchy_remasking replace"] > 5 and bool(happened["axon"]) == (axon != "alone")


def masks_after(trace: Trace) -> list[int]:
    """How many positions are masked after each step."""
    left, found = len(trace.tokens), []
    for step in range(trace.nfe):
        kinds = Counter(event.kind for event in trace.events if event.step == step)
        left += kinds["remask"] - kinds["reveal"]
        found.append(left)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("steps", [None, 8, 6, 4, 2])
def test_as_many_are_masked_after_each_step_as_with_fixed_steps(steps: int | None) -> None:
    """So it takes as many steps, at absolute places and where tokens are drawn, too."""
    remasked = 0
    for further in ({}, {"block_alignment": "absolute"}, {"temperature": 0.7}):
        for seed in range(6):
            model, plain = toy_model(seed=seed), DecodeSettings(8, 4, axon=OFF, **further)
            found = decode_rows(model, MIXED, replace(plain, decoder=Rcr(steps=steps)))
            fixed = decode_rows(model, MIXED, replace(plain, decoder=FixedSteps(steps=steps)))
            assert list(map(masks_after, found)) == list(map(masks_after, fixed))
            remasked += sum(event.kind == "remask" for trace in found for event in trace.events)
    assert bool(remasked) == (steps not in (2, 4)), "a block of 4 in one step or two has nothing to take back"


def test_confidences_that_stay_take_nothing_back() -> None:
    """It is `fixed_steps` then; and with a step for each block whatever they do."""
    generator = torch.Generator().manual_seed(0)
    confidence_BK = torch.rand((3, 12), generator=generator, dtype=torch.float64)
    for steps in (1, 3, 5, 12):
        rcr, fixed = Rcr(steps=steps), FixedSteps(steps=steps)
        memory = rcr.new_state(3, 12, 12, 9, torch.device("cpu"))
        masked_BK = torch.ones_like(confidence_BK, dtype=torch.bool)
        for step in range(steps):
            state: Any = SimpleNamespace(
                masked_BK=masked_BK,
                confidence_BK=confidence_BK,
                block_step_B=torch.full((3,), step),
                gen_length=12,
                rank=StepState.rank,
                revisable=lambda masked_BK=masked_BK: ~masked_BK,
                decoder_state=memory,
            )
            proposal = rcr.propose(state)
            assert torch.equal(proposal.reveal_BK, fixed.propose(state).reveal_BK)
            assert proposal.remask_BK is not None and not proposal.remask_BK.any()
            masked_BK = masked_BK & ~proposal.reveal_BK
    model, once = toy_model(), DecodeSettings(8, 4, axon=OFF)
    assert decode(model, MIXED, replace(once, decoder=Rcr(steps=2))) == decode(
        model, MIXED, replace(once, decoder=FixedSteps(steps=2))
    )


@pytest.mark.slow
def test_what_axon_delays_is_made_up_for() -> None:
    """The schedule says how many hold a token, whoever has revealed them: only AXON's last steps can come on top."""
    for steps, budget in ((8, 1), (8, 3), (6, 2), (4, 1)):
        axon = replace(OFF, gate="always", attention_layers="last 1", max_anchor_steps=budget)
        setting = DecodeSettings(8, 4, decoder=Rcr(steps=steps), axon=axon)
        for seed in range(6):
            for trace in decode_rows(toy_model(seed=seed), MIXED, setting):
                assert steps <= trace.nfe <= steps + 2 * budget
                late = budget >= steps // 2  # AXON may act in the last step of a block
                assert late or trace.nfe == steps


@pytest.mark.slow
@pytest.mark.parametrize(("family", "cache"), [("llada", "none"), ("dream", "none"), ("dream", "dual")])
def test_no_row_takes_more_steps_than_its_settings_say(family: str, cache: Any) -> None:
    """Of these, `rcr` takes all that they say: AXON holds it back to the end."""
    most = 0
    for decoder in (Rcr(), Rcr(steps=2), HierarchyRemasking(remask_threshold=1.0), TOYS["remasking_forever"]):
        for budget in (0, 1, 3):
            gate: Any = "always" if budget else "never"
            axon = replace(OFF, gate=gate, attention_layers="last 1", max_anchor_steps=max(1, budget))
            setting = DecodeSettings(8, 4, decoder=decoder, axon=axon, cache=cache)  # type: ignore[arg-type]
            for seed in range(2):
                for trace in decode_rows(shared_model(family, seed), MIXED, setting):
                    assert trace.nfe <= 2 * setting.most_steps(all_open=cache == "none")
                    most += decoder == Rcr(steps=2) and trace.nfe == 2 * setting.most_steps(all_open=True)
    assert most


@pytest.mark.slow
@pytest.mark.parametrize("axon", AXONS)
@pytest.mark.parametrize("further", [{}, {"temperature": 0.7}, {"end_of_text": "confidence_eos_eot_inf"}])
def test_without_doubt_it_is_hierarchy(further: Any, axon: str) -> None:
    for seed in range(3):
        model = toy_model(seed=seed)
        plain = DecodeSettings(8, 4, axon=replace(AXONS[axon], attention_layers="last 1"), **further)
        known = {"threshold": 0.7, "low_threshold": 0.3}
        expected = decode_rows(model, MIXED, replace(plain, decoder=Hierarchy(**known)))
        never = HierarchyRemasking(**known, remask_threshold=0.0)
        assert decode_rows(model, MIXED, replace(plain, decoder=never)) == expected
        doubting = HierarchyRemasking(**known, remask_threshold=0.6)
        assert decode_rows(model, MIXED, replace(plain, decoder=doubting)) != expected


@pytest.mark.slow
def test_fewer_masks_are_left_after_each_step_of_hierarchy_remasking() -> None:
    """However much it doubts: so a block of K takes K steps at most, without AXON."""
    for doubt in (0.5, 1.0):
        decoder = HierarchyRemasking(remask_threshold=doubt)
        for further in ({}, {"temperature": 1.0}, {"end_of_text": "confidence_eos_eot_inf"}):
            setting, taken = DecodeSettings(16, 16, decoder=decoder, axon=OFF, **further), Counter[str]()
            for seed in range(4):
                for trace in decode_rows(toy_model(seed=seed), MIXED, setting):
                    left = [16, *masks_after(trace)]
                    assert all(after < before for before, after in pairwise(left))
                    taken.update(event.kind for event in trace.events)
            assert taken["remask"] and taken["replace"]


@pytest.mark.parametrize("decoder", [Rcr(), HierarchyRemasking(remask_threshold=1.0)])
def test_the_prompts_remainder_is_never_taken_back(decoder: Any) -> None:
    """Not proposed either: what the sampler leaves out would be missing among what is revealed in its place."""
    seen: list[tuple[list[int], list[int]]] = []

    class Watching(type(decoder)):  # type: ignore[misc]
        def propose(self, state: StepState) -> Any:
            proposal = super().propose(state)
            asked_BK = (
                proposal.remask_BK
                if proposal.replace_BK is None
                else proposal.remask_BK | proposal.replace_BK
            )
            seen.append((state.places_BK[0, :1].tolist(), asked_BK[0].nonzero()[:, 0].tolist()))
            return proposal

    setting = DecodeSettings(8, 4, decoder=Watching(**vars(decoder)), axon=OFF, block_alignment="absolute")
    for seed in range(4):
        decode(toy_model(seed=seed), [[1, 2, 3, 4, 5, 23]], setting)
    assert any(places for _, places in seen)
    assert all(min(places) >= 2 for [start], places in seen if start == 0 and places)


@pytest.mark.parametrize(
    ("make", "line"),
    [
        (lambda: Rcr(steps=0), "decoder.steps=0: "),
        (
            lambda: DecodeSettings(8, 4, decoder=Rcr(steps=3)),
            "decoder.steps=3: must be a multiple of the 2 blocks",
        ),
        (lambda: HierarchyRemasking(threshold=1.1), "decoder.threshold=1.1: "),
        (lambda: HierarchyRemasking(low_threshold=-1), "decoder.low_threshold=-1: "),
        (lambda: HierarchyRemasking(remask_threshold=2), "decoder.remask_threshold=2: "),
    ],
)
def test_wrong_values_are_told(make: Any, line: str) -> None:
    with pytest.raises(ValueError, match=line):
        make()
