"""job=time: settings take turns, the tables show what was measured, and nothing is stored."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf
from rich.console import Console

import launch
from axon import decode
from pipeline.errors import ConfigError
from pipeline.evaluation.evaluate import load
from pipeline.inputs.config import Config, read_config, to_tree
from pipeline.jobs import time_settings as job
from pipeline.jobs import timing
from pipeline.jobs.console import draw
from tests.pipeline.conftest import ROOT, SWEPT_DECODERS, Judge, composing, planned
from tests.report.sweep import make_setting

Make = Callable[..., Config]
GROUPS = 'sweep.groups={"axon": {}, "alone": {"set": {"axon.gate": "never"}}}'


@pytest.fixture
def config(make_config: Make, judge: Judge) -> Config:
    small = ["timing.rounds=2", "timing.examples=4", "decoder.threshold=0.2"]
    return make_config("task.name=judge", "job=time", GROUPS, *small)


def run(config: Config) -> tuple[int, list[str]]:
    shown = io.StringIO()
    code = job.time_settings(config, composing(config), Console(file=shown, width=100))
    return code, shown.getvalue().strip().splitlines()


@given(names=st.lists(st.integers(), unique=True, min_size=1, max_size=5), rounds=st.integers(1, 6))
def test_everybody_has_one_turn_a_round_and_another_is_first(names: list[int], rounds: int) -> None:
    ran: list[int] = []
    turns = list(
        timing.take_turns({name: lambda name=name: ran.append(name) or name for name in names}, rounds)
    )  # type: ignore[misc]
    assert [name for _, name, _ in turns] == [measured for _, _, measured in turns] == ran
    for number in range(rounds + 1):
        assert sorted(name for at, name, _ in turns if at == number) == sorted(names)
    firsts = [ran[at] for at in range(0, len(ran), len(names))]
    assert len(set(firsts[: len(names)])) == min(len(names), rounds + 1)


@pytest.mark.slow
def test_what_is_measured_is_said_of_every_setting_at_both_batches(config: Config) -> None:
    code, shown = run(config)
    assert code == 0
    folder = Path(shown[-1])
    assert [path.name for path in folder.iterdir()] == ["timing.csv"]
    assert not Path(config.store).exists(), "nothing goes to the store"
    rows = pd.read_csv(folder / "timing.csv").set_index(["group", "batch"])
    assert list(rows.index) == [("axon", 1), ("alone", 1), ("axon", 3), ("alone", 3)]
    assert rows["examples"].tolist() == [4, 4, 6, 6], "whole batches"
    assert (rows["rounds"] == 2).all() and (rows["tokens"] == 8 * rows["examples"]).all()
    seconds = rows["seconds_per_example"] * rows["examples"]
    assert seconds.to_numpy() == pytest.approx((rows["seconds_per_step"] * rows["steps"]).to_numpy())
    for name in ("seconds_per_example", "tokens_per_second", "seconds_per_step", "ratio"):
        assert (rows[f"{name}_min"] > 0).all()
        assert (rows[f"{name}_min"] <= rows[name]).all() and (rows[name] <= rows[f"{name}_max"]).all()
    assert set(rows["ratio_to"]) == {"alone gate=never"} and (rows["ratio"].loc["alone"] == 1).all()
    assert set(rows["dtype"]) == {"float32"} and set(rows["attention_kernel"]) == {"sdpa"}
    assert {"device", "torch", "threads"} <= set(rows)
    text = "\n".join(shown)
    assert "timing 2 settings at batch 1 and 3, 2 rounds, on cpu" in text and "round 1 done" in text
    assert "batch 3, 6 examples" in text


def test_a_setting_is_held_against_its_own_decoder_without_axon_and_others_against_the_first() -> None:
    timed = {"base 3": (0.3, None), "base 5": (0.5, None), "axon 5": (0.5, 1), "axon 7": (0.7, 1)}
    settings = {sid: make_setting(sid, *own) for sid, own in timed.items()}
    plan: Any = SimpleNamespace(settings=settings)
    assert list(job._bases(plan).values()) == ["base 3", "base 3", "base 5", "base 3"]


@pytest.mark.parametrize("width", [20, 40, 80, 300])
def test_a_table_of_times_has_every_digit_in_any_terminal(width: int) -> None:
    """Of a model of 8 billion parameters an answer takes thousands of milliseconds."""
    row = {"group": "axon", "label": "threshold=0.5", "examples": 8, "tokens_per_second": 999.6}
    for name, value in (("seconds_per_example", 12.3456), ("seconds_per_step", 0.0482), ("ratio", 0.91234)):
        row |= {name: value, f"{name}_min": value / 2, f"{name}_max": 2 * value}
    shown = io.StringIO()
    draw(Console(file=shown, width=width), job._table(1, [row]))
    for figure in ("12,346 [6,173, 24,691]", " 1,000 ", " 48.2 ", "0.912 [0.456, 1.82]"):
        assert figure in shown.getvalue()


@pytest.mark.slow
def test_steps_are_those_of_the_batch(config: Config, judge: Judge) -> None:
    rows = pd.read_csv(Path(run(config)[1][-1], "timing.csv")).set_index(["group", "batch"])
    for setting in planned(config).settings.values():
        loaded = load(setting.model)
        prompts = [loaded.encode(example, setting.task) for example in judge.examples("test", 0, 4)]
        group = "alone" if setting.decode.axon.gate == "never" else "axon"
        each = [trace.nfe for trace in decode(loaded.model, prompts, setting.decode)]
        assert rows["steps"].loc[group, 1] == sum(each)
        assert max(each) <= rows["steps"].loc[group, 3] < sum(each)


@pytest.mark.slow
def test_the_device_is_waited_for_at_both_ends_of_a_turn(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    real = timing.decode
    monkeypatch.setattr(timing, "synchronize", lambda device: seen.append("wait"))
    monkeypatch.setattr(timing, "decode", lambda *a, **k: seen.append("decode") or real(*a, **k))
    run(config)
    assert seen == ["wait", "decode", "wait"] * 4 * 3


@pytest.mark.slow
def test_one_setting_is_held_against_itself_and_batch_1_is_measured_once(
    make_config: Make, judge: Judge
) -> None:
    code, shown = run(make_config("task.name=judge", "job=time", "timing.rounds=1", "batch_size=1"))
    assert code == 0 and any("timing 1 setting at batch 1, 1 round, on" in line for line in shown)
    rows = pd.read_csv(Path(shown[-1], "timing.csv"))
    assert rows["ratio"].tolist() == [1.0] and rows["examples"].tolist() == [8]


@pytest.mark.slow
def test_a_setting_that_fails_leaves_the_others(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    real, given_back = timing.decode, []

    def short_of_memory(model: Any, prompts: Any, settings: Any, seeds: Any, batch: int, **more: Any) -> Any:
        if batch == 3 and settings.axon.gate == "never":
            raise RuntimeError("out of memory\nand more")
        return real(model, prompts, settings, seeds, batch, **more)

    monkeypatch.setattr(timing, "decode", short_of_memory)
    monkeypatch.setattr(timing, "give_back", lambda: given_back.append(sys.exception()))
    code, shown = run(config)
    assert code == 1 and given_back == [None], "once, when no error holds the turn's frames any more"
    assert "failed: alone gate=never at batch 3: RuntimeError: out of memory" in shown
    rows = pd.read_csv(Path(shown[-1], "timing.csv"))
    assert list(zip(rows["group"], rows["batch"], strict=True)) == [("axon", 1), ("alone", 1), ("axon", 3)]
    assert rows["ratio"].isna().tolist() == [False, False, True]


def test_stopping_is_said_plainly_and_keeps_nothing(
    config: Config, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(self: object) -> float:
        raise KeyboardInterrupt

    monkeypatch.setattr(timing.Contender, "turn", stop)
    monkeypatch.setattr(sys, "argv", ["launch.py"])
    monkeypatch.setattr(launch, "compose", lambda: to_tree(config))
    assert launch.main() == 130
    shown = capsys.readouterr()
    assert shown.out.strip().splitlines()[-1] == "Interrupted timings are not kept."
    assert shown.err == "Stopped.\n"
    assert not list(Path(config.out).rglob("*.csv"))


def test_too_many_settings_are_refused_before_a_model_is_loaded(
    make_config: Make, judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job, "load", None)
    grid = '{"decoder.threshold": [' + ",".join(f"0.{n}" for n in range(10, 59)) + "]}"
    config = make_config("task.name=judge", "job=time", f'sweep.groups={{"x": {{"grid": {grid}}}}}')
    with pytest.raises(ConfigError, match=r"^job=time: 49 settings are too many .* at most 48; choose fewer"):
        run(config)


def test_so_many_choices_by_name_are_refused_before_one_is_composed(
    make_config: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job, "Plan", None)
    grid = {"grid": {"task": ["arith", "lists", "pycode"], "decoder": list(SWEPT_DECODERS)}}
    config = make_config("job=time")
    config = read_config({**to_tree(config), "sweep": {**to_tree(config)["sweep"], "groups": {"x": grid}}})
    least = 3 * len(SWEPT_DECODERS)
    with pytest.raises(
        ConfigError, match=rf"^job=time: at least {least} settings are too many .* at most 48"
    ):
        run(config)


def test_the_sweep_that_the_readme_times_is_not_too_many() -> None:
    groups = OmegaConf.load(ROOT / "conf/sweep/decoders.yaml").groups
    assert 24 < sum(len(group.grid.decoder) for group in groups.values()) <= job.MOST


def test_a_prompt_that_does_not_fit_is_refused(config: Config, judge: Judge) -> None:
    judge.long_prompts = {"test-0-1"}
    with pytest.raises(ConfigError, match=r"^task.name='judge': prompt of .* exceeds the model's 256"):
        run(config)


def test_what_else_the_task_says_is_told_as_it_is(
    config: Config, judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*asked: object) -> None:
        raise ValueError("task.path='x': holds no rows; give the rows of this task")

    monkeypatch.setattr(judge, "examples", refuse)
    with pytest.raises(ConfigError, match=r"^task.path='x': holds no rows; give the rows of this task$"):
        run(config)


@pytest.mark.slow
def test_the_command_times_the_bundled_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    groups = [
        "~sweep.groups.setting",
        "+sweep.groups.alone={set: {axon.gate: never}}",
        "+sweep.groups.axon={}",
    ]
    words = ["job=time", *groups, "timing.rounds=1", "timing.examples=1", "batch_size=2", f"out={tmp_path}"]
    monkeypatch.setattr(sys, "argv", ["launch.py", *words])
    assert launch.main() == 0
    [folder] = tmp_path.glob("single/*")
    assert capsys.readouterr().out.strip().splitlines()[-1] == str(folder)
    assert len(pd.read_csv(folder / "timing.csv")) == 4
