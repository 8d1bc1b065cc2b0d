"""Every recipe composes, is what its file's name says, and runs on a small checkpoint of its family."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import ROOT, compose_tree, planned
from formats import FORMATS, random_checkpoint
from test_every_task import write_rows
from transformers import PreTrainedTokenizerFast

from pipeline.config import Config, read_config
from pipeline.evaluate import Evaluator
from pipeline.recipe import QUALITY
from pipeline.report import find
from pipeline.store import Store
from tests.report.sweep import make_run

FILES = sorted((ROOT / "conf/recipe").glob("*.yaml"))
NAMES = [file.stem for file in FILES]
ROWS, GEN_LENGTH, BLOCK_LENGTH = 2, 8, 4
LONGEST = 16_384  # every character of a prompt is a token here


def recipe(name: str, *words: str) -> Config:
    return read_config(compose_tree(f"recipe={name}", *words))


@pytest.mark.parametrize("file", FILES, ids=NAMES)
def test_a_recipe_composes_and_is_of_the_whole_task(file: Path) -> None:
    config = recipe(file.stem)
    assert config.recipe is not None and config.recipe.name == file.stem
    assert config.limit == config.recipe.examples == WHOLE[config.task.name]
    assert len(file.read_text().splitlines()) < 20
