"""Values that can't be, alone or together with the model and the task: one clear line, before anything is decoded."""

from __future__ import annotations

import json
import random
import re
import sys
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

import pipeline.tasks.task
from pipeline.checkpoints.checkpoint import open_checkpoint
from pipeline.checkpoints.prompt import encode
from pipeline.errors import ConfigError
from pipeline.inputs.checks import check_settings
from pipeline.inputs.config import Config, read_config
from pipeline.tasks import TASKS, GeneratedTask
from tests.pipeline.conftest import Judge, planned, write_checkpoint

VALUES = {  # one override or several, ` & ` between them: a part of the line
    "axon.gate=coverage": "axon.gate='coverage': unknown; one of always, ",
    "axon.policy=few": "axon.policy='few': unknown; one of ",
    "sweep.against=axon": "sweep.against='axon': no group of the sweep; one of setting",
    "sweep.against=setting (dawn)": "sweep.against='setting (dawn)': no front of the sweep; one of setting, s",
    "model.dtype=float8": "model.dtype='float8': unknown; one of float32, bfloat16, float16",
    "model.device=gpu": "model.device='gpu': unknown; one of auto, cpu, cuda",
    "task.name=sums": "task.name='sums': unknown; one of ",
    "decoder.name=fast": "decoder.name='fast': unknown; one of ",
    "block_length=7": "block_length=7: must divide gen_length=",
    "decoder.threshold=1.7": "decoder.threshold=1.7: must lie in [0, 1]",
    "decoder.threshold=-0.1": "decoder.threshold=-0.1: must lie in [0, 1]",
    "decoder.threshold=NaN": "decoder.threshold=nan: must lie in [0, 1]",
    "decoder.threshold=high": "decoder.threshold='high': must be a number; write one such as 0.5",
    "decoder.threshold=[0.5]": "decoder.threshold=[0.5]: must be a number",
    "decoder.threshold=true": "decoder.threshold=True: must be a number",
    "temperature=Infinity": "temperature=inf: must be a number, 0 or more",
    "axon.anchors=0": "axon.anchors=0: must be a whole number, 1 or more",
    "axon.anchors=1.5": "axon.anchors=1.5: must be a whole number",
    "axon.anchors=two": "axon.anchors='two': must be a whole number",
    "axon.anchors=true": "axon.anchors=True: must be a whole number",
    "axon.anchors=[1, 2]": "axon.anchors=[1, 2]: must be a whole number",
    f"axon.anchors={10**23}": f"axon.anchors={10**23}: must be at most 1000000000; lower it",
    "axon.tau_sink=[1]": "axon.tau_sink=[1]: must be a number or text; write one of them",
    "axon.tau_sink=x4": "axon.tau_sink='x4': unknown; write a share of attention such as 0.01, or multiples",
    "axon=5": "axon=5: must be a group of key: value; write {key: value}",
    "end_of_text=stop": "end_of_text='stop': unknown; one of full, stop_at_eos, confidence_eos_eot_inf, logits_eos_inf",
    'decoder={"name": "left_to_right"} & end_of_text=confidence_eos_eot_inf': (
        "end_of_text='confidence_eos_eot_inf': holds confidence back, and"
    ),
    "block_length=null": "block_length=null: without a block size of the model, 32 must divide gen_length=8;",
    "block_alignment=left": "block_alignment='left': unknown; one of prompt, absolute",
    "sink_rows=all": "sink_rows='all': unknown; one of canvas, visible",
    "cache=suffix": "cache='suffix': unknown; one of none, block, prefix, dual",
    "cache=block": "cache='block': a cached pass has no rows of later blocks to find attention sinks by; "
    "with a block-causal model set sink_rows=visible, with any other cache=prefix",
    "cache=block & sink_rows=visible": "cache='block': needs a block-causal model, in which no finished block sees a",
    'decoder={"name": "wino"} & cache=dual': "cache='dual': decoder wino reads a shadow of its block, which has",
    'decoder={"name": "wino", "threshold_back": 2}': "decoder.threshold_back=2.0: must lie in [0, 1]",
    "axon.budget_counts=passes": "axon.budget_counts='passes': unknown; one of interventions, steps",
    "top_p=0.9": "top_p=0.9: limits sampling, and temperature=0 samples nothing;",
    "limit=0": "limit=0: must be at least 1; raise it",
    "limit=true": "limit=True: must be a whole number",
    "limit=1e3": "limit=1000.0: must be a whole number; write digits alone",
    f"limit={10**20}": f"limit={10**20}: must be at most 1000000; lower it",
    f"batch_size={10**9}": f"batch_size={10**9}: must be at most 1000000; lower it",
    "axon.attention_layers=7-9": "axon.attention_layers='7-9': names no layer or one the model lacks",
    "axon.attention_layers=0-999999999999": "axon.attention_layers='0-999999999999': names no layer or one",
    "axon.attention_layers=last 9": "it has 8 layers",
    "axon.attention_layers=top": "axon.attention_layers='top': unknown; write",
    "axon.attention_layers=[3,5]": "must be text; put it in quotes: axon.attention_layers='\"3,5\"'",
    "axon.attention_layers=3": "axon.attention_layers=3: must be text; put it in quotes: axon.attention_layers='\"3\"'",
    'decoder={"name": "fixed_steps", "steps": 1000}': "decoder.steps=1000: must be",
    "model.path=assets/nothing": "model.path='assets/nothing': no such folder",
    "model.path=assets/tiny/config.json": "model.path='assets/tiny/config.json': is a file; give a checkpoint",
    "model.path=": "model.path='': must not be empty; give it a value",
    "model.path=null": "model.path=null: must be text; give it a value",
    "model.revision=main": "is a folder, which has no revisions; leave it out",
    "model.prompt=chat": "has no chat template; choose model.prompt=raw",
    "model.prompt=bos": "names no bos_token; choose model.prompt=raw",
    "model.prompt=turn": "model.prompt='turn': unknown; one of raw, chat, bos",
    "model.template=5": "model.template=5: must be a group of key: value; write {key: value}",
    'model.template={"a": [1]}': "model.template={'a': [1]}: a must be text, a number, true, false or null; write one",
    "task.form=plain": "task.form='plain': unknown; one of completion, instruct, opencompass, opencompass_8e312c",
    "task.form=opencompass": "task.form='opencompass': arith has no such wording; one of completion",
    "task.name=humaneval & task.form=opencompass": "is asked in a chat, not with model.prompt=raw; choose model.prompt",
    "task.shot_draw=per_question": "task.shot_draw='per_question': arith generates its examples; leave it out",
    "gen_length=65536 & block_length=32": "gen_length=65536: the model takes 256 tokens, prompt and answer",
    "gen_length=252 & block_length=4": "gen_length=252: with the shortest prompt, of ",
    "task.name=sudoku_n4": "gen_length=8: with the shortest prompt, of 282 tokens, it exceeds the 256 ",
    "wandb.project=": "wandb.project='': must be 1 to 128 characters",
    "wandb.project=me/mine": "wandb.project='me/mine': must be 1 to 128 characters without /",
    "sweep.name=../../evil": "sweep.name='../../evil': must be the name of one folder",
    "sweep.name=/tmp/evil": "sweep.name='/tmp/evil': must be the name of one folder",
    "sweep.name=..": "sweep.name='..': must be the name of one folder",
    "sweep.name=": "sweep.name='': must be the name of one folder",
    "sweep.name=5": "sweep.name=5: must be text; put it in quotes: sweep.name='\"5\"'",
    "sweep.along_trade_off=true & trade_off.values=[]": "trade_off.values=[]: must have at least 1 entry; add one",
    "trade_off.parameter=limit": "trade_off.parameter='limit': can't be swept; a sweep varies keys of model, ",
    "trade_off.values=0.5": "trade_off.values=0.5: must be a list; write [a, b]",
    "sweep.along_trade_off=true & sweep.search=refine & trade_off.values=[0.5, null]": (
        "sweep: decoder.threshold=null: is no number, and search=refine looks between numbers; write numbers, or"
    ),
    'sweep.along_trade_off=true & sweep.search=refine & trade_off.values=[0.5, "0.7"]': (
        'sweep: decoder.threshold="0.7": is no number, and search=refine looks between numbers'
    ),
    "sweep.along_trade_off=true & sweep.search=optuna & trade_off.values=[0.5, 1e999]": (
        "sweep.groups.setting: decoder.threshold=inf: must lie in [0, 1]"
    ),
    f"sweep.along_trade_off=true & sweep.search=optuna & trade_off.values=[0.5, {10**400}]": "threshold=inf: must",
    f"sweep.along_trade_off=true & sweep.search=refine & trade_off.values=[0.5, {10**400}]": "threshold=inf: must",
    "sweep.along_trade_off=true & trade_off.values=[0.5, 1.5]": "sweep.groups.setting: decoder.threshold=1.5: must",
    "sweep.tolerance=1.5": "sweep.tolerance=1.5: must be less than 1; lower it",
    "sweep.tolerance=NaN": "sweep.tolerance=nan: must be a finite number; write one such as 0.5",
    'sweep.groups={"": {}}': "sweep.groups: has the name '', which must not be empty; give it another",
    'sweep.groups={"x": {"set": {"axon.anchors": 5}, "grid": {"axon": {"anchors": [1]}}}}': (
        "axon.anchors: is in set and in grid, which varies it; leave one of them out"
    ),
    "sweep.groups={}": "sweep.groups={}: must have at least 1 entry; add one",
    'sweep.groups={"x": 1}': "sweep.groups.x=1: must be a group of key: value",
    'sweep.groups={"x": {"grid": {"axon.anchors": []}}}': "sweep.groups.x.grid.axon.anchors=[]: must have at",
    'sweep.groups={"x": {"grid": {"axon.anchors": 2}}}': "sweep.groups.x.grid.axon.anchors=2: must be a list or",
    'sweep.groups={"x": {"grid": {"axon": {"anchors": 2}}}}': "sweep.groups.x.grid.axon.anchors=2: must be a list",
    'sweep.groups={"x": {"grid": {"seed": {"low": 2, "high": 1}}}}': "sweep.groups.x.grid.seed={'low': 2, 'high': 1}: ",
    'sweep.groups={"x": {"grid": {"seed": {"low": 1, "high": 2}}}}': "sweep: seed: is a range without num",
    'sweep.groups={"x": {"sets": {"seed": 1}}}': "sweep.groups.x.sets: unknown key; did you mean",
    'sweep.groups={"x": {"grid": {"seed": [1]}, "when": {"axon.anchors": {"seed": 1}}}}': "when.axon.anchors: is no",
    'sweep.groups={"x": {"grid": {"seed": [1]}, "when": {"seed": {"limit": 1}}}}': "when.seed.limit: is not",
    'sweep.groups={"x": {"grid": {"axon": [false, "always"]}}}': "axon: False is not a name; put off and on in quotes",
    'sweep.groups={"x": {"set": {"decoder": 5}}}': "decoder: 5 is not a name; write names of configs",
    "sweep.search=random": "sweep.search='random': unknown; one of grid",
    'sweep.groups={"x": {"set": {"axon.anchor": 1}}}': "sweep.groups.x: axon.anchor: unknown key; did you",
    'sweep.groups={"x": {"grid": {"limit": [1, 2]}}}': "sweep.groups.x: limit: can't be swept; a sweep varies",
    'sweep.groups={"x": {"set": {"gen_length": 256}}}': "gen_length=256: the model takes 256 tokens",
    "cluster.cpus_per_worker=Infinity": "cluster.cpus_per_worker=inf: must be a finite number",
    "cluster.gpus_per_worker=-1": "cluster.gpus_per_worker=-1: must be at least 0; raise it",
    "job=report": "job=report: nothing is stored",
}

CHECKPOINTS = {
    "empty": "has no config.json; give a checkpoint folder",
    "truncated": "model.safetensors cannot be read",
    "mute": "the tokenizer's files are broken",
    "json": "config.json cannot be read",
    "nan": "1 NaN or infinite tensors (model.transformer.ln_f.weight in float32); copy the checkpoint again",
    "pickled": "holds pickled weights (pytorch_model.bin), which may run code and are not read; convert them",
    "mask": "the mask token: config.json says 3, tokenizer_config.json says 97; repair one of them",
    "foreign": "the tokenizer has 99 tokens, the model 98; give the two that belong together",
}


def test_a_sweep_compares_with_one_decoders_part_of_a_group(make_config: Callable[..., Config]) -> None:
    assert planned(make_config("sweep.against=setting (confidence)")).settings


@pytest.mark.parametrize("overrides", VALUES)
def test_a_wrong_value_is_told_in_a_line(overrides: str, refuse: Callable[..., str]) -> None:
    assert VALUES[overrides] in refuse(*overrides.split(" & "))


def test_a_task_without_few_shot_examples_is_not_told_to_lower_them(refuse: Callable[..., str]) -> None:
    assert refuse("task.name=sudoku_n4").endswith("the model takes; lower it")


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder per way in which a checkpoint can be broken."""
    root = tmp_path_factory.mktemp("broken")
    (root / "empty").mkdir()
    folders = {name: write_checkpoint(root / name) for name in CHECKPOINTS if name != "empty"}
    weights = folders["truncated"] / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    (folders["mute"] / "tokenizer.json").write_text("{")
    (folders["json"] / "config.json").write_text('{"model_type": ')
    tensors = load_file(folders["nan"] / "model.safetensors")
    tensors["model.transformer.ln_f.weight"][3] = float("nan")
    save_file(tensors, folders["nan"] / "model.safetensors")
    (folders["pickled"] / "model.safetensors").rename(folders["pickled"] / "pytorch_model.bin")
    for name, changed in {"mask": {"mask_token_id": 3}, "foreign": {}}.items():
        config = json.loads((folders[name] / "config.json").read_text()) | changed
        (folders[name] / "config.json").write_text(json.dumps(config))
    tokenizer = json.loads((folders["foreign"] / "tokenizer.json").read_text())
    tokenizer["added_tokens"].append({**tokenizer["added_tokens"][0], "id": 98, "content": "<|new|>"})
    (folders["foreign"] / "tokenizer.json").write_text(json.dumps(tokenizer))
    return root


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_a_broken_checkpoint_is_told_in_a_line(name: str, broken: Path, refuse: Callable[..., str]) -> None:
    line = refuse(f"model.path={broken / name}")
    assert line.startswith(f"model.path={str(broken / name)!r}: ")
    assert CHECKPOINTS[name] in line


def test_a_chat_template_that_takes_no_example_is_told(tmp_path: Path, refuse: Callable[..., str]) -> None:
    folder = write_checkpoint(tmp_path / "strict")
    (folder / "chat_template.jinja").write_text("{{ raise_exception('system first') }}")
    line = refuse(f"model.path={folder}", "model.prompt=chat")
    assert line == "model.prompt='chat': no example becomes a prompt (system first); choose the other form"


@pytest.mark.skipif(torch.cuda.is_available(), reason="it would run")
def test_a_gpu_that_is_not_there_is_told(refuse: Callable[..., str]) -> None:
    line = refuse("model.device=cuda")
    assert line == "model.device='cuda': torch finds no GPU here; choose model.device=auto or cpu"


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (None, "wandb.mode=online: not logged in; run `wandb login`, or choose wandb=offline"),
        ("short", "wandb.mode=online: can't log in (WANDB_API_KEY invalid"),
    ],
)
def test_online_without_a_login_is_told(
    key: str | None,
    expected: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    refuse: Callable[..., str],
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    if key is not None:
        monkeypatch.setenv("WANDB_API_KEY", key)
    assert expected in refuse("wandb.mode=online")
    assert "wandb.sdk" in sys.modules


class Few(GeneratedTask):
    name, version, metric = "few", 1, "nothing"

    def draw(self, rng: random.Random) -> tuple[str, str, None]:
        return f"{rng.randrange(99)}?", "", None


def test_more_examples_than_a_task_has_are_told(
    monkeypatch: pytest.MonkeyPatch, refuse: Callable[..., str]
) -> None:
    monkeypatch.setitem(TASKS, "few", Few)
    monkeypatch.setattr(pipeline.tasks.task, "MISSES", 1000)
    line = refuse("task.name=few", "limit=50")
    assert re.fullmatch(r"limit=50: few has \d+ examples in test; lower limit", line)


def test_a_row_that_is_no_question_is_told(
    judge: Judge, monkeypatch: pytest.MonkeyPatch, refuse: Callable[..., str]
) -> None:
    monkeypatch.setattr(judge, "examples", lambda *_: {}["question"])
    line = refuse("task.name=judge")
    assert line.startswith(
        "task.name='judge': an example can't be made a question of judge (KeyError: 'question' ("
    )


def test_what_fits_is_not_refused(tree: dict[str, Any], judge: Judge) -> None:
    """One prompt of ten that leaves room is enough: the others are errors of their own, seen in the report."""
    judge.long_prompts = {f"test-0-{n}" for n in range(40)} - {"test-0-7"}
    [setting] = planned(read_config({**tree, "task": {**tree["task"], "name": "judge"}})).settings.values()
    sizes = [
        len(encode(open_checkpoint(setting.model.path, None).tokenizer, setting.model, example, setting.task))
        for example in judge.examples("test", 0, 10)
    ]
    for length, refused in {256 - min(sizes): False, 257 - min(sizes): True}.items():
        longer = replace(setting, decode=replace(setting.decode, gen_length=length, block_length=length))
        with pytest.raises(ConfigError) if refused else nullcontext():
            check_settings({"": longer}, 10, here=True)
