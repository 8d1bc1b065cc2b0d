"""Every committed choice composes, validates and says what the code's own defaults say."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from axon import AxonSettings, DecodeSettings
from axon.decoders import DECODERS
from pipeline.errors import ConfigError
from pipeline.inputs.config import DECODE_KEYS, read_config, to_tree
from pipeline.tasks import TASKS
from tests.axon.with_defaults import with_defaults
from tests.pipeline.conftest import ROOT, compose_tree, planned
from tests.pipeline.formats import random_checkpoint

CONF = ROOT / "conf"
FILES = sorted(path for path in CONF.glob("*/*.yaml"))


NEEDED = {
    "checkpoint": ["model.path=assets/tiny"],
    "pc_sampler": ["decoder.token_counts=assets/tiny/token_counts.json"],
}
ALONE = ("experiment", "published", "published_task")  # the others are composed with one of each other group


def choices(group: str) -> list[str]:
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


def words(file: Path) -> list[str]:
    """What chooses a file, with the least that has to be given beside it."""
    word = f"{'+' * (file.parent.name == 'experiment')}{file.parent.name}={file.stem}"
    if file.parent.name in ("published", "published_task"):  # chosen by the model, the decoder and the task
        return [f"decoder={next(name for name in DECODERS if f'_{name}' in file.stem)}", word]
    return [word, *NEEDED.get(file.stem, [])]


def in_turns() -> list[tuple[str, ...]]:
    """Command lines that choose each file at least once; test_recipes.py composes the recipes."""
    groups = {file.parent.name for file in FILES} - {*ALONE, "recipe"}
    together = [[words(CONF / group / f"{name}.yaml") for name in choices(group)] for group in sorted(groups)]
    turns = [[files[turn % len(files)] for files in together] for turn in range(max(map(len, together)))]
    apart = [[words(file)] for file in FILES if file.parent.name in ALONE]
    return [tuple(word for chosen in line for word in chosen) for line in (*turns, *apart)]


@pytest.mark.slow
@pytest.mark.parametrize("line", in_turns(), ids=" ".join)
def test_every_choice_composes_and_validates(line: tuple[str, ...]) -> None:
    config = read_config(compose_tree(*line))
    assert read_config(to_tree(config)) == config


@pytest.mark.parametrize("file", FILES, ids=lambda path: f"{path.parent.name}={path.stem}")
def test_every_choice_is_short_and_explained(file: Path) -> None:
    lines = file.read_text().splitlines()
    assert len(lines) <= 20
    assert any("#" in line for line in lines)


@pytest.fixture(scope="module")
def block_causal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return random_checkpoint("sdar", tmp_path_factory.mktemp("models") / "sdar")


SWEPT = [  # each decoder with a fifth of the sweeps; what is swept is not the task: one of two lengths each
    (sweep, decoder, ("arith", "sudoku_n4")[column // 5 % 2])
    for row, sweep in enumerate(choices("sweep"))
    for column, decoder in enumerate(choices("decoder"))
    if (row + column) % 5 == 3
]


@pytest.mark.slow
@pytest.mark.parametrize(("sweep", "decoder", "task"), SWEPT)
def test_every_sweep_can_be_planned(
    sweep: str, decoder: str, task: str, checkpoint: Path, block_causal: Path
) -> None:
    folder = block_causal if sweep == "caches_block" else checkpoint
    words = [f"sweep={sweep}", f"decoder={decoder}", f"task={task}", f"model.path={folder}"]
    if sweep.startswith("caches") and (DECODERS[decoder].reads_later_blocks or with_defaults(decoder).wider):
        refused = r"decoder (klass compares what they find in later ones|wino reads a shadow|lopa computes 3 canvases)"
        with pytest.raises(ConfigError, match=refused):
            planned(read_config(compose_tree(*words)))
        return
    plan = planned(read_config(compose_tree(*words)))
    asked = len(plan.asked)
    assert asked == 1 if sweep == "none" else asked >= 2


def test_a_shadow_is_refused_where_tokens_are_predicted_from_the_position_before(tmp_path: Path) -> None:
    folder = random_checkpoint("dream", tmp_path / "dream")
    with pytest.raises(
        ConfigError, match=r"^decoder\.name='wino': reads a shadow .* from the position before it; use"
    ):
        planned(read_config(compose_tree("decoder=wino", "task=arith", f"model.path={folder}")))


@pytest.mark.slow
def test_the_anchor_budget_is_swept_as_promised(checkpoint: Path) -> None:
    words = ["sweep=anchor_budget", f"model.path={checkpoint}"]
    first = planned(read_config(compose_tree(*words)))
    assert len(first.settings) == 2 * 3 + 9, (
        "a group's first line begins with its ends and its middle, base and AXON alike, the others with their middle"
    )
    plan = planned(read_config(compose_tree(*words, "sweep.search=grid")))
    assert len(plan.settings) >= 40
    thresholds = {label.knobs["decoder.threshold"] for label in plan.settings.values()}
    assert len(thresholds) >= 5 and min(thresholds) == 0.3 and max(thresholds) == 0.99
    budgets = {
        (
            knobs["axon.anchors"] if knobs["axon.policy"] == "fixed" else "cover",
            knobs["axon.max_anchor_steps"],
        )
        for label in plan.settings.values()
        if (knobs := label.knobs).get("axon.gate") != "never"
    }
    assert budgets == {(anchors, steps) for anchors in (1, 2, 3, 4, "cover") for steps in (1, 2)}
    assert {label.group for label in plan.settings.values()} == {"base", "axon"}


@pytest.mark.slow
def test_the_decoders_sweep_has_each_with_its_defaults_alone_and_with_axon(checkpoint: Path) -> None:
    plan = planned(read_config(compose_tree("sweep=decoders", f"model.path={checkpoint}")))
    found = sorted((label.knobs["decoder"], label.group) for label in plan.settings.values())
    swept = {name for name, _ in found}
    unsuited = {name for name, kind in DECODERS.items() if kind.needs_shadow} | {"pc_sampler"}
    assert swept == set(DECODERS) - unsuited, "those that suit every model, and need no file of the user's"
    assert found == sorted((name, group) for name in swept for group in ("axon", "base"))
    for setting_id, label in plan.settings.items():
        setting = plan.settings[setting_id].decode
        assert setting.decoder == DECODERS[label.knobs["decoder"]]()
        assert (setting.axon.gate == "never") == (label.group == "base")


def test_a_decodes_committed_defaults_are_the_codes() -> None:
    """conf/ repeats the library's defaults, so that a user reads each of them where it is explained."""
    tree = compose_tree("model=llada_8b_instruct", "task=gsm8k")
    code = asdict(DecodeSettings(axon=AxonSettings(budget_counts="steps")))  # as published for LLaDA
    assert code["axon"].pop("own") == {}  # what each installed rule has
    assert {key: tree[key] for key in DECODE_KEYS} == code


SDAR = {
    **{"attention_layers": "all", "min_candidates": 16, "max_candidates": 64, "candidate_ratio": 0.25},
    **{"target_nfe": 8, "conflict_threshold": 0.05},
}
AXON: dict[tuple[str, ...], dict[str, Any]] = {  # by how the names of the family's models begin
    ("tiny",): {"tau_sink": "4x"},
    ("llada_8b", "llada_1_5", "d3llm_llada", "dparallel_llada"): {"budget_counts": "steps"},
    ("dream", "diffucoder", "d3llm_dream", "dparallel_dream"): {"tau_sink": 0.03},
    ("sdar", "trado"): SDAR,
}


@pytest.mark.slow
@pytest.mark.parametrize("model", choices("model"))
def test_a_family_brings_its_own_values_of_axon_and_nothing_else(model: str) -> None:
    path = ["model.path=assets/tiny"] if model == "checkpoint" else []
    family = next((own for own in AXON if any(model.startswith(start) for start in own)), ())
    own = AXON.get(family, {})
    expected = asdict(AxonSettings()) | own
    del expected["own"]  # of rules that packages bring
    assert compose_tree(f"model={model}", *path)["axon"] == expected
    chosen = {"gate": "always", "attention_layers": "last 2"}
    words = [f"axon={chosen['gate']}", f"axon.attention_layers={chosen['attention_layers']}"]
    assert compose_tree(f"model={model}", *words, *path)["axon"] == expected | chosen


@pytest.mark.parametrize("decoder", choices("decoder"))
def test_a_decoders_committed_defaults_are_the_codes(decoder: str) -> None:
    tree = compose_tree(f"decoder={decoder}", "model=checkpoint", "model.path=assets/tiny")
    assert tree["decoder"] == asdict(DECODERS[decoder]())


def test_every_task_has_a_choice() -> None:
    assert choices("task") == sorted(TASKS)


def test_every_decoder_has_a_choice() -> None:
    assert choices("decoder") == sorted(DECODERS)
