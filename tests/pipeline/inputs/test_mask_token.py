"""A mask token that contradicts the model's files is told; one that they leave open is the user's to say."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from pipeline.inputs.config import Config
from pipeline.inputs.mask_token import unlike_files
from pipeline.jobs.plan_job import plan_job
from pipeline.planning.plan import make_setting
from pipeline.runs.opening import warnings_of
from tests.pipeline.conftest import VOCABULARY, Judge, composing, planned

Make = Callable[..., Config]
OWN = len(VOCABULARY) - 1


def told(make_config: Make, *words: str) -> list[str]:
    return unlike_files([make_setting(make_config(*words, f"axon.anchors={n}")) for n in (1, 2)])


def test_another_than_the_files_name_is_told_once(make_config: Make, checkpoint: Path, judge: Judge) -> None:
    [line] = told(make_config, "model.mask_token_id=5")
    assert line.startswith(f"model.mask_token_id=5: {checkpoint} names {OWN} as its mask token")
    config = make_config("task.name=judge", "model.mask_token_id=5")
    assert line in warnings_of(config, planned(config), {})
    console = Console(file=io.StringIO(), width=300)
    assert plan_job(config, composing(config), console) == 0
    assert line in console.file.getvalue()  # type: ignore[attr-defined]


@pytest.mark.parametrize("words", [(), (f"model.mask_token_id={OWN}",)])
def test_what_the_files_say_is_right(words: tuple[str, ...], make_config: Make) -> None:
    assert told(make_config, *words) == []


@pytest.mark.parametrize(
    "own",
    [{"mask_token_id": 3}, {"mask_token_id": None, "tokenizer": False}],
    ids=["contradict", "name none"],
)
def test_files_that_contradict_each_other_or_name_none_leave_it_to_the_user(
    own: dict[str, object], make_config: Make, checkpoint: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(checkpoint, tmp_path / "copy")
    config = json.loads((folder / "config.json").read_text())
    if not own.pop("tokenizer", True):
        for file in folder.glob("*token*"):
            file.unlink()
    (folder / "config.json").write_text(json.dumps({**config, **own}))
    assert told(make_config, f"model.path={folder}", "model.mask_token_id=4") == []
