"""Spaces as a user writes them, in yaml and on the command line: what the plan makes of them, composed by launch.py."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import launch
from pipeline.errors import ConfigError
from pipeline.inputs.config import Config, ModelSettings, read_config
from pipeline.planning import plan as plan_module
from pipeline.planning.plan import Plan
from pipeline.planning.setting import Setting
from pipeline.search import SEARCHES, Candidate, Outcome, Space
from tests.pipeline.conftest import SWEPT_DECODERS, compose_tree, composing

Planned = Callable[..., Plan]

MODELS = """
defaults: [checkpoint, _self_]
path: {path}
dtype: float32
prompt: raw
"""
SWEEP = """
name: everything
search: grid
along_trade_off: false
groups:
  mine:
    grid:
      decoder: [confidence, dawn]
      model: [tiny, random]
      axon: ["off", always]
      task: [arith, lists]
"""
CONDITIONS = """
name: conditions
search: grid
along_trade_off: true
groups:
  mine:
    set: {axon: {gate: always}}
    grid:
      decoder: [confidence, klass, left_to_right]
      axon: {anchors: [1, 2], alpha: {low: 0, high: 1, num: 3}}
      decoder.kl_threshold: {low: 0.001, high: 0.1, num: 3, log: true}
    when:
      axon.anchors: {decoder: [confidence, klass]}
      axon.alpha: {decoder: left_to_right}
      decoder.kl_threshold: {decoder: klass, axon.anchors: 2}
"""


@pytest.fixture
def asked(checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Makes words the command line, with a folder of configs of the user's own."""
    for name, text in {
        "model/random": MODELS.format(path=checkpoint),
        "sweep/everything": SWEEP,
        "sweep/conditions": CONDITIONS,
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / f"{name}.yaml").write_text(text)

    def ask(*words: str) -> None:
        monkeypatch.setattr(sys, "argv", ["launch.py", f"--config-dir={tmp_path}", *words])

    return ask


@pytest.fixture
def plan_of(asked: Callable[..., None]) -> Planned:
    """The plan of a command line."""

    def make(*words: str) -> Plan:
        asked(*words)
        plan = Plan(read_config(launch.compose()), launch.compose)
        plan.extend(())
        return plan

    return make


def knobs(plan: Plan, group: str) -> list[dict[str, Any]]:
    return [dict(candidate.knobs) for candidate, _ in plan.asked if candidate.group == group]


@pytest.mark.slow
def test_models_tasks_decoders_and_axon_are_crossed_in_one_sweep(plan_of: Planned, checkpoint: Path) -> None:
    plan = plan_of("sweep=everything")
    found = [
        (s.model_name, s.task.name, s.decode.decoder.name, s.decode.axon.gate) for s in plan.settings.values()
    ]
    assert len(found) == len(set(found)) == 16
    parameters = {"confidence": "decoder.threshold", "dawn": "decoder.tau_low"}
    for setting in plan.settings.values():
        assert setting.decode.gen_length == {"arith": 20, "lists": 16}[setting.task.name]
        assert setting.decode.axon.tau_sink == ("4x" if setting.model_name == "tiny" else 0.01)
        assert setting.trade_off == parameters[setting.decode.decoder.name]


@pytest.mark.slow
def test_settings_of_one_model_follow_each_other(plan_of: Planned) -> None:
    """The grid alternates between the models; a worker that takes the plan in its order loads each once."""
    plan = plan_of("sweep=everything")
    assert len(loads(plan.settings.values())) == 2
    assert [model for model, _ in groupby(c.knobs["model"] for c, _ in plan.asked)][:4] == [
        "tiny",
        "random",
    ] * 2


def loads(planned: Sequence[Setting] | Any) -> list[ModelSettings]:
    """What a worker would load that keeps one model and evaluates these settings in their order."""
    return [model for model, _ in groupby(setting.model for setting in planned)]


@pytest.mark.slow
def test_conditions_hold_across_named_configs_ranges_and_the_trade_off(plan_of: Planned) -> None:
    plan = plan_of("sweep=conditions")
    found = knobs(plan, "mine")
    of = {name: [point for point in found if point["decoder"] == name] for name in ("confidence", "klass")}
    assert len(of["confidence"]) == 2 * 5, "anchors x the five thresholds of its trade-off"
    assert all(
        "axon.alpha" not in point and "decoder.kl_threshold" not in point for point in of["confidence"]
    )
    assert len(of["klass"]) == (1 + 3) * 5, "kl_threshold is varied for two anchors alone"
    assert {p["decoder.kl_threshold"] for p in of["klass"] if p["axon.anchors"] == 2} == {0.001, 0.01, 0.1}
    alone = [point for point in found if point["decoder"] == "left_to_right"]
    assert [point["axon.alpha"] for point in alone] == [0.0, 0.5, 1.0]
    assert all(set(point) == {"axon.gate", "decoder", "axon.alpha"} for point in alone)


def test_a_key_that_the_group_sets_is_not_varied_along_the_trade_off(plan_of: Planned) -> None:
    plan = plan_of("sweep=with_axon", "sweep.search=grid", "+sweep.groups.base.set.decoder.threshold=0.6")
    assert knobs(plan, "base") == [{"axon.gate": "never", "decoder.threshold": 0.6}]
    assert len(knobs(plan, "axon")) == 5


@pytest.mark.slow
@pytest.mark.parametrize("group", [(), ("+sweep.groups.axon.grid.decoder.factor=[1,4]",)])
def test_a_parameter_that_is_no_whole_number_is_searched_between_whole_numbers(
    plan_of: Planned, group: tuple[str, ...]
) -> None:
    words = ["decoder=factor", "sweep=with_axon", "trade_off.values=[1,4]", *group]
    spelled = [word.replace("[1,4]", "[1.0,4.0]") for word in words]
    assert repr(plan_of(*words).space) == repr(plan_of(*spelled).space)


def test_a_parameter_that_is_a_whole_number_is_searched_among_those_given(plan_of: Planned) -> None:
    plan = plan_of("decoder=fixed_steps", "sweep=with_axon", "gen_length=40", "trade_off.values=[8,32]")
    assert {repr(region.grid["decoder.steps"]) for region in plan.space} == {"(8, 32)"}


def test_values_of_a_grid_are_changed_from_the_command_line(plan_of: Planned) -> None:
    words = ["sweep.groups.axon.grid.axon.anchors=[1,3]", "sweep.groups.axon.grid.axon.max_anchor_steps=[2]"]
    plan = plan_of("sweep=anchor_budget", "trade_off.values=[0.5]", *words)
    points = [point | {"decoder.threshold": None} for point in knobs(plan, "axon")]
    rest = {"axon.max_anchor_steps": 2, "decoder.threshold": None}
    assert points == [
        {"axon.policy": "fixed", "axon.anchors": 1, **rest},
        {"axon.policy": "fixed", "axon.anchors": 3, **rest},
        {"axon.policy": "cover", **rest},
    ]


def test_a_range_is_given_on_the_command_line(plan_of: Planned) -> None:
    word = "+sweep.groups.axon.grid.axon.alpha={low:0,high:1,num:5}"
    plan = plan_of("sweep=with_axon", "trade_off.values=[0.5]", "axon=cp_alpha", word)
    assert [point["axon.alpha"] for point in knobs(plan, "axon")] == [0.0, 0.25, 0.5, 0.75, 1.0]


def test_a_group_is_added_on_the_command_line(plan_of: Planned) -> None:
    plan = plan_of("sweep=with_axon", "trade_off.values=[0.5]", "+sweep.groups.mine.set.axon.gate=always")
    assert {c.group for c, _ in plan.asked} == {"base", "axon", "mine"}
    assert knobs(plan, "mine") == [{"axon.gate": "always", "decoder.threshold": 0.5}]


def test_a_group_is_removed_on_the_command_line(plan_of: Planned) -> None:
    plan = plan_of("sweep=with_axon", "trade_off.values=[0.5]", "~sweep.groups.base")
    assert [c.group for c, _ in plan.asked] == ["axon"]


@pytest.mark.slow
def test_decoders_are_varied_by_name_each_along_its_own_parameter(plan_of: Planned) -> None:
    plan = plan_of(
        "sweep=with_axon",
        "sweep.search=grid",
        "decoder=factor",
        "+sweep.groups.axon.grid.decoder=[dawn,klass]",
    )
    assert {next(key for key in point if key.startswith("decoder.")) for point in knobs(plan, "base")} == {
        "decoder.factor"
    }
    dawn, klass = ([p for p in knobs(plan, "axon") if p["decoder"] == name] for name in ("dawn", "klass"))
    assert [point["decoder.tau_low"] for point in dawn] == [0.3, 0.5, 0.7, 0.8, 0.89]
    assert [point["decoder.threshold"] for point in klass] == [0.3, 0.5, 0.7, 0.9, 0.99]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "key", "value"),
    [
        (["axon.anchors=3"], "axon.anchors", 3),
        (["++axon.anchors=3"], "axon.anchors", 3),
        (["gen_length=80"], "gen_length", 80),
        (["+task.shots=0"], "task.shots", 0),
        (["axon=unified"], "axon.gate", "unified"),
        (["model=random"], "model.dtype", "float32"),
        (["+experiment=demo", "sweep=everything"], "limit", 150),
    ],
)
def test_the_users_words_hold_under_every_named_config(
    words: list[str], key: str, value: object, asked: Callable[..., None]
) -> None:
    asked("sweep=everything", *words)
    for names in ({"decoder": "klass"}, {"decoder": "dawn", "task": "lists"}):
        tree: Any = launch.compose(names)
        for part in key.split("."):
            tree = tree[part]
        assert tree == value


@pytest.mark.slow
def test_a_named_config_takes_the_place_of_the_users_choice(plan_of: Planned) -> None:
    plan = plan_of("sweep=decoders", "decoder=klass", "task=lists", "++limit=3")
    assert {setting.decode.decoder.name for setting in plan.settings.values()} >= {
        "confidence",
        "dawn",
        "klass",
    }
    assert {setting.task.name for setting in plan.settings.values()} == {"lists"}
    assert launch.compose({"decoder": "dawn"})["limit"] == 3


def test_a_removed_key_stays_removed_under_a_named_config(asked: Callable[..., None]) -> None:
    asked("sweep=everything", "~axon.alpha")
    assert "alpha" not in launch.compose({"decoder": "dawn"})["axon"]


@pytest.mark.slow
def test_a_sweep_composes_each_combination_of_names_once(
    asked: Callable[..., None],
) -> None:
    composed: list[dict[str, str]] = []
    compose = launch.compose

    def counting(names: dict[str, str]) -> dict[str, Any]:
        composed.append(dict(names))
        return compose(names)

    asked("sweep=decoders")
    plan = Plan(read_config(compose()), counting)
    plan.extend(())
    assert len(composed) == len(SWEPT_DECODERS), "two groups share them"


@pytest.mark.slow
def test_models_and_tasks_that_are_not_there_are_told_before_their_combinations_are_composed(
    asked: Callable[..., None], tmp_path: Path
) -> None:
    (tmp_path / "task").mkdir()
    (tmp_path / "task/gone.yaml").write_text(
        "# @package _global_\ndefaults: [gsm8k, _self_]\ntask: {path: nowhere.jsonl, shots: 0}\n"
    )
    (tmp_path / "model/gone.yaml").write_text(
        "# @package _global_\ndefaults: [tiny, _self_]\nmodel: {path: ./nowhere}\n"
    )
    grid = "+sweep.groups.base.grid"
    asked("sweep=decoders", f"{grid}.model=[gone,tiny]", f"{grid}.task=[arith,gone]", "~sweep.groups.axon")
    composed: list[dict[str, str]] = []
    compose = launch.compose

    def counting(names: dict[str, str]) -> dict[str, Any]:
        composed.append(dict(names))
        return compose(names)

    with pytest.raises(ConfigError) as found:
        Plan(read_config(compose()), counting)
    model, task = found.value.lines
    assert model.startswith("sweep.groups.base: model.path='./nowhere': no such folder")
    assert task.startswith("sweep.groups.base: task.path='nowhere.jsonl'")
    assert len(composed) <= 3
    asked("sweep=decoders", f"{grid}.model=[gone]", "+sweep.groups.base.set.model.path=assets/tiny")
    assert len(Plan(read_config(compose()), counting).extend(())) == 2 * len(SWEPT_DECODERS), (
        "a path of its own"
    )


@given(st.lists(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 4)), max_size=6), max_size=4))
@settings(max_examples=25, deadline=None)
def test_in_every_round_of_a_search_a_worker_loads_each_model_once(
    rounds: list[list[tuple[int, int]]],
) -> None:
    """Counted with models that are names alone. A round begins with the model that the one before it ended with."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan_module, "make_setting", fake_setting)
        patch.setitem(SEARCHES, "scripted", scripted(rounds))
        config = read_config({**compose_tree(), "sweep": SCRIPTED})
        plan, previous = Plan(config, composing(config)), None
        for number in range(len(rounds)):
            new = plan.extend([Outcome(Candidate("x", {}), "", 1, 1, 0.0, 1.0)] * number)
            order = loads(new)
            assert len(order) == len(set(order))
            if previous in order:
                assert order[0] == previous
            previous = order[-1] if order else previous
        assert [s.id for s in plan.settings.values()] == list(
            dict.fromkeys(s.id for s in plan.settings.values())
        )


SCRIPTED = {"name": "x", "search": "scripted", "along_trade_off": False, "groups": {"x": {}}}


def scripted(rounds: list[list[tuple[int, int]]]) -> Any:
    def ask(space: Space, outcomes: Sequence[Outcome]) -> list[Candidate]:
        return [Candidate("x", {"model.path": f"m{m}", "axon.anchors": a}) for m, a in rounds[len(outcomes)]]

    return ask


def fake_setting(config: Config, candidate: Candidate, _: object) -> Setting:
    """A setting of a model that is nowhere to be opened."""
    knobs = dict(candidate.knobs)
    return Setting(
        str(sorted(knobs.items())), {}, "x", knobs, config.model, config.task, config.decode, config.seed
    )
