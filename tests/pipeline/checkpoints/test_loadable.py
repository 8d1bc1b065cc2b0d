"""A small checkpoint is loaded before anything is decoded, once; a large one is not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

import axon
from axon import CheckpointError
from pipeline.checkpoints import checkpoint, loadable
from pipeline.checkpoints.loadable import check_loads
from pipeline.inputs.config import ModelSettings, read_config
from tests.pipeline.conftest import compose_tree, write_checkpoint


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModelSettings:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = write_checkpoint(tmp_path / "model")
    return read_config(compose_tree(f"model.path={path}")).model


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    found, load = list[Any](), axon.load_model
    monkeypatch.setattr(axon, "load_model", lambda *args, **more: found.append(args) or load(*args, **more))
    return found


@pytest.mark.slow
def test_it_is_loaded_once_for_what_is_said_of_it(
    model: ModelSettings, loads: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for count, other in enumerate(
        (model, replace(model, block_size=4), replace(model, inert_keys=("vocab_size",))), 1
    ):
        check_loads(other)
        check_loads(replace(other, prompt="bos"))  # no matter of loading
        assert len(loads) == count
    for changed in ("_code", "version"):  # ours, or the libraries'
        monkeypatch.setattr(loadable, changed, lambda *name: "another")
        check_loads(model)
    assert len(loads) == 5


def test_what_has_failed_or_changed_is_loaded_again(model: ModelSettings, loads: list[Any]) -> None:
    weights = Path(model.path) / "model.safetensors"
    whole = load_file(weights)
    check_loads(model)
    save_file(dict(list(whole.items())[1:]), weights)
    for count in (2, 3):
        checkpoint.open_checkpoint.cache_clear()
        with pytest.raises(CheckpointError, match="1 missing tensors"):
            check_loads(model)
        assert len(loads) == count


def test_a_large_one_is_not_loaded(
    model: ModelSettings, loads: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loadable, "SMALL", 1000)
    check_loads(model)
    assert not loads
