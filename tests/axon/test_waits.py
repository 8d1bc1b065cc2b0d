"""How often a pass waits for the device: once at its end, and at most once more."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

from axon import AxonSettings, DecodeSettings, MaskedDiffusionModel, decode
from axon.decoders import DECODERS
from axon.gates import GATES
from axon.laws.rows import decode_rows
from axon.policies import POLICIES
from axon.roundings import rows_round_alone
from axon.sampler import Sampler
from benchmarks.counted import Asked, Waits
from tests.axon.test_cache import shifted
from tests.axon.test_laws import COMBINATIONS, MIXED, VARIED
from tests.axon.toy_model import toy_model
from tests.axon.with_defaults import with_defaults

Marks = list[list[tuple[int, int]]]

PROMPTS = [[1, 2, 3], [4, 5], [6, 7, 8, 9], [10]]
ENDS = ["full", "stop_at_eos", "confidence_eos_eot_inf", "logits_eos_inf"]


@pytest.fixture
def waited(monkeypatch: pytest.MonkeyPatch) -> Marks:
    """For each stretch of passes between changes of the batch, what had been counted before each, and after.

    Waits as Python makes them, and operators that ask the device, wherever they are called.
    """
    monkeypatch.setattr("axon.models.product.sooner", lambda: False)  # no trial of products, once a process
    rows_round_alone(4)  # the other trial of once a process: now
    marks: Marks = []
    waits, asked = Waits(), Asked()
    plain_step, plain_until = Sampler.one_step, Sampler.until_finish

    def one_step(self: Any, *given: Any) -> Any:
        marks[-1].append((waits.total, asked.total))
        return plain_step(self, *given)

    def until_finish(self: Any, batch: Any) -> Any:
        marks.append([])
        with waits, asked:
            found = plain_until(self, batch)
        marks[-1].append((waits.total, asked.total))
        return found

    monkeypatch.setattr(Sampler, "one_step", one_step)
    monkeypatch.setattr(Sampler, "until_finish", until_finish)
    return marks


def per_pass(marks: Marks) -> list[int]:
    """Waits in each pass. All that operators ask is among them; what is read at a pass's end goes by none."""
    found = [
        (waits - before, asked - asked_before)
        for own in marks
        for (before, asked_before), (waits, asked) in itertools.pairwise(own)
    ]
    assert all(asked < waits for waits, asked in found), "something asks the device behind Python's back"
    return [waits for waits, _ in found]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("decoder", "gate", "policy"),
    [
        (decoder, gate, list(POLICIES)[(row // 3 + column) % len(POLICIES)])
        for row, decoder in enumerate(DECODERS)
        for column, gate in enumerate(GATES)
        if (row + column) % 3 == 0
    ],
)
def test_a_pass_waits_twice_at_most(
    decoder: str, gate: Any, policy: Any, model: MaskedDiffusionModel, waited: Marks
) -> None:
    """Every gate meets every policy, and every decoder a third of the gates."""
    axon = AxonSettings(gate=gate, policy=policy, attention_layers="all", tau_sink="4x", max_anchor_steps=3)
    settings = DecodeSettings(gen_length=8, block_length=4, decoder=with_defaults(decoder), axon=axon)
    decode(model, PROMPTS, settings, seeds=range(4), batch_size=3)
    found = per_pass(waited)
    assert len(found) > 5 and max(found) <= 2
    if gate == "never" and decoder != "dawn":
        assert set(found) == {1}


@pytest.mark.slow
@pytest.mark.parametrize("end_of_text", ENDS)
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_rules_at_the_end_of_a_text_and_draws_wait_for_nothing(
    end_of_text: Any, temperature: float, model: MaskedDiffusionModel, waited: Marks
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
        decode(model, PROMPTS, settings, seeds=range(4), batch_size=3)
    assert set(per_pass(waited)) == {1}


CACHES: list[tuple[Callable[[], MaskedDiffusionModel], Any]] = [
    (toy_model, "none"),
    (lambda: toy_model("sdar"), "block"),
    (shifted, "block"),
    (toy_model, "prefix"),
    (lambda: toy_model("dream"), "dual"),
]


def in_turn(number: int, setting: DecodeSettings) -> tuple[Callable[[], MaskedDiffusionModel], Any]:
    """One of CACHES, as far as the decoder can do with it."""
    if setting.decoder.wider:
        return CACHES[number % 2][0], "none"
    family, cache = CACHES[number % len(CACHES)]
    return family, "none" if setting.decoder.reads_later_blocks else cache


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "name"), [pair for pair in enumerate(COMBINATIONS) if (pair[0] + pair[0] // 2) % 2 == 0]
)
def test_so_does_one_of_any_decoder_family_and_cache(number: int, name: str, waited: Marks) -> None:
    """Decoders that take tokens back, too, whose log of events grows; each by itself or with AXON, with families and
    caches in turns.
    """
    setting = (COMBINATIONS, VARIED)[number % 2][name]
    family, cache = in_turn(number, setting)
    rows = "visible" if cache == "block" else setting.sink_rows
    model, setting = family(), replace(setting, cache=cache, sink_rows=rows)
    decode_rows(model, MIXED[2:3], setting)  # token ids are sent once, the first time
    waited.clear()
    decode_rows(model, MIXED, setting, 3)
    found = per_pass(waited)
    assert len(found) > 3 and max(found) <= 2


def test_what_waits_is_counted() -> None:
    numbers, chosen = torch.arange(3), torch.tensor([True, False, True])
    with Waits() as waits:
        bool(numbers[0]), int(numbers[0]), numbers.tolist(), numbers[0].item()
        chosen.nonzero(), numbers[chosen], torch.tensor([1], device="cpu")
        numbers + numbers, numbers[numbers], torch.where(chosen, numbers, 0), torch.tensor([1])
    assert waits.total == 7, dict(waits.by_name)


def test_what_operators_ask_is_counted() -> None:
    numbers, chosen = torch.arange(3), torch.tensor([True, False, True])
    with Asked() as asked:
        numbers[:2].sum().item(), torch.equal(numbers, numbers), numbers[chosen], chosen.nonzero()
        numbers + numbers, numbers[numbers], torch.where(chosen, numbers, 0)
        numbers[chosen] = 1
        numbers.repeat_interleave(numbers)
        torch.arange(numbers[2])
    assert asked.total == 7, dict(asked.by_name)
