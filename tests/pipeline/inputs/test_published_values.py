"""A model composed with a decoder takes the values published for the two, on the command line and in sweeps."""

from __future__ import annotations

import sys
from typing import Any

import pytest

import launch
from axon.decoders import DECODERS
from pipeline.inputs.config import read_config
from pipeline.planning import regions
from pipeline.planning.plan import Plan
from pipeline.search import is_name
from tests.pipeline.conftest import ROOT, compose_tree

pytestmark = pytest.mark.slow

MODELS = ("llada_8b_instruct", "llada_1_5", "dream_v0_instruct_7b", "dream_v0_base_7b", "sdar_8b_chat")
DAWN = {"tau_sink": None, "tau_edge": 0.07, "tau_induce": 0.7, "tau_low": 0.75}
DREAM = {"tau_sink": 0.03, "tau_edge": 0.1, "tau_induce": 0.75, "tau_low": 0.8}
KLASS = {"threshold": 0.9, "kl_threshold": 0.01}

COMPOSED = [
    ("llada_8b_instruct", "dawn", "gsm8k", DAWN),
    ("llada_8b_instruct", "dawn", "humaneval", DAWN | {"tau_low": 0.8}),
    ("llada_8b_instruct", "dawn", "mbpp", DAWN | {"tau_low": 0.7}),
    ("llada_1_5", "dawn", "gsm8k", DAWN | {"tau_low": 0.7}),
    ("dream_v0_instruct_7b", "dawn", "gsm8k", DREAM),
    ("dream_v0_base_7b", "dawn", "mbpp", DREAM | {"tau_edge": 0.05}),
    ("dream_v0_base_7b", "dawn", "gsm8k", DREAM | {"tau_edge": 0.05, "tau_low": 0.75}),
    ("sdar_8b_chat", "dawn", "gsm8k", DAWN | {"tau_low": 0.7}),
    ("llada_8b_instruct", "clad", "gsm8k", {"threshold": 0.7}),
    ("llada_8b_instruct", "clad", "humaneval", {"threshold": 0.75}),
    ("llada_1_5", "clad", "mbpp", {"threshold": 0.73}),
    ("dream_v0_instruct_7b", "clad", "humaneval", {"threshold": 0.71}),
    ("llada_8b_instruct", "dapd", "gsm8k", {"tau_max": 0.05, "tau_min": 0.01}),
    ("llada_8b_instruct", "klass", "gsm8k", {"threshold": 0.6, "kl_threshold": 0.015}),
    ("llada_8b_instruct", "klass", "minerva_math", {"threshold": 0.6, "kl_threshold": 0.01}),
    ("llada_8b_instruct", "klass", "humaneval", KLASS),
    ("llada_8b_instruct", "klass", "mbpp", KLASS | {"threshold": 0.7}),
    ("dream_v0_instruct_7b", "klass", "gsm8k", KLASS | {"kl_threshold": 0.001}),
    ("dream_v0_instruct_7b", "klass", "math500", KLASS | {"kl_threshold": 0.005}),
    ("dream_v0_instruct_7b", "klass", "humaneval", {"threshold": 0.8, "kl_threshold": 0.001}),
    ("dparallel_dream_7b_instruct", "entropy_threshold", "gsm8k", {"threshold": 0.45}),
    ("dparallel_dream_7b_instruct", "entropy_threshold", "humaneval", {"threshold": 0.5}),
    ("dparallel_llada_8b_instruct", "entropy_threshold", "gsm8k", {"threshold": 0.5}),
    ("dparallel_llada_8b_instruct", "entropy_threshold", "mbpp", {"threshold": 0.45}),
    ("d3llm_dream", "entropy_threshold", "gsm8k", {"threshold": 0.4}),
]
AXON = {
    "llada_8b_instruct": {"tau_sink": 0.01, "budget_counts": "steps", "target_nfe": 16},
    "llada_1_5": {"tau_sink": 0.01, "budget_counts": "steps", "target_nfe": 16},
    "dream_v0_instruct_7b": {"tau_sink": 0.03, "budget_counts": "interventions", "target_nfe": 16},
    "dream_v0_base_7b": {"tau_sink": 0.03, "budget_counts": "interventions", "target_nfe": 16},
    "sdar_8b_chat": {"tau_sink": 0.01, "budget_counts": "interventions", "target_nfe": 8},
}


def values(tree: dict[str, Any], keys: dict[str, Any]) -> dict[str, Any]:
    return {key: tree[key] for key in keys}


@pytest.mark.parametrize(("model", "decoder", "task", "expected"), COMPOSED)
def test_a_decoder_takes_what_was_published_for_the_model(
    model: str, decoder: str, task: str, expected: dict[str, Any]
) -> None:
    tree = compose_tree(f"model={model}", f"decoder={decoder}", f"task={task}")
    assert values(tree["decoder"], expected) == expected
    read_config(tree)
    key = next(iter(expected))
    given = compose_tree(f"model={model}", f"decoder={decoder}", f"task={task}", f"decoder.{key}=0.123")
    assert given["decoder"][key] == 0.123, "the command line wins"


@pytest.mark.parametrize("model", AXON)
@pytest.mark.parametrize("gate", ["progress_stall", "off"])
def test_axon_takes_its_release_for_the_family_and_the_gate_is_the_users(model: str, gate: str) -> None:
    tree = compose_tree(f"model={model}", f"axon={gate}")["axon"]
    assert values(tree, AXON[model]) == AXON[model]
    assert tree["gate"] == {"off": "never"}.get(gate, gate)


@pytest.mark.parametrize("decoder", DECODERS)
def test_the_bundled_model_keeps_the_defaults(decoder: str) -> None:
    own = {"token_counts": "assets/tiny/token_counts.json"} if decoder == "pc_sampler" else {}
    assert compose_tree(f"decoder={decoder}")["decoder"] == vars(DECODERS[decoder]()) | own


def test_a_sweep_over_names_takes_them_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the plan composes a sweep's names: each model with each decoder and task."""
    grid = (
        "{model: [llada_8b_instruct, dream_v0_instruct_7b], decoder: [klass, dawn], task: [gsm8k, humaneval]}"
    )
    monkeypatch.setattr(
        sys, "argv", ["launch.py", f"+sweep.groups.setting.grid={grid}", "decoder.history=3"][:2]
    )
    monkeypatch.setattr(regions, "_check_there", lambda *_: None)  # neither models nor rows are here
    plan = Plan(read_config(launch.compose()), launch.compose)
    composed = {
        tuple(knobs[key] for key in ("model", "decoder", "task")): plan._base(
            frozenset(item for item in knobs.items() if is_name(*item))
        ).decode.decoder
        for region in plan.space
        for knobs in [region.fixed]
    }
    assert len(composed) == 8
    for model, decoder, task, expected in COMPOSED:
        if found := composed.get((model, decoder, task)):
            assert values(vars(found), expected) == expected


def test_every_file_is_of_a_model_a_decoder_and_a_task() -> None:
    names = {
        group: [file.stem for file in (ROOT / "conf" / group).glob("*.yaml")] for group in ("model", "task")
    }
    pairs = {f"{model}_{decoder}" for model in names["model"] for decoder in DECODERS}
    triples = {f"{pair}_{task}" for pair in pairs for task in names["task"]}
    assert {file.stem for file in (ROOT / "conf/published").glob("*.yaml")} <= pairs
    assert {file.stem for file in (ROOT / "conf/published_task").glob("*.yaml")} <= triples
