"""The command beside a point is true: it composes to the very setting."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from omegaconf import OmegaConf

import launch
from pipeline.checkpoints.outline import open_outline
from pipeline.inputs.config import read_config
from pipeline.jobs.console import command_line
from pipeline.planning.plan import Plan
from pipeline.planning.seeds import joint, pools
from pipeline.planning.setting import Setting
from pipeline.report.html.command import point_words, spelled
from tests.report.sweep import make_setting

ROOT = Path(__file__).resolve().parents[3]
LLADA = ROOT / "tests/axon/configs/llada_8b.json"
MINE = """
name: mine
search: refine
along_trade_off: true
groups:
  odd "name": {set: {axon: {gate: never}}, grid: {decoder: [dawn, klass]}}
  axon: {grid: {axon.attention_layers: ["last 4", all], axon.tau_sink: [4x, 0.01], model: [tiny]}}
"""
Planned = Callable[..., Plan]


@pytest.fixture
def plan_of(monkeypatch: pytest.MonkeyPatch) -> Planned:
    def make(words: list[str]) -> Plan:
        monkeypatch.setattr(sys, "argv", ["launch.py", *words])
        plan = Plan(read_config(launch.compose()), launch.compose, open_outline)
        plan.extend(())
        return plan

    return make


def again(plan_of: Planned, words: list[str], setting: Setting) -> list[Setting]:
    """The settings of the point's command."""
    command = " ".join(point_words(command_line(words), setting))
    assert command
    program, script, *given = shlex.split(command)
    assert (program, script) == ("python", "launch.py")
    return list(plan_of(given).settings.values())


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ["+experiment=demo", "limit=40", "job=report"],
        ["+experiment=axon_table", "sweep.groups.base.grid.decoder=[dawn,klass]"],
        ["+experiment=axon_ablation_gate", "axon.anchors=2"],
        ["sweep=caches", "task=pycode", "decoder=dawn", "block_length=7"],
        ["sweep=with_axon", "+sweep.groups.axon.grid.axon.anchors=[1,2,3]", "decoder.threshold=0.7"],
        ["axon=off", "temperature=0.5", "seed=3"],
        [
            "recipe=llada_8b_instruct_gsm8k_fast_dllm_dual",
            "model.path=LLADA",
            "task.path=ROWS",
            "task.shots_path=ROWS",
        ],
        ["sweep=with_axon", "model=llada_8b_instruct", "model.path=LLADA", "budget.hours=2"],
        ["--config-dir=MINE", "sweep=mine", "task=lists"],
    ],
    ids=lambda words: words[0] if "model.path=LLADA" not in words else f"{words[0]} elsewhere",
)
def test_the_command_of_a_point_composes_to_its_setting(
    words: list[str], plan_of: Planned, tmp_path: Path
) -> None:
    (tmp_path / "mine/sweep").mkdir(parents=True)
    (tmp_path / "mine/sweep/mine.yaml").write_text(MINE)
    (tmp_path / "an odd, 'quoted' place").mkdir()
    shutil.copy(LLADA, tmp_path / "an odd, 'quoted' place/config.json")
    rows = tmp_path / "rows.jsonl"
    rows.write_text(
        "".join(json.dumps({"question": f"{n}?", "answer": f"#### {n}"}) + "\n" for n in range(9))
    )
    places = {
        "LLADA": spelled(str(tmp_path / "an odd, 'quoted' place")),
        "MINE": tmp_path / "mine",
        "ROWS": rows,
    }
    for name, place in places.items():
        words = [word.replace(f"={name}", f"={place}") for word in words]
    settings = list(plan_of(words).settings.values())
    for setting in settings[:: max(1, len(settings) - 1)]:  # the first and the last
        assert [own.id for own in again(plan_of, words, setting)] == [setting.id]


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [[1, 0, 2], [4, 3]])
def test_the_command_of_several_seeds_composes_to_all_of_them(seeds: list[int], plan_of: Planned) -> None:
    words = [
        "sweep=with_axon",
        f"+sweep.groups.axon.grid.seed={seeds}",
        "temperature=0.5",
    ]
    own = [setting for setting in plan_of(words).settings.values() if setting.group == "axon"]
    found = [[own[place] for place in places] for places in pools([("axon", setting) for setting in own])]
    assert {len(members) for members in found} == {len(seeds)}
    for members in found:
        assert {made.id for made in again(plan_of, words, joint(members))} == {one.id for one in members}


def test_a_run_that_launch_py_did_not_make_has_no_command() -> None:
    assert point_words("lm_eval --model axon", make_setting("a", 0.5, None)) == []


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**9), 10**9)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(min_codepoint=32, max_codepoint=382, exclude_characters="$"), min_size=1),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=5,
)


@given(values)
@example("A¹")
def test_a_value_is_read_back_as_it_was(value: object) -> None:
    from hydra.core.override_parser.overrides_parser import OverridesParser

    (word,) = OverridesParser.create().parse_overrides([f"key={spelled(value)}"])
    assert OmegaConf.to_container(OmegaConf.create({"key": word.value()}))["key"] == value
