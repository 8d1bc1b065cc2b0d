"""Recorded decodes and forward passes of the references are reproduced: tokens, steps and positions exactly."""

from __future__ import annotations

import json
import shutil
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from axon import DecodeSettings, MaskedDiffusionModel, Trace, decode, load_model
from axon.verify import case_settings, disagreement, missing_part, read_cases
from axon.verify_forward import forward_differences, graded

GOLDEN = Path(__file__).resolve().parents[2].parent / "shared" / "golden"
FAMILIES = ("llada", "dream", "sdar")
CHECKPOINTS = {family: family for family in FAMILIES} | {"sdar_absolute": "sdar", "llada_steps": "llada"}

pytestmark = pytest.mark.skipif(not GOLDEN.is_dir(), reason=f"the recorded cases are not here: {GOLDEN}")


@cache
def _read(name: str) -> dict[str, Any]:
    path = GOLDEN / f"{name}.json"
    return read_cases(path) if path.is_file() else {"cases": []}


@cache
def _model(family: str) -> MaskedDiffusionModel:
    return load_model(GOLDEN / f"{family}-tiny")


def _cases() -> list[Any]:
    """All; of each setting those of one family are fast, of the next setting those of another."""
    found = []
    for turn, name in enumerate(CHECKPOINTS):
        for number, places in enumerate(_same(name)):
            marks = [pytest.mark.slow] * bool((number + number // 3 + turn) % len(FAMILIES))
            for place in places:
                label = f"{name}-{place}-{_read(name)['cases'][place]['proposer']}"
                found.append(pytest.param(name, place, id=label, marks=marks))
    return found or [("none", 0)]  # skipped, with the reason: no test may have no case


@cache
def _decoded(name: str, places: tuple[int, ...]) -> dict[int, Trace]:
    """Of cases of one setting, by number: in one batch, which pads, as their prompts differ in length."""
    cases = _read(name)
    setting = case_settings(cases["cases"][places[0]], cases)
    prompts = [cases["cases"][place]["prompt"] for place in places]
    return dict(zip(places, decode(_model(CHECKPOINTS[name]), prompts, setting), strict=True))


@cache
def _same(name: str) -> list[tuple[int, ...]]:
    """The numbers of the cases of each setting; files of families have the same settings in the same order."""
    cases = _read(name)
    places: dict[DecodeSettings, list[int]] = {}
    for place, case in enumerate(cases["cases"]):
        places.setdefault(case_settings(case, cases), []).append(place)
    return [*map(tuple, places.values())]


@pytest.mark.parametrize(("name", "number"), _cases())
def test_recorded_decode_is_reproduced_exactly(name: str, number: int) -> None:
    case = _read(name)["cases"][number]
    assert missing_part(case) is None
    [places] = [own for own in _same(name) if number in own]
    assert disagreement(_decoded(name, places)[number], case) is None


@pytest.mark.parametrize("family", FAMILIES)
def test_recorded_forward_is_reproduced(family: str) -> None:
    tensors = load_file(GOLDEN / f"{family}_forward.safetensors")
    found = forward_differences(_model(family), tensors, _read(family))
    assert found
    for difference in found:
        assert difference.logits <= 1e-4
        assert difference.attention <= 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    ("base", "outcome"),
    [
        (1.0, "no more than roundings of bfloat16"),
        (0.5, "MORE than roundings"),
        (0.01, "as those of ANOTHER model"),
    ],
)
def test_in_bfloat16_a_wrong_rotary_base_is_told_from_roundings(
    family: str, base: float, outcome: str, tmp_path: Path
) -> None:
    """Largest differences do so badly: here 1.1 of a right model, 1.7 of a wrong one."""
    checkpoint = shutil.copytree(GOLDEN / f"{family}-tiny", tmp_path / "tiny", copy_function=shutil.copyfile)
    config = json.loads((checkpoint / "config.json").read_text())
    (checkpoint / "config.json").write_text(json.dumps({**config, "rope_theta": config["rope_theta"] * base}))
    found = forward_differences(
        load_model(checkpoint, "bfloat16"), load_file(GOLDEN / f"{family}_forward.safetensors"), _read(family)
    )
    assert outcome in graded(found, torch.bfloat16)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*FAMILIES, "sdar_absolute"])  # llada_steps has one case of each setting
def test_cases_of_one_setting_decode_as_alone(name: str) -> None:
    """The recorded prompts differ in length: a batch of them pads, and must not show it."""
    cases = _read(name)["cases"]
    places = max(_same(name), key=len)
    assert len({len(cases[place]["prompt"]) for place in places}) > 1
    setting = case_settings(cases[places[0]], _read(name))
    for place in places:
        [alone] = decode(_model(CHECKPOINTS[name]), [cases[place]["prompt"]], setting)
        assert alone == _decoded(name, places)[place]
