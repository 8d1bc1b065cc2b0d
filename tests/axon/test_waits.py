"""How often a pass waits for the device: once at its end, and at most once more."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch

from axon import AxonSettings, DecodeSettings, MaskedDiffusionModel, decode
from axon.decoders import DECODERS
from axon.gates import GATES
from axon.policies import POLICIES
from axon.sampler import Sampler
from benchmarks.counted import Waits

PROMPTS = [[1, 2, 3], [4, 5], [6, 7, 8, 9], [10], [11, 12, 13]]
ENDS = ["full", "stop_at_eos", "confidence_eos_eot_inf", "logits_eos_inf"]


@pytest.fixture
def waited(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """For each stretch of passes between changes of the batch, how many waits there had been before each, and after."""
    marks: list[list[int]] = []
    waits = Waits()
    plain_step, plain_until = Sampler.one_step, Sampler.until_finish

    def one_step(self: Any, *given: Any) -> Any:
        marks[-1].append(waits.total)
        return plain_step(self, *given)

    def until_finish(self: Any, batch: Any) -> Any:
        marks.append([])
        with waits:
            found = plain_until(self, batch)
        marks[-1].append(waits.total)
        return found

    monkeypatch.setattr(Sampler, "one_step", one_step)
    monkeypatch.setattr(Sampler, "until_finish", until_finish)
    return marks


def per_pass(marks: list[list[int]]) -> list[int]:
    return [after - before for own in marks for before, after in itertools.pairwise(own)]


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("gate", GATES)
def test_a_pass_waits_twice_at_most(
    decoder: str, gate: Any, model: MaskedDiffusionModel, waited: list[list[int]]
) -> None:
    for policy in POLICIES:
        axon = AxonSettings(
            gate=gate, policy=policy, attention_layers="all", tau_sink="4x", max_anchor_steps=3
        )  # type: ignore[arg-type]
        settings = DecodeSettings(gen_length=8, block_length=4, decoder=DECODERS[decoder](), axon=axon)
        decode(model, PROMPTS, settings, seeds=range(5), batch_size=3)
    found = per_pass(waited)
    assert len(found) > 20 and max(found) <= 2
    if gate == "never" and decoder != "dawn":
        assert set(found) == {1}


@pytest.mark.parametrize("end_of_text", ENDS)
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_rules_at_the_end_of_a_text_and_draws_wait_for_nothing(
    end_of_text: Any, temperature: float, model: MaskedDiffusionModel, waited: list[list[int]]
) -> None:
    settings = DecodeSettings(
        gen_length=8,
        block_length=4,
        temperature=temperature,
        end_of_text=end_of_text,
        axon=AxonSettings(gate="never"),
    )
    for _ in range(2):  # token ids are sent once, the first time
        waited.clear()
        decode(model, PROMPTS, settings, seeds=range(5), batch_size=3)
    assert set(per_pass(waited)) == {1}


def test_what_waits_is_counted() -> None:
    numbers, chosen = torch.arange(3), torch.tensor([True, False, True])
    with Waits() as waits:
        bool(numbers[0]), int(numbers[0]), numbers.tolist(), numbers[0].item()
        chosen.nonzero(), numbers[chosen], torch.tensor([1], device="cpu")
        numbers + numbers, numbers[numbers], torch.where(chosen, numbers, 0), torch.tensor([1])
    assert waits.total == 7, dict(waits.by_name)
