"""Configs of a sweep's names, merged without Hydra for each: equal to Hydra's, or Hydra's."""

from __future__ import annotations

import json
import random
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

import launch
from pipeline.errors import ConfigError
from pipeline.inputs import layers
from pipeline.inputs.choices import choices
from pipeline.inputs.command_line import read_command_line
from pipeline.inputs.config import Compose
from tests.pipeline.conftest import ROOT

NAMED = ("model", "task", "decoder", "axon")
NAMES = {group: choices([ROOT / "conf"], group) for group in (*NAMED, "sweep", "experiment", "recipe")}
WORDS = (
    "limit=20",
    "gen_length=256",
    "axon.gate=always",
    "+sweep.groups.new.grid.seed=[0,1]",
    "~temperature",
    "++task.shots=2",
    "+model.end_tokens=[3,a]",
    "sweep=none",
)
Sweeps = Callable[..., Compose]


@pytest.fixture
def swept(monkeypatch: pytest.MonkeyPatch) -> Sweeps:
    """How a command of these words composes the names of its sweep."""

    def make(*words: str) -> Compose:
        monkeypatch.setattr(sys, "argv", ["launch.py", *words])
        return launch.swept(read_command_line(words))

    return make


def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on nothing is Hydra's config."""

    def never(names: Mapping[str, str]) -> dict[str, Any]:
        pytest.fail(f"left to Hydra: {names}")

    monkeypatch.setattr(layers, "FEW", 0)
    monkeypatch.setattr(launch, "compose", never)


@pytest.mark.slow
@pytest.mark.parametrize("group", ["sweep", "experiment", "recipe"])
def test_what_is_merged_is_what_hydra_composes(
    group: str, swept: Sweeps, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn, hydras = random.Random(group), launch.compose
    names = drawn.sample(NAMES[group], min(8, len(NAMES[group])))
    for choice in names:
        words = [f"{'+' * (group == 'experiment')}{group}={choice}"]
        words += [word for word in WORDS if drawn.random() < 0.2 and word.split("=")[0] != group]
        words += [f"{key}={drawn.choice(NAMES[key])}" for key in NAMED[1:] if drawn.random() < 0.3]
        keys = drawn.sample(NAMED, drawn.randint(1, 4))
        named = {key: drawn.choice([name for name in NAMES[key] if name != "checkpoint"]) for key in keys}
        swept(*words)
        expected = hydras(named)
        with monkeypatch.context() as patch:
            alone(patch)
            found = swept(*words)(named)
        assert json.dumps(found) == json.dumps(expected), (words, named)  # the order of keys, too


@pytest.mark.slow
def test_values_published_for_choices_together_are_merged_as_hydra_does(
    swept: Sweeps, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = {"model": "dream_v0_instruct_7b", "decoder": "klass", "task": "humaneval"}
    words, hydras = ("task=mbpp", "decoder=dawn"), launch.compose
    compose = swept(*words)
    expected = hydras(names)
    alone(monkeypatch)
    assert compose(names) == expected
    assert compose(names)["decoder"] != compose({**names, "task": "mbpp"})["decoder"], "a file of the task's"


def test_files_of_several_choices_stand_where_the_config_has_them() -> None:
    listed = OmegaConf.load(ROOT / "conf/config.yaml")["defaults"]
    entries = [dict(OmegaConf.to_container(entry).items()) for entry in listed if entry != "_self_"]
    groups = [next(iter(entry)) for entry in entries]
    together = [f"optional {group}" for group in layers.TOGETHER]
    at = groups.index(layers.BEFORE)
    assert groups[at - len(together) : at] == together
    for entry, keys in zip(entries[at - len(together) : at], layers.TOGETHER.values(), strict=True):
        assert list(entry.values()) == ["_".join(f"${{{key}}}" for key in keys)]
        assert set(keys) <= set(groups[:at])
    for group in layers.TOGETHER:
        files = list((ROOT / "conf" / group).glob("*.yaml"))
        assert files
        assert all(file.read_text().startswith("# @package _global_\n") for file in files)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Mapping[str, str]]:
    """The names of which Hydra was asked for a config."""
    found: list[Mapping[str, str]] = []
    hydras = launch.compose

    def asking(names: Mapping[str, str]) -> dict[str, Any]:
        found.append(names)
        return hydras(names)

    monkeypatch.setattr(launch, "compose", asking)
    return found


def combinations(count: int) -> list[dict[str, str]]:
    pairs = [(task, decoder) for task in ("arith", "lists", "pycode") for decoder in NAMES["decoder"]]
    return [dict(zip(("task", "decoder"), pair, strict=True)) for pair in pairs[:count]]


@pytest.mark.slow
def test_hydra_makes_the_first_few_and_what_cant_be_merged(
    asked: list[Mapping[str, str]], swept: Sweeps
) -> None:
    compose, names = swept("sweep=decoders"), combinations(layers.FEW + 3)
    trees = [compose(own) for own in names]
    assert asked == names[: layers.FEW]
    with pytest.raises(ConfigError, match=r"^decoder=none: unknown"):
        compose({"task": "arith", "decoder": "none"})
    assert [tree["decoder"]["name"] for tree in trees] == [own["decoder"] for own in names]
    compose = swept("decoder.radius=3")
    with pytest.raises(
        ConfigError, match=r"^decoder.radius=3: decoder=dawn, which the sweep asks for, has no"
    ):
        [compose({"decoder": name}) for name in ["local_leap"] * layers.FEW + ["dawn"]]


@pytest.mark.slow
@pytest.mark.parametrize("words", [("~sweep.groups.axon",), ("axon={}",)])
def test_words_that_remove_are_obeyed_or_refused_as_by_hydra(words: tuple[str, ...], swept: Sweeps) -> None:
    compose, names = swept("sweep=decoders", *words), combinations(1)[0]
    try:
        expected = json.dumps(launch.compose(names))
    except ConfigError as error:
        with pytest.raises(ConfigError, match=re.escape(str(error))):
            [compose(names) for _ in range(layers.FEW + 1)]
        return
    assert {json.dumps(compose(names)) for _ in range(layers.FEW + 1)} == {expected}


@pytest.mark.slow
def test_where_hydras_first_configs_are_others_all_are_hydras(
    asked: list[Mapping[str, str]], swept: Sweeps, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layers, "_set", lambda config, word: None)  # as if a word were read in another way
    compose, names = swept("sweep=decoders", "limit=7"), combinations(layers.FEW + 2)
    assert {compose(own)["limit"] for own in names} == {7}
    assert asked == names


@pytest.mark.slow
def test_a_users_own_file_that_chooses_for_another_group_is_left_to_hydra(
    tmp_path: Path, swept: Sweeps, asked: list[Mapping[str, str]]
) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model/mine.yaml").write_text(
        "# @package _global_\ndefaults: [tiny, {override /axon: always}, _self_]\nlimit: 3\n"
    )
    compose = swept(f"--config-dir={tmp_path}", "sweep=decoders")
    names = [*combinations(layers.FEW), *({"model": "mine", "decoder": name} for name in ("dawn", "klass"))]
    trees = [compose(own) for own in names]
    assert asked == names
    assert [tree["axon"]["gate"] for tree in trees[-3:]] == ["coverage_gap", "always", "always"]
