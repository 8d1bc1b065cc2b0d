"""Recorded decodes and forward passes of the references are reproduced: tokens, steps and positions exactly."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from axon import MaskedDiffusionModel, decode, load_model
from axon.verify import case_settings, disagreement, forward_differences, missing_part

GOLDEN = Path(__file__).resolve().parents[2].parent / "shared" / "golden"
FAMILIES = ("llada", "dream", "sdar")

pytestmark = pytest.mark.skipif(not GOLDEN.is_dir(), reason=f"the recorded cases are not here: {GOLDEN}")


def _read(family: str) -> dict[str, Any]:
    path = GOLDEN / f"{family}.json"
    return dict(json.loads(path.read_text())) if path.is_file() else {"cases": []}


@cache
def _model(family: str) -> MaskedDiffusionModel:
    return load_model(GOLDEN / f"{family}-tiny")


def _cases() -> list[Any]:
    return [
        pytest.param(family, number, id=f"{family}-{number}-{case['proposer']}")
        for family in FAMILIES
        for number, case in enumerate(_read(family)["cases"])
    ]


@pytest.mark.parametrize(("family", "number"), _cases())
def test_recorded_decode_is_reproduced_exactly(family: str, number: int) -> None:
    cases = _read(family)
    case = cases["cases"][number]
    assert missing_part(case) is None
    trace = decode(_model(family), [case["prompt"]], case_settings(case, cases))[0]
    assert disagreement(trace, case) is None


@pytest.mark.parametrize("family", FAMILIES)
def test_recorded_forward_is_reproduced(family: str) -> None:
    tensors = load_file(GOLDEN / f"{family}_forward.safetensors")
    found = forward_differences(_model(family), tensors, _read(family))
    assert found
    for difference in found:
        assert difference.logits <= 1e-4
        assert difference.attention <= 1e-4


@pytest.mark.parametrize("family", FAMILIES)
def test_cases_of_one_setting_decode_the_same_in_one_batch(family: str) -> None:
    """The recorded prompts differ in length: a batch of them pads, and must not show it."""
    cases = _read(family)
    chosen = [case for case in cases["cases"] if (case.get("axon") or {}).get("policy") == "cover"]
    same = [
        case
        for case in chosen
        if (case["proposer"], case["axon"]) == (chosen[0]["proposer"], chosen[0]["axon"])
    ]
    traces = decode(_model(family), [case["prompt"] for case in same], case_settings(same[0], cases))
    assert len({len(case["prompt"]) for case in same}) > 1
    assert [disagreement(trace, case) for trace, case in zip(traces, same, strict=True)] == [None] * len(same)
