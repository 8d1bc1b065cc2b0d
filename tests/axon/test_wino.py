"""WINO: its decodes beside those of the definition, its rule beside a plain one, and what its shadows see."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from axon import (
    AxonSettings,
    DecodeSettings,
    MaskedDiffusionModel,
    Trace,
    Wino,
    decode,
    load_model,
)
from axon.rows import keep_rows
from axon.state import StepState
from tests.axon.plain_wino import plain_wino
from tests.axon.test_golden import GOLDEN
from tests.axon.test_laws import MIXED
from tests.axon.toy_model import MASK, toy_model

OFF = AxonSettings(gate="never")
# Twice a block, and in every step of it.
TWICE = AxonSettings(gate="always", tau_sink="2x", attention_layers="last 1", max_anchor_steps=2, anchors=2)
ALWAYS = replace(TWICE, max_anchor_steps=1000, anchors=1)
FORMATS = [("llada", (48, 24)), ("sdar", (32, 8))]

Steps = list[tuple[list[int], list[int]]]


def done(trace: Trace) -> Steps:
    """What each step has revealed and masked again."""
    steps: Steps = [([], []) for _ in range(trace.nfe)]
    for event in trace.events:
        steps[event.step][event.kind == "remask"].append(event.position)
    return steps


@cache
def golden(family: str) -> tuple[dict[str, Any], dict[str, Tensor], MaskedDiffusionModel, list[list[int]]]:
    folder = GOLDEN / f"{family}-tiny"
    cases = json.loads((GOLDEN / f"{family}.json").read_text())["cases"]
    config = json.loads((folder / "config.json").read_text())
    return (
        config,
        load_file(folder / "model.safetensors"),
        load_model(folder),
        [case["prompt"] for case in cases],
    )


@pytest.mark.slow
@pytest.mark.skipif(not GOLDEN.is_dir(), reason=f"the recorded cases are not here: {GOLDEN}")
@pytest.mark.parametrize(
    ("family", "lengths", "axon", "thresholds"),
    [  # any two of them meet
        (*(FORMATS[(row + column) % 2]), axon, thresholds)
        for row, axon in enumerate([OFF, TWICE, replace(TWICE, combine="union")])
        for column, thresholds in enumerate([(0.6, 0.9), (0.2, 0.3), (0.05, 0.9)])
    ],
    ids=str,
)
def test_decodes_are_those_of_the_definition(
    family: str, axon: AxonSettings, thresholds: tuple[float, float], lengths: tuple[int, int]
) -> None:
    """Tokens, and what each step reveals and remasks. Where AXON reveals, the definition is told what, and so has to
    propose anew from there.
    """
    config, tensors, model, prompts = golden(family)
    decoder = Wino(threshold=thresholds[0], threshold_back=thresholds[1])
    settings = DecodeSettings(*lengths, decoder=decoder, axon=axon)
    both = [prompts[0], next(prompt for prompt in prompts if len(prompt) != len(prompts[0]))]
    traces, again = decode(model, both, settings), 0
    for prompt, trace in zip(both, traces, strict=True):
        steps = done(trace)

        def overrule(step: int, proposed: list[int]) -> list[int]:
            taken = step in trace.axon_steps  # noqa: B023 - called at once
            return steps[step][0] if taken else proposed  # noqa: B023

        assert (list(trace.tokens), steps) == plain_wino(
            config, tensors, prompt, lengths, thresholds, overrule
        )
        assert bool(trace.axon_steps) == (axon is not OFF)
        again += sum(len(remasked) for _, remasked in steps)
    assert again or thresholds != (0.05, 0.9)


class Rows:
    """Blocks that are decoded: beliefs of each step whatever is revealed, and AXON in some of them."""

    LENGTH = 32

    def __init__(self, seed: int) -> None:
        random = Random(seed)
        self.given = random.choice([0, 0, 3, 9])  # of the prompt's remainder
        self.masked = set(range(self.given, self.LENGTH))
        self.overruled = Random(-seed) if seed % 3 == 0 else None
        low = random.choice([0.0, 0.3, 0.7])
        made = [[low + random.random() * (1 - low) for _ in range(2 * self.LENGTH)] for _ in range(60)]
        self._c = [one[: self.LENGTH] for one in made]
        self._back = [one[self.LENGTH :] for one in made]
        self.steps: Steps = []

    @property
    def c(self) -> list[float]:
        return self._c[len(self.steps)]

    @property
    def back(self) -> list[float]:
        return self._back[len(self.steps)]

    def step(self, proposed: set[int], again: set[int]) -> int:
        """How many are revealed."""
        self.steps.append((sorted(proposed), sorted(again)))
        if self.overruled is not None and self.overruled.random() < 0.5:
            proposed = {self.overruled.choice(sorted(self.masked))}
        self.masked = (self.masked - proposed) | again
        return len(proposed)


def reference(rule: Wino, row: Rows) -> set[str]:
    """Decodes it; says what has happened."""
    met, accepted = set[str](), 30
    while row.masked:
        by_c = sorted(row.masked, key=lambda i: -row.c[i])
        sure = [i for i in by_c if row.c[i] > rule.threshold] or by_c[:1]
        proposed = sure[: min(max(int(len(row.masked) * 0.7), 5), 20)]
        met |= {"capped"} if len(proposed) < len(sure) else set()
        doubted = [
            i
            for i in range(row.given, row.LENGTH)
            if i not in row.masked and row.back[i] < rule.threshold_back
        ]
        if len(proposed) < 2:
            met |= {"single"} if doubted else set()
            doubted = []
        elif len(doubted) >= accepted:
            doubted = sorted(doubted, key=lambda i: row.back[i])[: accepted - 1]
            met.add("fewer")
        elif doubted:
            met.add("all")
        accepted = row.step(set(proposed), set(doubted))
    return met


@pytest.mark.slow
@pytest.mark.parametrize(
    "rule", [Wino(), Wino(threshold=0.8, threshold_back=0.4), Wino(threshold=0.1, threshold_back=0.5)]
)
def test_it_proposes_what_the_rule_says(rule: Wino) -> None:
    """Rows with and without a remainder of the prompt, which end at their own times, as others enter."""
    expected, rows = ([Rows(seed) for seed in range(40)] for _ in range(2))
    met = set().union(*(reference(rule, row) for row in expected))
    waiting = iter(rows)
    held = [next(waiting) for _ in range(4)]
    state = rule.new_state(4, 2 * Rows.LENGTH, Rows.LENGTH, 9, torch.device("cpu"))
    while held:
        step: Any = SimpleNamespace(
            masked_BK=torch.tensor([[i in row.masked for i in range(Rows.LENGTH)] for row in held]),
            confidence_BK=torch.tensor([row.c for row in held], dtype=torch.float64),
            shadow=lambda held=held: torch.tensor([row.back for row in held], dtype=torch.float64),
            block_step_B=torch.tensor([len(row.steps) for row in held]),
            decoder_state=state,
            rank=StepState.rank,
        )
        proposal = rule.propose(step)
        assert proposal.remask_BK is not None
        for row, shown, again in zip(held, proposal.reveal_BK, proposal.remask_BK, strict=True):
            row.step(set(shown.nonzero()[:, 0].tolist()), set(again.nonzero()[:, 0].tolist()))
        next_ones = [row if row.masked else next(waiting, None) for row in held]
        kept = [place for place, row in enumerate(next_ones) if row]
        state, held = (
            keep_rows(state, torch.tensor(kept, dtype=torch.long)),
            [row for row in next_ones if row],
        )
    assert [row.steps for row in rows] == [row.steps for row in expected]
    assert met == {"capped", "single", "fewer", "all"} or rule.threshold != 0.6


@pytest.mark.slow
@pytest.mark.parametrize("axon", [OFF, TWICE, ALWAYS, replace(ALWAYS, combine="union", anchors=3)], ids=str)
@pytest.mark.parametrize("block", [8, 12])
def test_a_block_takes_no_more_steps_than_it_has_positions(block: int, axon: AxonSettings) -> None:
    """Whatever AXON makes of a step: less is remasked than the step before it revealed."""
    again = 0
    for seed, thresholds in enumerate([(0.1, 1.0), (0.3, 0.9), (0.5, 0.6), (0.05, 0.99)]):
        decoder = Wino(threshold=thresholds[0], threshold_back=thresholds[1])
        for trace in decode(
            toy_model(seed=seed), MIXED, DecodeSettings(24, block, decoder=decoder, axon=axon)
        ):
            steps, remasked = done(trace), 0
            for number, (revealed, masked) in enumerate(steps):
                first = revealed[0] // block * block
                began = [n for n, (own, _) in enumerate(steps) if own[0] // block * block == first]
                assert len(began) <= block
                if number > began[0]:
                    assert len(masked) < len(steps[number - 1][0])
                else:
                    assert not masked
                remasked += len(masked)
            assert sum(len(revealed) for revealed, _ in steps) == 24 + remasked
            again += remasked
    assert again > 10 or axon is ALWAYS, "of a step that reveals one nothing may be taken back"


@pytest.mark.slow
def test_a_prompts_remainder_is_never_masked_again() -> None:
    """Nor is it counted: where all that is written may be doubted, as many are masked again as may be."""
    rule, again = Wino(threshold=0.2, threshold_back=1.0), 0
    settings = DecodeSettings(32, 16, decoder=rule, axon=OFF, block_alignment="absolute")
    for seed in range(4):
        for prompt in ([*range(16), 1, 2, 3], [*range(7)], [4, MASK, 5]):
            [trace] = decode(toy_model(seed=seed), [prompt], settings)
            given, written, accepted = len(prompt) % 16, set[int](), 30
            for revealed, masked in done(trace):
                if not written:
                    block, accepted = (given + revealed[0]) // 16, 30
                assert all(place >= 0 for place in masked) and set(masked) <= written
                may = min(len(written), accepted - 1) if len(revealed) > 1 else 0
                assert len(masked) == may
                again += may
                written, accepted = (written | {*revealed}) - {*masked}, len(revealed)
                if {given + place for place in written} >= {*range(max(given, 16 * block), 16 * (block + 1))}:
                    written = set()
    assert again > 30


@pytest.mark.parametrize("kind", ["block", "prefix", "dual"])
def test_a_cache_is_refused(kind: Any) -> None:
    with pytest.raises(
        ValueError, match=rf"^cache='{kind}': decoder wino .* shadow .*; use none or another decoder$"
    ):
        DecodeSettings(8, 4, decoder=Wino(), cache=kind, sink_rows="visible")


def test_a_model_that_predicts_from_the_position_before_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"^decoder\.name='wino': .* from the position before it; use another decoder or"
    ):
        decode(toy_model("dream"), MIXED, DecodeSettings(8, 4, decoder=Wino()))


@pytest.mark.parametrize("name", ["threshold", "threshold_back"])
@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan"), "0.5", True])
def test_thresholds_are_probabilities(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=rf"^decoder\.{name}="):
        Wino(**{name: value})
