"""A decode repeats itself, and tells the same leeway, under every threshold of that; beyond it it is another."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import pytest

from axon import DECODERS, AxonSettings, DecodeSettings, MaskedDiffusionModel, Trace, decode
from axon.laws.comparisons import check_leeway
from tests.axon.toy_decoders import TOYS
from tests.axon.toy_model import shared_model, toy_model

TELLING = {name: kind for name, kind in DECODERS.items() if kind.leeway_of}
OTHERS: dict[str, dict[str, Any]] = {
    "klass": {"kl_threshold": 0.5, "history": 1},
    "dawn": {"tau_edge": 0.1, "tau_induce": 0.3},
    "hierarchy": {"low_threshold": 0.2},
    "slow_fast": {"min_confidence": 0.95, "exploration_steps": 1, "window": 1},
    "wino": {"threshold_back": 0.5},
    "dsb": {"window": 3},
}
SHARED: dict[str, Any] = {"tau_sink": "2x", "attention_layers": "last 1"}
AXONS = {
    "base": AxonSettings(gate="never", **SHARED),
    "fixed": AxonSettings(gate="coverage_gap", target_nfe=2, max_anchor_steps=2, **SHARED),
    "always": AxonSettings(gate="always", anchors=2, max_anchor_steps=1, **SHARED),
    "cover": AxonSettings(gate="always", policy="cover", combine="union", **SHARED),
}
WAYS: list[tuple[str, dict[str, Any]]] = [
    *((axon, {}) for axon in AXONS),
    ("base", {"temperature": 0.7}),
    ("fixed", {"temperature": 0.7}),
    ("always", {"cache": "prefix"}),
]
VALUES = 0.2, 0.7
PROMPTS = [[5, 7, 3], [9], [4, 4, 6, 8, 10], [11, 3, 12, 5]]


def _settings(decoder: str, value: float, axon: AxonSettings, **further: Any) -> DecodeSettings:
    kind: Any = TELLING[decoder]
    own = kind(**OTHERS.get(decoder, {}), **{kind.leeway_of: value})
    return DecodeSettings(gen_length=8, block_length=4, decoder=own, axon=axon, **further)


def _decode(
    model: MaskedDiffusionModel, settings: DecodeSettings, prompts: list[list[int]], first: int = 0
) -> list[Trace]:
    seeds = list(range(first, first + len(prompts)))
    return decode(model, prompts, settings, seeds, batch_size=3, leeway=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("decoder", "axon", "further", "value"),
    [
        (decoder, axon, further, VALUES[(row + column) % 2])
        for row, decoder in enumerate(TELLING)
        for column, (axon, further) in enumerate(WAYS)
    ],
)
def test_a_decode_is_the_same_under_every_threshold_of_its_leeway(
    decoder: str, axon: str, further: dict[str, Any], value: float
) -> None:
    """Of decoder, way and value any two meet."""
    if DECODERS[decoder].needs_shadow:
        further = {key: value for key, value in further.items() if key != "cache"}
    random, setting = Random(f"{decoder} {further}"), _settings(decoder, value, AXONS[axon], **further)
    assert check_leeway(shared_model(), PROMPTS, setting, [random.random(), random.random()])


@pytest.mark.slow
@pytest.mark.parametrize("decoder", TELLING)
def test_beyond_its_leeway_a_decode_is_another(decoder: str) -> None:
    model, found = toy_model(), 0
    for value in (0.1, 0.15, 0.2, 0.3):
        for row, trace in enumerate(_decode(model, _settings(decoder, value, AXONS["base"]), PROMPTS)):
            assert trace.leeway is not None
            above, below = trace.leeway
            for other in (above - 1e-6, below + 1e-6):
                if 0 <= other <= 1:
                    [again] = _decode(model, _settings(decoder, other, AXONS["base"]), [PROMPTS[row]], row)
                    assert again != trace
                    found += 1
    assert found >= 8


def test_leeway_is_told_where_it_is_asked_for_and_known() -> None:
    model = toy_model()
    settings = _settings("confidence", 0.3, AXONS["base"])
    assert decode(model, PROMPTS, settings)[0].leeway is None
    fixed = replace(settings, decoder=DECODERS["fixed_steps"]())
    assert decode(model, PROMPTS, fixed, leeway=True)[0].leeway is None
    toy = replace(settings, decoder=next(iter(TOYS.values())))
    assert decode(model, PROMPTS, toy, leeway=True)[0].leeway is None
