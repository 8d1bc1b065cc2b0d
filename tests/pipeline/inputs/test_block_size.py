"""A model that names its block size is decoded by it, and another length is said once."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.inputs.block_size import unlike_training
from pipeline.inputs.config import Config
from pipeline.planning.plan import make_setting
from tests.pipeline.formats import random_checkpoint

Make = Callable[..., Config]


@pytest.fixture
def trained_with_4(checkpoint: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "blocks"
    shutil.copytree(checkpoint, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"block_size": 4}))
    return folder


def test_another_block_length_than_the_models_own_is_said_once(
    make_config: Make, trained_with_4: Path
) -> None:
    path = f"model.path={trained_with_4}"
    eight = [make_setting(make_config(path, "block_length=8", f"axon.anchors={n}")) for n in (1, 2)]
    [line] = unlike_training(eight)
    assert line.startswith(f"block_length=8: {trained_with_4} was trained with blocks of 4")
    assert unlike_training([make_setting(make_config(path, "block_length=4"))]) == []


def test_the_models_own_block_size_is_the_default(make_config: Make, trained_with_4: Path) -> None:
    path = f"model.path={trained_with_4}"
    setting = make_setting(make_config(path, "block_length=null"))
    assert setting.decode.block_length == 4 and unlike_training([setting]) == []
    given = make_setting(make_config(path, "block_length=null", "model.block_size=2"))
    assert given.decode.block_length == 2 and unlike_training([given]) == []


def test_a_model_that_names_none_is_not_judged(make_config: Make) -> None:
    assert unlike_training([make_setting(make_config("block_length=8"))]) == []


def test_blocks_after_the_prompt_are_said_of_a_block_causal_model(make_config: Make, tmp_path: Path) -> None:
    random_checkpoint("sdar", tmp_path / "sdar")
    path = f"model.path={tmp_path / 'sdar'}"
    setting = make_setting(make_config(path, "block_length=8", "block_alignment=prompt"))
    [line] = [line for line in unlike_training([setting]) if "alignment" in line]
    assert line.startswith(
        f"block_alignment=prompt: {tmp_path / 'sdar'} was trained with blocks at multiples"
    )
    absolute = make_setting(make_config(path, "block_length=8", "block_alignment=absolute"))
    assert not any("alignment" in line for line in unlike_training([absolute]))
