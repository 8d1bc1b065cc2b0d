"""A setting's id: the same for what decodes the same, another for anything that can move a token or a score."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

import pytest

from axon.identity import decode_identity
from axon.settings import AxonSettings, BudgetCounts, DecodeSettings
from pipeline.inputs.config import Config
from pipeline.planning.plan import make_setting
from tests.pipeline.conftest import VOCABULARY, planned

Make = Callable[..., Config]

MOVES = [
    "model.dtype=bfloat16",
    "model.attention_kernel=eager",
    "model.compile=true",
    "model.prompt=chat",
    "model.prompt=bos",
    "model.mask_token_id=5",
    "model.end_tokens=[5]",
    "task.name=lists",
    "task.split=validation",
    "task.seed=1",
    "gen_length=16",
    "block_length=8",
    "temperature=0.5",
    "decoder.threshold=0.8",
    'decoder={"name": "left_to_right"}',
    "axon.gate=always",
    "axon.gate=never",
    "axon.anchors=2",
    "axon.attention_layers=last 2",
    "axon.uncertainty_threshold=0.1",
    "block_alignment=absolute",
    "sink_rows=visible",
    "end_of_text=logits_eos_inf",
    "end_of_text=confidence_eos_eot_inf",
    "axon.budget_counts=steps",
]
STAYS = [
    'model.template={"enable_thinking": false}',  # there is no chat
    "task.form=completion",
    "limit=11",
    "batch_size=1",
    "slice_size=1",
    "cluster.workers=7",
    "model.device=cpu",
    "model.gpus=2",
    "model.compile=false",
    "cluster.gpus_per_worker=0",
    "model.mask_token_id=null",
    "model.end_tokens=null",
    "model.attention=null",
    "model.block_size=2",  # only where block_length is null
    "seed=5",  # greedy decoding draws nothing
    "decoder.threshold=9e-1",
    "axon.uncertainty_threshold=0",
    "axon.uncertainty_threshold=-0.0",
    "temperature=-0.0",
    f"model.mask_token_id={len(VOCABULARY) - 1}",  # as the tokenizer says
    'model.end_tokens=["<|end|>"]',  # as the checkpoint's files say
    "model.attention=bidirectional",  # as the family is
    "axon.attention_layers=4-7",
    "axon.attention_layers=7,6,5,4",
    "axon.alpha=0.9",  # of another gate
    "axon.warmup=9",
    "axon.target_nfe=9",
    "axon.conflict_threshold=0.5",  # of another policy
    "axon.objective=graph_cut",  # says the same of the first anchor, and there is but one
    "axon.candidate_ratio=0.5",  # between equal bounds
    "axon.max_candidates=64",  # a block has no more than its length
    "sweep.name=other",
]


def identity(config: Config) -> str:
    return make_setting(config).id


@pytest.mark.parametrize("override", MOVES)
def test_what_can_move_a_token_changes_the_id(override: str, make_config: Make) -> None:
    assert identity(make_config(override)) != identity(make_config())


@pytest.mark.parametrize("override", STAYS)
def test_what_cannot_move_a_token_keeps_the_id(override: str, make_config: Make) -> None:
    assert identity(make_config(override)) == identity(make_config())


def test_ids_differ_pairwise(make_config: Make) -> None:
    ids = [identity(make_config(override)) for override in MOVES]
    assert len(set(ids)) == len(ids)


def test_a_zero_has_no_sign(make_config: Make) -> None:
    assert identity(make_config("decoder.threshold=-0.0")) == identity(make_config("decoder.threshold=0"))


def test_an_override_counts_where_the_files_do_not_say_the_same(
    checkpoint: Path, tmp_path: Path, make_config: Make
) -> None:
    """As where config.json and the tokenizer contradict each other: the word of the user decides."""
    mask = f"model.mask_token_id={len(VOCABULARY) - 1}"
    copy = tmp_path / "copy"
    shutil.copytree(checkpoint, copy)
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, "mask_token_id": 3}))
    setting = make_setting(make_config(f"model.path={copy}", mask))
    assert setting.identity["model"]["mask_token_id"] == len(VOCABULARY) - 1, "they contradict each other"
    both = "model.mask_token_id=4", "model.attention=bidirectional"
    assert identity(make_config(*both)) == identity(make_config(both[0])) != identity(make_config())


@pytest.mark.parametrize("drawn", ["temperature=1", 'decoder={"name": "fixed_steps", "remasking": "random"}'])
def test_the_seed_counts_once_something_is_drawn(drawn: str, make_config: Make) -> None:
    assert identity(make_config(drawn, "seed=1")) != identity(make_config(drawn, "seed=2"))


def test_a_block_length_of_null_is_the_models_own(make_config: Make) -> None:
    """The number is what is stored: a model whose block size is 8 decodes by 8 either way."""
    setting = make_setting(make_config("gen_length=32", "block_length=null"))
    assert setting.decode.block_length == setting.identity["block_length"] == 32
    assert setting.id == identity(make_config("gen_length=32", "block_length=32"))


def test_sinks_that_nobody_seeks_have_no_rows(make_config: Make) -> None:
    alone = "axon.gate=never"
    assert identity(make_config(alone, "sink_rows=visible")) == identity(make_config(alone))
    dawn = 'decoder={"name": "dawn"}'
    assert identity(make_config(alone, dawn, "sink_rows=visible")) != identity(make_config(alone, dawn))


def test_top_p_belongs_to_sampling(make_config: Make) -> None:
    drawn = ["temperature=0.7", "temperature=0.7 & top_p=0.9", "temperature=0.7 & top_p=1"]
    assert len({identity(make_config(*override.split(" & "))) for override in drawn}) == 3


@pytest.mark.parametrize(
    "override",
    [
        "axon.anchors=4",
        "axon.policy=cover",
        "axon.tau_sink=0.5",
        "axon.attention_layers=first 1",
        "axon.attention_layers=last 99",
    ],
)
def test_gate_never_is_the_base_decoder_whatever_axon_says(override: str, make_config: Make) -> None:
    assert identity(make_config("axon.gate=never", override)) == identity(make_config("axon.gate=never"))


def test_a_decoder_that_reads_attention_keeps_its_layers(make_config: Make) -> None:
    dawn = 'decoder={"name": "dawn"}'
    ids = [
        identity(make_config(dawn, "axon.gate=never", f"axon.attention_layers={n}"))
        for n in ("all", "last 1")
    ]
    assert ids[0] != ids[1]


def test_a_model_is_its_content_not_its_path(make_config: Make, checkpoint: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(checkpoint, tmp_path / "copy"))
    (copy / "README.md").write_text("another readme")
    assert identity(make_config(f"model.path={copy}")) == identity(make_config())
    other = Path(shutil.copytree(checkpoint, tmp_path / "other"))
    with (other / "config.json").open("a") as file:
        file.write("\n")
    assert identity(make_config(f"model.path={other}")) != identity(make_config())


def test_equal_settings_of_a_sweep_collapse(make_config: Make) -> None:
    groups = 'sweep.groups={"base": {"set": {"axon.gate": "never"}, "grid": {"axon.anchors": [1, 2, 4]}}}'
    plan = planned(make_config(groups))
    assert len(plan.asked) == 3 and len(plan.settings) == 1
    [label] = plan.settings.values()
    assert label.knobs == {"axon.gate": "never"}, "what turned nothing is no part of the name"


def test_a_knob_that_only_one_of_two_equal_settings_turned_names_neither(make_config: Make) -> None:
    groups = (
        'sweep.groups={"one": {"set": {"axon.gate": "never", "axon.anchors": 2}}, '
        '"other": {"set": {"axon.gate": "never"}}}'
    )
    [label] = planned(make_config(groups)).settings.values()
    assert (label.group, label.knobs) == ("one", {"axon.gate": "never"})


def test_ids_are_stable_across_versions(make_config: Make) -> None:
    """Stored results are found by id: a change here orphans them, so make it knowingly."""
    setting = make_setting(make_config())
    assert list(setting.identity) == [
        "model",
        "task",
        "decoder",
        "axon",
        "gen_length",
        "block_length",
        "temperature",
        "end_of_text",
        "versions",
        "seed",
    ]
    assert len(setting.id) == 16


@dataclass(frozen=True)
class Later(DecodeSettings):
    later: str | None = None


def test_a_key_that_comes_later_changes_no_id_until_it_is_set() -> None:
    before = decode_identity(DecodeSettings(block_length=32), 4)
    assert decode_identity(Later(block_length=32), 4) == before
    assert decode_identity(Later(block_length=32, later="so"), 4) == {**before, "later": "so"}


def test_a_cache_is_part_of_the_id_where_there_is_one() -> None:
    plain = DecodeSettings(block_length=32, sink_rows="visible")
    before = decode_identity(plain, 4)
    assert "cache" not in before
    assert decode_identity(replace(plain, cache="block"), 4) == {**before, "cache": "block"}


@pytest.mark.parametrize("gate", ["always", "coverage_gap"])
def test_what_the_budget_counts_matters_where_a_step_may_be_no_intervention(gate: Any) -> None:
    counted = (
        DecodeSettings(8, 8, axon=AxonSettings(gate=gate, budget_counts=own))
        for own in get_args(BudgetCounts)
    )
    assert len({json.dumps(decode_identity(own, 4)) for own in counted}) == (1 if gate == "always" else 2)
