"""What the laws are tried on: random networks and prompts, under settings of every kind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from axon.decoders import Decoder
from axon.laws.network import MASK, VOCAB, toy_model
from axon.models.model import MaskedDiffusionModel
from axon.settings import AxonSettings, DecodeSettings

GEN, BLOCK = 8, 4
# Settings of AXON under which the small networks leave it something to do.
SMALL: dict[str, Any] = {
    "tau_sink": "2x",
    "target_nfe": 2,
    "attention_layers": "last 1",
    "max_anchor_steps": 2,
}
# block_alignment, sink_rows, axon.budget_counts, end_of_text
VARIATIONS: list[tuple[Any, Any, Any, Any]] = [
    ("absolute", "visible", "steps", "logits_eos_inf"),
    ("absolute", "canvas", "interventions", "confidence_eos_eot_inf"),
    ("absolute", "visible", "interventions", "full"),
    ("prompt", "visible", "steps", "confidence_eos_eot_inf"),
    ("absolute", "canvas", "steps", "full"),
]
AXONS: list[dict[str, Any]] = [
    {"gate": "never"},
    {"gate": "coverage_gap"},
    {"gate": "always", "policy": "cover"},
    {"gate": "always", "combine": "union"},
]
RULES: list[dict[str, Any]] = [  # beside a gate or a policy that is tried
    {"policy": "fixed", "anchors": 3},
    {"policy": "cover", "combine": "union"},
    {"policy": "density", "objective": "graph_cut"},
    {"policy": "cover", "gate": "coverage_gap"},
]
FAMILIES = ("llada", "dream", "sdar")
TEMPERATURES = (0.0, 0.0, 0.7)
LONGEST, MOST = 9, 4  # tokens of a prompt, prompts


@dataclass(frozen=True)
class Case:
    """Prompts are told apart by their first tokens, and hold no mask token."""

    seed: int
    family: str
    model: MaskedDiffusionModel
    prompts: list[list[int]]
    setting: DecodeSettings
    batch_size: int

    def __str__(self) -> str:
        own = self.setting
        return (
            f"seed {self.seed}, {self.family}, {len(self.prompts)} prompts, gate {own.axon.gate}, "
            f"policy {own.axon.policy}, combine {own.axon.combine}, temperature {own.temperature:g}, "
            f"{own.block_alignment} blocks, end_of_text {own.end_of_text}, batch {self.batch_size}"
        )


def varied(setting: DecodeSettings, number: int) -> DecodeSettings:
    """The setting with the variation of that number."""
    alignment, rows, counts, ends = VARIATIONS[number % len(VARIATIONS)]
    if not setting.decoder.reads_confidence and ends == "confidence_eos_eot_inf":
        ends = "logits_eos_inf"
    axon = replace(setting.axon, budget_counts=counts)
    return replace(setting, block_alignment=alignment, sink_rows=rows, end_of_text=ends, axon=axon)


def of_rule(part: str, name: str, own: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Settings of AXON with that `gate` or `policy`."""
    chosen = {part: name, "own": own}
    return [{"gate": "always"} | beside | chosen for beside in RULES]


def cases(decoder: Decoder, count: int, axons: Sequence[Mapping[str, Any]] = AXONS) -> Iterator[Case]:
    """That many, always the same ones, under each of `axons` by turns.

    Raises ValueError where such a decoder can't decode answers of GEN tokens, or has a table of more tokens than the
    networks have.
    """
    any_decoder: Any = decoder  # to type checkers settings hold one of those that are here
    DecodeSettings(GEN, BLOCK, decoder=any_decoder)
    try:
        decoder.new_state(1, GEN, BLOCK, VOCAB, torch.device("cpu"))
    except ValueError as error:
        raise ValueError(
            f"{error} (the laws' networks have {VOCAB}: a table of such tokens will do)"
        ) from None
    families = [family for family in FAMILIES if family != "dream" or not decoder.needs_shadow]
    for seed in range(count):
        generator = torch.Generator().manual_seed(seed)

        def below(most: int, drawn: torch.Generator = generator) -> int:
            return int(torch.randint(most, (1,), generator=drawn))

        firsts = torch.randperm(MASK, generator=generator)[: 2 + below(MOST - 1)].tolist()
        prompts = [[first, *(below(MASK) for _ in range(below(LONGEST)))] for first in firsts]
        setting = DecodeSettings(
            GEN,
            BLOCK,
            temperature=TEMPERATURES[seed % len(TEMPERATURES)],
            decoder=any_decoder,
            axon=AxonSettings(**SMALL, **axons[seed % len(axons)]),
        )
        variation = below(len(VARIATIONS) + 1)
        if variation:
            setting = varied(setting, variation - 1)
        family = families[below(len(families))]
        yield Case(seed, family, toy_model(family, seed), prompts, setting, 1 + below(MOST))
