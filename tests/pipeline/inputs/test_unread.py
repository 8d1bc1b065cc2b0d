"""A value of AXON that was typed and is not read is told of, and no other."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from rich.console import Console

from axon.gates import GATES
from axon.identity import decode_identity
from axon.policies import POLICIES
from pipeline.inputs.config import Config
from pipeline.inputs.unread import repeated, unread
from pipeline.jobs.run_job import run_job
from pipeline.planning.plan import make_setting
from pipeline.planning.setting import Setting
from pipeline.runs.opened import read_values
from pipeline.workers import execute
from tests.axon.test_own_rules import Greedy, Stall
from tests.pipeline.conftest import Judge, composing

Make = Callable[..., Config]
LAYERS = 8  # of the checkpoint's
OTHERS = {  # a value that none of them has by itself
    "anchors": 3,
    "max_anchor_steps": 2,
    "uncertainty_threshold": 0.3,
    "attention_layers": "all",
    "tau_sink": 0.5,
    "target_nfe": 5,
    "beta_r": 0.3,
    "beta_u": 0.3,
    "min_candidates": 2,
    "min_anchors": 2,
    "objective": "graph_cut",
    "combine": "union",
    "conflict_threshold": 0.3,
    "alpha": 0.3,
    "warmup": 7,
}


def with_axon(setting: Setting, **values: Any) -> Setting:
    decode = replace(setting.decode, axon=replace(setting.decode.axon, **values))
    return replace(setting, decode=decode, identity={**setting.identity, **decode_identity(decode, LAYERS)})


def test_a_value_is_told_of_exactly_where_it_makes_no_other_decode(make_config: Make) -> None:
    setting = make_setting(make_config())
    for gate, policy in product(GATES, POLICIES):
        here = with_axon(setting, gate=gate, policy=policy)
        for key, value in OTHERS.items():
            same = with_axon(here, **{key: value}).identity == here.identity
            assert bool(unread([f"axon.{key}={value}"], [here])) == same, (gate, policy, key)


def test_what_one_of_several_settings_reads_is_not_told_of(make_config: Make) -> None:
    off, on = make_setting(make_config("axon.gate=never")), make_setting(make_config())
    dawn = make_setting(make_config('decoder={"name": "dawn"}', "axon.gate=never"))
    words = ["axon.anchors=3", "decoder.threshold=0.5", "limit=3"]
    assert unread(words, [off, on]) == []
    assert unread(words, [off]) == [
        "axon.anchors=3: changes nothing, since AXON is off, which does not read it"
    ]
    several = [with_axon(on, policy=policy) for policy in ("cover", "density")]
    assert unread(["axon.anchors=3"], several) == [
        "axon.anchors=3: changes nothing, since the gates and policies here do not read it"
    ]
    assert unread(["axon.tau_sink=4x"], [dawn]) == [] and unread(["axon.budget_counts=steps"], [on]) == []


def test_a_setting_of_a_rule_is_read_where_it_is_the_gate_or_the_policy(make_config: Make) -> None:
    setting = make_setting(make_config())
    rules: dict[str, Any] = {"stall": Stall(gap=0.5), "greedy": Greedy()}
    for gate, told in (("stall", 0), ("coverage_gap", 1)):
        here = with_axon(setting, gate=gate, policy="greedy", own=rules)
        assert len(unread(["+axon.own.stall.gap=0.5"], [here])) == told
        row = {"axon.own.stall.gap": 0.5, "axon.gate": gate, "axon.alpha": 0.5}
        assert ("axon.own.stall.gap" in read_values(here, row)) == (not told)


@pytest.mark.slow
def test_a_word_that_a_later_one_replaces_is_told_of(make_config: Make, judge: Judge) -> None:
    words = ["limit=5", "++limit=6", "axon.anchors=1", "~wandb", "--config-dir=mine", "+x.limit=1", "limit=7"]
    words += ["+y=1", "~y"]  # removed: nothing takes its place
    assert repeated(words) == [
        "limit=5: changes nothing, since limit=7 comes after it",
        "++limit=6: changes nothing, since limit=7 comes after it",
    ]
    config, shown = make_config("task.name=judge", "axon.gate=never"), io.StringIO()
    run_job(config, composing(config), ["limit=5", "limit=6"], Console(file=shown, width=100))
    assert "limit=5: changes nothing, since limit=6 comes after it" in shown.getvalue()


@pytest.mark.slow
def test_a_run_says_so(make_config: Make, judge: Judge) -> None:
    config, shown = make_config("task.name=judge", "axon.gate=never"), io.StringIO()
    run_job(config, composing(config), ["axon.anchors=3"], Console(file=shown, width=100))
    assert "axon.anchors=3: changes nothing, since AXON is off" in shown.getvalue()


@pytest.mark.slow
def test_a_search_that_may_ask_for_another_gate_later_says_nothing(
    make_config: Make, judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execute, "runs_here", lambda *_: True)  # Ray's part is tested by itself
    words = ("task.name=judge", "axon.gate=never", "sweep.search=optuna", "sweep.optuna.trials=1")
    config, shown = make_config(*words), io.StringIO()
    run_job(config, composing(config), ["axon.anchors=3"], Console(file=shown, width=100))
    assert "changes nothing" not in shown.getvalue()
