"""CreditDecoding: the rule in plain Python, beside what a decode does; and what its settings come to at their ends."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from axon import AxonSettings, Confidence, Credit, DecodeSettings, decode
from axon.beliefs import most_likely
from axon.laws.rows import decode_rows
from axon.state import Plain
from tests.axon.toy_decoders import TOYS
from tests.axon.toy_model import EOS, MASK, VOCAB, toy_model

PROMPTS = [[1, 2, 3], [4, 5, 6, 7, 8, 9], [10], [11, 12, 13, 14], [15, 3]]
OFF = AxonSettings(gate="never")
ALWAYS = AxonSettings(gate="always", tau_sink="2x", attention_layers="last 1", max_anchor_steps=2, anchors=2)
GEN, BLOCK = 12, 6


def chances_of(logits: list[float]) -> list[float]:
    top = max(logits)
    raw = [math.exp(logit - top) for logit in logits]
    return [one / sum(raw) for one in raw]


def boosted(rule: Credit, steps: list[tuple[set[int], list[list[float]]]]) -> list[list[float]]:
    """The logits that the last of a block's steps believes, of what is masked in each and the model's own logits."""
    found = [list(row) for row in steps[-1][1]]
    for i, own in enumerate(found):
        credit: dict[int, float] = {}
        for masked, logits in steps:
            credit = {token: old * rule.beta for token, old in credit.items()}
            chances = chances_of(logits[i])
            top = max((t for t in range(len(chances)) if t != MASK), key=lambda t: (chances[t], -t))
            if i in masked:
                credit[top] = credit.get(top, 0.0) + chances[top] ** rule.gamma
        for token, has in credit.items():
            own[token] += rule.alpha * math.log(1 + has)
    return found


class Told:
    """Of every step of one row: what is masked, the model's logits, and what the decoder sees and proposes."""

    def __init__(self, model: Any) -> None:
        self.steps: list[dict[str, Any]] = []
        self.logits: list[Tensor] = []
        honest = model.logits

        def spied(*arguments: Any) -> Tensor:
            self.logits.append(honest(*arguments))
            return self.logits[-1].clone()

        model.logits = spied

    def asked(self, *told: Any) -> None:
        """Not needed."""

    def chose(self, rows_F: Any, support: Any, chosen_FK: Tensor, fires_F: Tensor | None) -> None:
        """The confidences that AXON chooses anchors by are checked by what is told of the step."""
        self.support = dict(enumerate(support.confidence_FK[0].tolist()))

    def stepped(self, batch: Any, state: Any, proposal_BK: Tensor) -> None:
        self.steps.append(
            {
                "first": int(state.block_step_B[0]) == 0,
                "masked": {i for i, masked in enumerate(state.masked_BK[0].tolist()) if masked},
                "tokens": state.token_BK[0].tolist(),
                "c": state.confidence_BK[0].tolist(),
                "p_max": state.p_max_BK[0].tolist(),
                "log_probs": state.log_probs()[0].exp(),
                "proposal": {i for i, shown in enumerate(proposal_BK[0].tolist()) if shown},
                "support": self.__dict__.pop("support", None),
            }
        )


@pytest.mark.parametrize("axon", [OFF, ALWAYS], ids=["alone", "axon"])
@pytest.mark.parametrize(
    "own", [Credit(threshold=0.6), Credit(threshold=1.0, alpha=2.0, beta=0.9, gamma=0.0)]
)
def test_a_step_believes_and_reveals_what_the_rule_says(own: Credit, axon: AxonSettings) -> None:
    settings, moved, raised, supported = DecodeSettings(GEN, BLOCK, decoder=own, axon=axon), 0, 0, 0
    for prompt in PROMPTS:
        model = toy_model(seed=3)
        told = Told(model)
        decode(model, [prompt], settings, watcher=told)
        block: list[tuple[set[int], list[list[float]]]] = []
        for step, logits in zip(told.steps, told.logits, strict=True):
            block = [] if step["first"] else block
            block.append((step["masked"], logits[0].tolist()))
            expected = [chances_of(row) for row in boosted(own, block)]
            torch.testing.assert_close(
                step["log_probs"], torch.tensor(expected).double(), rtol=1e-4, atol=1e-6
            )
            c = [max(chance for token, chance in enumerate(row) if token != MASK) for row in expected]
            assert step["c"] == step["p_max"] == pytest.approx(c, rel=1e-4)
            assert all(expected[i][token] == c[i] for i, token in enumerate(step["tokens"]))
            sure = {i for i in step["masked"] if c[i] >= own.threshold}
            assert step["proposal"] == (sure or {max(step["masked"], key=lambda i: (c[i], -i))})
            plain = [chances_of(row) for row in block[-1][1]]
            moved += any(
                step["tokens"][i] != max(range(MASK), key=plain[i].__getitem__) for i in step["masked"]
            )
            raised += any(plain[i][step["tokens"][i]] < own.threshold for i in sure)
            for i, weight in (step["support"] or {}).items():
                supported += 1
                assert weight == pytest.approx(c[i], rel=1e-4)
    assert (raised if own.threshold < 1 else moved) and bool(supported) == (axon is ALWAYS)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_credit_is_that_of_the_definition_on_random_logits(dtype: torch.dtype) -> None:
    """Rows at different steps of their blocks, some of which begin anew; likeliest tokens come back after others."""
    rule, rows, positions = Credit(alpha=1.3, beta=0.7, gamma=0.4), 3, 5
    generator = torch.Generator().manual_seed(0)
    state = rule.new_state(rows, 10, positions, VOCAB, torch.device("cpu"))
    seen: list[list[tuple[set[int], list[list[float]]]]] = [[] for _ in range(rows)]
    for step in range(15):
        counts = [step % (3 + row) for row in range(rows)]
        favoured = torch.randint(
            0, 3, (rows, positions), generator=generator
        )  # of so few that they come back
        noise_BKV = torch.randn((rows, positions, VOCAB), generator=generator)
        logits_BKV = (noise_BKV + 2 * torch.nn.functional.one_hot(favoured, VOCAB)).to(dtype)
        masked_BK = torch.rand((rows, positions), generator=generator) < 0.7
        for row, count in enumerate(counts):
            masked = {i for i in range(positions) if masked_BK[row, i]}
            seen[row] = [*seen[row][:count], (masked, logits_BKV[row].double().tolist())]
        plain = Plain(
            logits_BKV.clone(),
            masked_BK,
            torch.tensor(counts),
            state,
            lambda own=logits_BKV: most_likely(own, MASK)[:2],  # type: ignore[misc]
        )
        found_BKV = rule.boosted(plain)
        expected = torch.tensor([boosted(rule, one) for one in seen], dtype=torch.float64)
        torch.testing.assert_close(found_BKV.double(), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("axon", [OFF, ALWAYS], ids=["alone", "axon"])
@pytest.mark.parametrize(
    ("family", "further"),
    [
        ("llada", {}),
        ("llada", {"temperature": 0.7}),
        ("llada", {"temperature": 0.7, "top_p": 0.6}),
        ("llada", {"end_of_text": "confidence_eos_eot_inf"}),
        ("llada", {"end_of_text": "logits_eos_inf", "cache": "dual"}),
        ("dream", {"cache": "prefix"}),
        ("sdar", {"cache": "block", "sink_rows": "visible"}),
    ],
)
def test_without_weight_it_is_confidence(family: str, further: Any, axon: AxonSettings) -> None:
    """To the bit: `decode_rows` compares all of a trace, recorded confidences included."""
    model = toy_model(family)
    confidence = DecodeSettings(8, 4, decoder=Confidence(threshold=0.6), axon=axon, **further)
    expected = decode_rows(model, PROMPTS, confidence, 3)
    credit = replace(confidence, decoder=Credit(threshold=0.6, alpha=0.0))
    assert decode_rows(model, PROMPTS, credit, 3) == expected
    weighed = replace(confidence, decoder=Credit(threshold=0.6, alpha=2.0))
    assert decode_rows(model, PROMPTS, weighed, 3) != expected


def test_without_memory_it_knows_the_last_pass_alone() -> None:
    """A block's later steps then believe of its canvas what they would if they were its first."""
    rule = Credit(alpha=2.0, beta=0.0, gamma=0.5)
    state = rule.new_state(1, 4, 4, VOCAB, torch.device("cpu"))
    for step in range(4):
        logits_BKV = torch.randn((1, 4, VOCAB), generator=torch.Generator().manual_seed(step))
        marks_BK = torch.ones((1, 4), dtype=torch.bool)
        believed = [
            rule.boosted(
                Plain(
                    logits_BKV.clone(),
                    marks_BK,
                    torch.tensor([count]),
                    known,
                    lambda own=logits_BKV: most_likely(own, MASK)[:2],  # type: ignore[misc]
                )
            )
            for count, known in ((step, state), (0, rule.new_state(1, 4, 4, VOCAB, torch.device("cpu"))))
        ]
        assert torch.equal(*believed)


def test_what_the_end_of_text_rules_leave_out_stays_out() -> None:
    """However long an end of the text has been the likeliest token."""
    model = toy_model()
    honest = model.logits

    def ending(*arguments: Any) -> Tensor:
        logits = honest(*arguments)
        logits[..., EOS] += 40
        return logits

    model.logits = ending  # type: ignore[method-assign]
    own = DecodeSettings(8, 8, decoder=Credit(threshold=0.9, alpha=5.0), axon=OFF)
    [held] = decode(model, PROMPTS[:1], replace(own, end_of_text="confidence_eos_eot_inf"))
    assert EOS in held.tokens and {
        c for token, c in zip(held.tokens, held.confidences, strict=True) if token == EOS
    } == {0.0}
    [barred] = decode(model, PROMPTS[:1], replace(own, end_of_text="logits_eos_inf"))
    assert EOS not in barred.tokens


def test_decoders_that_boost_nothing_are_not_asked() -> None:
    assert Credit().boosts and not Confidence().boosts and not any(toy.boosts for toy in TOYS.values())
