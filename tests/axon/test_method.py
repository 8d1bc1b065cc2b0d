"""docs/method.md describes every choice that there is, with its defaults."""

from __future__ import annotations

from dataclasses import asdict, fields
from pathlib import Path
from typing import get_args

import pytest

from axon import DECODERS, DecodeSettings
from axon.gates import GATES
from axon.policies import OBJECTIVES, POLICIES
from axon.settings import AxonSettings, BlockAlignment, BudgetCounts, Cache, EndOfText, SinkRows
from axon.trace import COUNTS

RULES = [
    *(
        name
        for choices in (EndOfText, BlockAlignment, SinkRows, BudgetCounts, Cache)
        for name in get_args(choices)
    ),
    *("end_of_text", "block_alignment", "sink_rows", "budget_counts", "top_p", "block_length", "cache"),
]
OFF = {"attention_discount": 0.0}
TEXT = (Path(__file__).parents[2] / "docs" / "method.md").read_text()


@pytest.mark.parametrize("name", [*DECODERS, *GATES, *POLICIES, *OBJECTIVES, *RULES, *COUNTS])
def test_every_choice_and_count_is_described(name: str) -> None:
    assert f"`{name}`" in TEXT


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("target_nfe", "`target_nfe` ({})"),
        ("warmup", "`warmup` ({})"),
        ("max_anchor_steps", "`max_anchor_steps` ({})"),
        ("min_anchors", "`min_anchors`\n({})"),
        ("conflict_threshold", "`conflict_threshold` ({})"),
        ("alpha", "α = {}"),  # noqa: RUF001 - as in the text
    ],
)
def test_a_default_is_the_codes(name: str, shown: str) -> None:
    [default] = [field.default for field in fields(AxonSettings) if field.name == name]
    assert shown.format(default) in TEXT


@pytest.mark.parametrize(
    ("decoder", "names"),
    [
        ("factor", ["factor"]),
        ("local_leap", ["threshold", "relaxed_threshold", "radius"]),
        ("hierarchy", ["threshold", "low_threshold"]),
        ("hierarchy_remasking", ["threshold", "low_threshold", "remask_threshold"]),
        ("clad", ["threshold"]),
        ("dapd", ["variant", "tau_min", "tau_max", "threshold"]),
        ("entropy_threshold", ["threshold"]),
        ("klass", ["threshold", "kl_threshold", "history"]),
        ("credit", ["threshold", "alpha", "beta", "gamma"]),
        ("slow_fast", ["threshold", "min_confidence", "exploration_steps", "window", "stability"]),
        ("lopa", ["threshold", "branches"]),
        ("wino", ["threshold", "threshold_back"]),
        ("dus", ["base", "base_skip", "threshold"]),
        ("pc_sampler", ["decay", "alpha"]),
        ("joint_threshold", ["threshold", "editing_threshold", "max_post_steps"]),
    ],
)
def test_a_decoders_defaults_are_the_codes(decoder: str, names: list[str]) -> None:
    [row] = [line for line in TEXT.splitlines() if line.startswith(f"| `{decoder}`")]
    settings = DECODERS[decoder]()
    assert row.endswith(f"| {', '.join(str(getattr(settings, name)) for name in names)} |")


def test_the_defaults_are_those_published_for_llada_and_dream() -> None:
    """docs/method.md, sections 2, 3 and 7: a default that moves changes every study that doesn't name it."""
    assert asdict(AxonSettings()) == {
        "gate": "coverage_gap", "policy": "fixed", "anchors": 1, "max_anchor_steps": 1,
        "budget_counts": "interventions", "uncertainty_threshold": 0.0, "attention_layers": "last 4",
        "tau_sink": 0.01, "target_nfe": 16, "beta_r": 1.0, "beta_u": 1.0, "min_candidates": 32,
        "max_candidates": 32, "candidate_ratio": 1.0, "min_anchors": 1, "objective": "facility_location",
        "combine": "replace", "conflict_threshold": 0.08, "alpha": 0.5, "warmup": 256, "own": {},
    }  # fmt: skip
    plain = DecodeSettings()
    assert (plain.gen_length, plain.for_model(None).block, plain.temperature) == (256, 32, 0.0)
    assert (plain.end_of_text, plain.block_alignment, plain.cache) == ("full", "prompt", "none")
    assert {name: asdict(kind()) for name, kind in DECODERS.items()} == {
        "fixed_steps": {"name": "fixed_steps", "steps": None, "remasking": "low_confidence", **OFF},
        "confidence": {"name": "confidence", "threshold": 0.9},
        "factor": {"name": "factor", "factor": 1.0, **OFF},
        "local_leap": {"name": "local_leap", "threshold": 0.9, "relaxed_threshold": 0.75, "radius": 4},
        "klass": {"name": "klass", "threshold": 0.9, "kl_threshold": 0.01, "history": 2},
        "dawn": {"name": "dawn", "tau_sink": None, "tau_edge": 0.07, "tau_induce": 0.7, "tau_low": 0.75},
        "clad": {"name": "clad", "threshold": 0.7},
        "dapd": {"name": "dapd", "variant": "staged", "tau_min": 0.01, "tau_max": 0.15, "threshold": 0.9},
        "entropy_bounded": {"name": "entropy_bounded", "gamma": 0.1, **OFF},
        "entropy_threshold": {"name": "entropy_threshold", "threshold": 0.5},
        "hierarchy": {"name": "hierarchy", "threshold": 0.9, "low_threshold": 0.4},
        "hierarchy_remasking": {
            "name": "hierarchy_remasking",
            "threshold": 0.9,
            "low_threshold": 0.4,
            "remask_threshold": 0.4,
        },
        "rcr": {"name": "rcr", "steps": None},
        "dsb": {"name": "dsb", "threshold": 0.9, "window": None, "max_window": None},
        "dus": {"name": "dus", "base": 2, "base_skip": 1, "threshold": 0.3},
        "pc_sampler": {
            "name": "pc_sampler",
            "token_counts": None,
            "steps": None,
            "decay": 0.25,
            "alpha": 10.0,
        },
        "credit": {"name": "credit", "threshold": 0.9, "alpha": 0.7, "beta": 0.8, "gamma": 0.2},
        "slow_fast": {
            "name": "slow_fast",
            "threshold": 0.9,
            "min_confidence": 0.3,
            "exploration_steps": 6,
            "window": 2,
            "stability": 1.0,
        },
        "lopa": {"name": "lopa", "threshold": 0.9, "branches": 3},
        "wino": {"name": "wino", "threshold": 0.6, "threshold_back": 0.9},
        "joint_threshold": {
            "name": "joint_threshold",
            "threshold": 0.7,
            "editing_threshold": 0.5,
            "max_post_steps": 16,
        },
        "left_to_right": {"name": "left_to_right"},
    }
