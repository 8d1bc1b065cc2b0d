"""docs/extending.md is followed to the letter in a copy of the repository: all that it adds runs."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pandas as pd
import pytest
import torch
from safetensors.torch import save_file

from axon import load_model
from pipeline import open_run
from pipeline.errors import ConfigError
from pipeline.runs.columns import from_columns
from tests.pipeline.conftest import ROOT

BLOCK = re.compile(r"^   ```\w+\n(.*?)^   ```$", re.MULTILINE | re.DOTALL)


def inserted(file: Path, before: str, text: str) -> None:
    """Puts the text before the first occurrence of `before`."""
    head, found, tail = file.read_text().partition(before)
    assert found, f"{file} has no {before!r}"
    file.write_text(head + text + found + tail)


def write_mist(folder: Path) -> None:
    """The bundled model in the format of the page's family."""
    shutil.copytree(
        ROOT / "assets/tiny", folder, ignore=shutil.ignore_patterns("config.json", "*.safetensors")
    )
    stored = load_model(ROOT / "assets/tiny").network.state_dict()
    renamed = {name.replace("model.layers.", "stage."): tensor for name, tensor in stored.items()}
    for layer in range(8):
        parts = [renamed.pop(f"stage.{layer}.self_attn.{part}_proj.weight") for part in "qkv"]
        renamed[f"stage.{layer}.qkv.weight"] = torch.cat(parts)
    save_file(renamed, folder / "model.safetensors")
    sizes = {"words": 210, "dim": 128, "ffn_dim": 384, "depth": 8, "heads": 4, "context": 512}
    numbers = {"norm_eps": 1e-5, "rotary_base": 10000.0, "eos_token_id": 208}
    config = {"architectures": ["MistForDiffusion"], "act": "silu", **sizes, **numbers}
    (folder / "config.json").write_text(json.dumps(config))


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The repository with what the page adds to it."""
    here = tmp_path / "copy"
    for folder in ("axon", "pipeline", "conf", "assets"):
        shutil.copytree(ROOT / folder, here / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "launch.py", here)
    page = (ROOT / "docs/extending.md").read_text()
    decoder, values, gate, policy, family, task, task_values, search = map(dedent, BLOCK.findall(page))
    (here / "axon/decoders/margin.py").write_text(decoder)
    (here / "conf/decoder/margin.yaml").write_text(values)
    decoders = here / "axon/decoders/__init__.py"
    inserted(decoders, "\n__all__", "from axon.decoders.margin import Margin\n")
    inserted(decoders, "    | Confidence\n", "    | Margin\n")
    inserted(here / "axon/gates.py", "# `never` has no rule", f"{gate}\n\n")
    inserted(
        here / "axon/gates.py", '    "never": None', '    "trickle": Gate(trickle, needs_attention=False),\n'
    )
    inserted(here / "axon/policies.py", "POLICIES: dict", f"{policy}\n\n")
    inserted(here / "axon/policies.py", '    "fixed": Fixed()', '    "confident": Confident(),\n')
    (here / "conf/axon/trickle.yaml").write_text("defaults: [coverage_gap, _self_]\ngate: trickle\n")
    (here / "axon/models/mist.py").write_text(family)
    families = here / "axon/models/description.py"
    inserted(families, "from axon.models.open_dcoder", "from axon.models.mist import MIST\n")
    inserted(families, "    DREAM,\n", "    MIST,\n")
    (here / "pipeline/tasks/capitals.py").write_text(task)
    inserted(
        here / "pipeline/tasks/__init__.py",
        '    "arith": _lazy',
        '    "capitals": _lazy("capitals", "Capitals"),\n',
    )
    (here / "conf/task/capitals.yaml").write_text(task_values)
    (here / "pipeline/search/rising.py").write_text(search)
    searches = here / "pipeline/search/__init__.py"
    inserted(searches, "\n__all__", "from pipeline.search.rising import ask_rising\n")
    inserted(searches, '"grid": ask_grid', '"rising": ask_rising, ')
    return here


@pytest.mark.slow
def test_what_the_page_adds_runs(copy: Path) -> None:
    rows = [{"country": "France", "capital": "Paris"}, {"country": "Japan", "capital": "Tokyo"}]
    (copy / "rows.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    write_mist(copy / "mist")
    asked = (
        "model=checkpoint model.path=mist model.dtype=float32 model.prompt=raw "
        "decoder=margin axon=trickle axon.policy=confident axon.anchors=2 task=capitals task.path=rows.jsonl "
        "gen_length=8 block_length=8 wandb=off "
        "sweep.search=rising +sweep.groups.setting.grid.decoder.margin=[0.7,0.8,0.9]"
    )
    done = subprocess.run(
        [sys.executable, "launch.py", *asked.split()], cwd=copy, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    folder = copy / done.stdout.splitlines()[-1]
    settings = from_columns(json.loads((folder / "run.json").read_text())["settings"])
    assert len(settings) == 2, "the bundled model knows no capital: quality doesn't rise"
    setting = settings[0]
    asked_for = (
        setting["decode"]["decoder"]["name"],
        setting["decode"]["axon"]["gate"],
        setting["task"]["name"],
    )
    assert asked_for == ("margin", "trickle", "capitals")
    for point in pd.read_csv(folder / "points.csv").to_dict("records"):
        assert (point["n"], point["unscored"]) == (2, 0)
    margin = copy / "axon/decoders/margin.py"
    margin.write_text(margin.read_text().replace("self.margin *", "0.5 * self.margin *"))
    again = subprocess.run(
        [sys.executable, "launch.py", *asked.split()], cwd=copy, capture_output=True, text=True
    )
    warning = (
        "Warning: the code of decoder margin (axon/decoders/margin.py) has changed since 2 settings were"
    )
    assert "4 of 4 stored already" in again.stdout
    assert warning in " ".join(again.stdout.split())
    with pytest.raises(ConfigError, match=r"'margin', of a package that isn't .* changed code, wrote it"):
        open_run(str(folder))  # with this repository's own code
