"""The values of a model's file are for one family of checkpoints, and no other is given them in silence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from axon import CheckpointError
from axon.models.description import FAMILIES
from pipeline.checkpoints.checkpoint import open_model
from pipeline.checkpoints.outline import open_outline
from pipeline.inputs.config import Config, read_config
from pipeline.planning.plan import make_setting
from pipeline.runs.identified import told_apart
from pipeline.runs.run_folder import folder_of
from tests.pipeline.conftest import ROOT, compose_tree, planned, write_checkpoint

MODELS = sorted(path.stem for path in (ROOT / "conf/model").glob("*.yaml"))
OF_ANY = ("checkpoint", "tiny")


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in MODELS if name not in OF_ANY])
def test_a_models_file_names_its_family_and_refuses_a_folder_of_another(name: str, tmp_path: Path) -> None:
    write_checkpoint(tmp_path)  # of llada
    model = read_config(compose_tree(f"model={name}", f"model.path={tmp_path}", "task=arith")).model
    assert model.family in {family.name for family in FAMILIES}
    for opened in (open_model, open_outline):
        if model.family == "llada":
            assert opened(model).described.family.name == "llada"
        else:
            with pytest.raises(CheckpointError) as refused:
                opened(model)
            line = str(refused.value)  # A2D's bd3lm has an attention that no llada has, which is told first
            assert f"values of {model.family}" in line or "model.attention='block_causal': llada" in line
            assert "\n" not in line


def test_a_user_may_keep_the_values_of_another_family(tmp_path: Path) -> None:
    write_checkpoint(tmp_path)
    words = ("model=dream_v0_instruct_7b", f"model.path={tmp_path}", "task=arith", "model.family=llada")
    assert open_model(read_config(compose_tree(*words)).model).described.family.name == "llada"


def test_it_is_in_no_name(make_config: Callable[..., Config]) -> None:
    """A command finds the folder that an earlier version gave it, and a run compares with one of that version."""
    plain, named = (make_config(f"model.family={family}") for family in ("null", "llada"))
    settings = [make_setting(config) for config in (plain, named)]
    assert settings[0].id == settings[1].id and len(set(told_apart(settings))) == 1
    assert folder_of(plain, planned(plain)) == folder_of(named, planned(named))
