"""What a family's own code gets wrong is one line that names the family and what to correct."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from axon import CheckpointError, load_model
from axon.models import description
from axon.models.conversion import Conversion
from axon.models.illada import ILLADA
from axon.models.later import of_transformers
from tests.axon.published import small

TOY = replace(ILLADA, name="toy", architectures=("Toy",))
Made = Callable[[list[torch.Tensor]], torch.Tensor]


def refusal(folder: Path, monkeypatch: pytest.MonkeyPatch, *toys: Any) -> str:
    monkeypatch.setattr(description, "FAMILIES", (*description.FAMILIES, *toys))
    config = small("illada_8b") | {"architectures": ["Toy"], "vocab_size": 16, "eos_token_id": 2}
    (folder / "config.json").write_text(json.dumps(config))
    save_file({"other": torch.zeros(1)}, folder / "model.safetensors")
    with pytest.raises(CheckpointError) as caught:
        load_model(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def without(*keys: str) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    return lambda config: {key: own for key, own in ILLADA.read_config(config).items() if key not in keys}


def by(make: Made) -> Callable[[Mapping[str, torch.Size]], dict[str, Conversion]]:
    return lambda expected: {name: Conversion(("other",), make) for name in expected}


def two(sources: list[torch.Tensor]) -> torch.Tensor:
    first, _second = sources
    return first


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (
            {"read_config": lambda config: {"width": config["dim"]}},
            r"family_code.py:\d+: KeyError: 'dim'; correct",
        ),
        ({"read_config": without("rope_parameters", "hidden_size")}, "no hidden_size, rope_parameters; say"),
        (
            {"read_config": lambda config: ILLADA.read_config(config) | {"rms_norm_epsilon": 1e-5}},
            "read_config gives rms_norm_epsilon, which LlamaConfig has no place for; did you mean rms_norm_eps?",
        ),
        (
            {"read_config": lambda config: ILLADA.read_config(config) | {"qqq": 1, "zzz": 2}},
            "read_config gives qqq, zzz, which LlamaConfig has no place for; leave it out",
        ),
        ({"network": of_transformers("LlammaForCausalLM")}, "no attribute LlammaForCausalLM; correct"),
        ({"convert": lambda expected: {"none": expected["none"]}}, r"family_code.py:\d+: KeyError: 'none'"),
        ({"convert": lambda expected: {}}, r"convert does not say what 21 of 21 tensors are made of \(model"),
        ({"convert": by(lambda sources: sources[0].chonk())}, "'Tensor' object has no attribute 'chonk'"),  # type: ignore[attr-defined]
        ({"convert": by(two)}, r"lm_head.weight made from other \[1\]: not enough values to unpack"),
        ({"mask_token_id": 99}, "and toy's 99 lies outside the vocabulary of 16; give model.mask_token_id"),
    ],
)
def test_a_family_that_slips_is_told(
    wrong: dict[str, Any], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = refusal(tmp_path, monkeypatch, replace(TOY, **wrong))
    assert re.search(told, line), line


def test_an_architecture_that_two_families_name_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = refusal(tmp_path, monkeypatch, TOY, replace(TOY, name="other"))
    assert "Toy: toy and other name this architecture; leave it to one of them" in line
