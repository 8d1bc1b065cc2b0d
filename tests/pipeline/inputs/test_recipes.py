"""Every recipe composes, is of the whole task, and runs on a small checkpoint of its family."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from transformers import PreTrainedTokenizerFast

from pipeline.evaluation.evaluate import Evaluator
from pipeline.inputs.config import Config, read_config, to_tree
from pipeline.inputs.recipe import QUALITY, recipe_of
from pipeline.inputs.recipe_table import recipe_table
from pipeline.report.data.records import clean
from pipeline.report.data.whole import in_memory
from pipeline.report.entries import split
from pipeline.report.words.expected import check_recipes
from pipeline.storage.record import Record
from tests.pipeline.conftest import ROOT, compose_tree, planned, sliced
from tests.pipeline.evaluation.test_every_task import write_rows
from tests.pipeline.formats import random_checkpoint
from tests.report.sweep import make_run

FILES = sorted((ROOT / "conf/recipe").glob("*.yaml"))
NAMES = [file.stem for file in FILES]
WHOLE = {  # examples of the test split
    **dict.fromkeys(("gsm8k", "gsm8k_cot", "gsm8k_cot_zeroshot"), 1319),
    **{"minerva_math": 5000, "math500": 500, "humaneval": 164, "mbpp": 500, "mbpp_sanitized": 257},
}
ROWS, GEN_LENGTH, BLOCK_LENGTH = 1, 2, 2
LONGEST = 16_384  # every character of a prompt is a token here
# By the beginning of a recipe's name, dParallel's by its base model's: the format of tests/pipeline/formats.py, and
# what its config says instead.
FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "llada": ("llada", {}),
    "dream": ("dream", {}),
    "sdar": ("sdar", {}),
    "a2d_qwen3": ("sdar", {"model_type": "a2d-qwen3", "architectures": ["A2DQwen3LMHeadModel"]}),
    "a2d_qwen2": ("dream", {"model_type": "a2d-qwen2", "architectures": ["A2DQwen2LMHeadModel"]}),
}


@cache
def composed(name: str) -> dict[str, Any]:
    return compose_tree(f"recipe={name}")


def recipe(name: str, *words: str) -> Config:
    return read_config(compose_tree(f"recipe={name}", *words) if words else composed(name))


@pytest.mark.slow
@pytest.mark.parametrize("file", FILES, ids=NAMES)
def test_a_recipe_composes_and_is_of_the_whole_task(file: Path) -> None:
    config = recipe(file.stem)
    assert config.recipe is not None and config.recipe.name == file.stem
    assert config.limit == config.recipe.examples == WHOLE[config.task.name]
    assert read_config(to_tree(config)) == config, "run.json keeps it, and the recipe in it"
    assert recipe_of(to_tree(config)) == config.recipe
    assert len(file.read_text().splitlines()) < 20


@pytest.mark.slow
def test_the_docs_list_them_all() -> None:
    """After a change: python -m pipeline.inputs.recipe_table, at the end of docs/recipes.md."""
    assert (ROOT / "docs/recipes.md").read_text().endswith(f"\n\n{recipe_table()}")


@pytest.mark.slow
def test_titles_tell_recipes_apart() -> None:
    titles = [recipe(name).recipe.title for name in NAMES]  # type: ignore[union-attr]
    assert len(set(titles)) == len(titles)


@pytest.mark.slow
def test_axons_script_makes_a_chat_for_a_path_with_instruct_alone() -> None:
    """Jerryaa98/AXON: llada/eval_llada.py, is_instruct."""
    names = [name for name in NAMES if name.startswith("llada") and name.endswith("_axon")]
    assert {"instruct" in name for name in names} == {True, False}
    for name in names:
        model = recipe(name).model
        assert model.prompt == ("chat" if "instruct" in model.path.lower() else "raw"), name


@pytest.mark.slow
def test_the_command_line_wins_and_an_experiment_too() -> None:
    name = "llada_8b_base_humaneval"
    assert recipe(name, "limit=7", "decoder=klass").limit == 7
    assert recipe(name, "decoder=klass").decode.decoder.name == "klass"
    assert recipe(name, "+experiment=demo").task.name == "pycode"


def test_a_recipe_changes_no_identity(checkpoint: Path) -> None:
    """Equal settings share their results, whoever published them."""
    small = ["limit=1", "gen_length=8", "block_length=4"]
    config = recipe("llada_8b_base_humaneval", f"model.path={checkpoint}", "task=arith", *small)
    assert list(planned(config).settings) == list(planned(replace(config, recipe=None)).settings)


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("families")
    return {family: long_checkpoint(family, folder / family) for family in FAMILIES}


def long_checkpoint(family: str, folder: Path) -> Path:
    """Room for few-shot prompts in characters, a BOS, and a chat template with a switch."""
    form, config = FAMILIES[family]
    random_checkpoint(form, folder)
    described = json.loads((folder / "config.json").read_text())
    key = "max_sequence_length" if form == "llada" else "max_position_embeddings"
    (folder / "config.json").write_text(json.dumps(described | {key: LONGEST} | config))
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    tokenizer.bos_token = "<|end|>"
    tokenizer.chat_template += "{% if enable_thinking is false %}.{% endif %}"
    tokenizer.save_pretrained(folder)
    return folder


def small(name: str, checkpoints: dict[str, Path], folder: Path) -> Config:
    """The recipe on a small checkpoint and a file of rows, with lengths and examples cut down to save time."""
    tree = copy.deepcopy(composed(name))
    task = tree["task"]
    of_family = name.removeprefix("dparallel_")
    tree["model"]["path"] = str(
        next(own for start, own in checkpoints.items() if of_family.startswith(start))
    )
    if name.startswith("sdar_30b"):
        tree["model"]["family"] = None  # its stand-in has no experts
    tree |= {"gen_length": GEN_LENGTH, "block_length": BLOCK_LENGTH, "sandbox": {"require": "process"}}
    task["path"] = write_rows(folder, task["name"])[0].removeprefix("task.path=")
    if not str(task.get("form")).startswith("opencompass"):  # which has fixed numbers of examples
        task["shots"] = min(1, task.get("shots", 0))
        if task["name"] == "gsm8k":
            task["shots_path"] = task["path"]
    return read_config(tree)


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("rows")


@pytest.fixture(scope="module")
def decoded() -> dict[str, list[Record]]:
    """By setting: recipes that differ in what they publish, or in a model that is small here, are decoded once."""
    return {}


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_runs_and_is_checked(
    name: str, checkpoints: dict[str, Path], rows: Path, decoded: dict[str, list[Record]]
) -> None:
    config = small(name, checkpoints, rows)
    [setting] = planned(config).settings.values()
    if setting.id not in decoded:
        decoded[setting.id] = sliced(Evaluator(ROWS, config.sandbox.require), setting, 0, ROWS)
    records = decoded[setting.id]
    assert [record.error for record in records] == [None] * ROWS
    assert config.recipe is not None
    if config.recipe.metric != QUALITY:
        assert config.recipe.metric in records[0].metrics
    frame = pd.DataFrame([{**vars(record), "metrics": list(record.metrics.items())} for record in records])
    run = replace(make_run([setting], limit=ROWS), config=to_tree(config))
    parts = split([run], [run.title], clean(frame), in_memory(frame))
    [check] = check_recipes([run], [run.title], parts)  # of a report, what is of recipes
    expected = config.recipe.expected
    assert len(check.figures) == sum(
        value is not None for value in (expected.accuracy, expected.nfe, expected.tpf)
    )
    assert all(figure.outcome.startswith("not comparable: 1 example,") for figure in check.figures)
