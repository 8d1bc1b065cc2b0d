"""job=plan: what it counts is what a run takes, and it reads no weights."""

from __future__ import annotations

import io
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

from axon import DecoderSettings, Dus, FixedSteps, Overrides, load_model
from axon.decoders import DECODERS
from axon.models import hub
from axon.models.description import describe
from axon.models.dream import DREAM
from pipeline.checkpoints import content, cost_estimate, outline
from pipeline.checkpoints.cost_estimate import Network, gpu_hours, most_passes
from pipeline.evaluation.evaluate import Evaluator
from pipeline.inputs.config import Config, read_config, to_tree
from pipeline.inputs.recipe import Expected, RecipeSettings
from pipeline.jobs.plan_job import plan_job
from pipeline.storage.store import Store
from tests.pipeline.conftest import ROOT, Judge, composing, planned, sliced
from tests.pipeline.formats import FORMATS, random_checkpoint

Make = Callable[..., Config]
GROUPS = {"both": {"grid": {"decoder.threshold": [0.3, 0.9]}}}
RECIPE = RecipeSettings("mine", "Mine", "here", 10, Expected((50.0,), nfe=5.0))


@pytest.fixture(autouse=True)
def _fresh() -> None:
    outline._outline.cache_clear()


def shown(config: Config) -> str:
    console = Console(file=io.StringIO(), width=100)
    assert plan_job(config, composing(config), console) == 0
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def stored(config: Config, stop: int, **also: Any) -> None:
    """The first examples of the config's setting, decoded; their records say that, `also`."""
    [setting] = planned(config).settings.values()
    records = [replace(own, **also) for own in sliced(Evaluator(3), setting, 0, stop)]
    Store(config.store).write_slice(setting.id, 0, stop, records)


def without(folder: Path, source: Path, *names: str) -> Path:
    shutil.copytree(source, folder)
    for name in names:
        for file in folder.glob(name):
            file.unlink()
    return folder


def test_it_counts_what_there_is_to_do(make_config: Make, judge: Judge) -> None:
    text = shown(make_config("task.name=judge"))
    assert "settings   1, 10 examples to decode in all; 0 of them stored already" in text
    assert "prompts    judge: 11 tokens each (tokenised: the first 10 examples)" in text
    assert "passes     80, a batch of rows counted row by row (at most: every pass reveals one token)" in text
    assert "seconds on an H100" in text and "at 30 % of its bfloat16 peak; measured" in text


@pytest.mark.parametrize("decoder", [FixedSteps(steps=4), Dus()])
def test_it_tells_a_decoders_own_steps(decoder: DecoderSettings, make_config: Make, judge: Judge) -> None:
    config = make_config("task.name=judge")
    decode = replace(config.decode, decoder=decoder, axon=replace(config.decode.axon, gate="never"))
    text = shown(replace(config, decode=decode))
    assert "40, a batch of rows counted row by row (at most: the steps that the decoder has for it)" in text


def test_prompts_that_leave_no_room_are_announced(make_config: Make, judge: Judge) -> None:
    judge.long_prompts = {"test-0-3"}
    assert "too long   judge: prompts of more than" in shown(make_config("task.name=judge", "limit=4"))
    exact = make_config("task.name=judge", "limit=3", "gen_length=245", "block_length=5")  # 11 + 245 = 256
    assert "too long" not in shown(exact)
    text = shown(make_config("task.name=judge", "gen_length=100000"))
    assert "too long   gen_length=100000: no room for a prompt in the" in text and "more than -" not in text


def test_what_a_run_would_warn_of_is_in_the_plan(make_config: Make) -> None:
    words = ("axon.gate=progress_stall", "axon.budget_counts=steps", "model.block_size=2")
    text = " ".join(shown(make_config(*words)).split())
    assert "AXON never fires in 1 of 1 settings with it" in text
    assert "block_length=4: " in text and "was trained with blocks of 2" in text


def test_what_the_store_has_is_counted_and_measured(make_config: Make, judge: Judge) -> None:
    config = make_config("task.name=judge", "decoder.threshold=0.01")  # a step per block: 2
    stored(config, 4)
    text = shown(config)
    assert "10 examples to decode in all; 4 of them stored already" in text
    assert "passes     12, " in text and "measured on 4 examples in the store" in text
    assert "measured in the store, on the machine and at the batch of then" in text


def test_flops_and_time_are_those_of_what_is_left(make_config: Make, judge: Judge) -> None:
    config, told = make_config("task.name=judge", "decoder.threshold=0.01"), []
    for stop in (4, 8):
        stored(config, stop, seconds_model=99.0, seconds_capture=1.0, seconds_select=0.0)
        told += re.findall(r"FLOPs +(\S+)|time +(\S+) for all", shown(config))
    assert [time for _, time in told[1::2]] == ["10:00", "3:20"]
    assert float(told[0][0]) == pytest.approx(3 * float(told[2][0]), rel=0.01)


def test_a_setting_that_only_repeats_decodes_has_no_seconds_to_go_by(make_config: Make, judge: Judge) -> None:
    config = make_config("task.name=judge", "decoder.threshold=0.01")
    stored(config, 4, decoded_under="another")
    text = shown(config)
    assert "passes     12, " in text and "measured on 4 examples in the store" in text
    assert "seconds on an H100" in text and "at the batch of then" not in text


def test_what_was_measured_for_some_settings_only_is_said_once(make_config: Make, judge: Judge) -> None:
    config = make_config("task.name=judge")
    groups = {"both": {"grid": {"decoder.threshold": [0.01, 0.02, 0.9]}}}
    swept = read_config({**to_tree(config), "sweep": {**to_tree(config)["sweep"], "groups": groups}})
    for threshold, stop in {0.01: 4, 0.02: 6}.items():
        stored(make_config("task.name=judge", f"decoder.threshold={threshold}"), stop)
    text = " ".join(shown(swept).split())
    assert (
        "(measured on 4 to 6 examples in the store for 2 of 3 settings; at most: every pass reveals" in text
    )


def test_prompts_name_the_model_where_there_are_several(
    make_config: Make, judge: Judge, checkpoint: Path
) -> None:
    config = make_config("task.name=judge")
    groups = {"both": {"grid": {"model.path": [str(checkpoint), str(ROOT / "assets/tiny")]}}}
    swept = read_config({**to_tree(config), "sweep": {**to_tree(config)["sweep"], "groups": groups}})
    text = shown(swept)
    assert f"prompts    judge for {checkpoint.name}: 11 tokens" in text and "judge for tiny: " in text


def test_a_recipes_figure_stands_in_for_what_was_not_measured(make_config: Make, judge: Judge) -> None:
    config = replace(make_config("task.name=judge"), recipe=RECIPE)
    assert "passes     50, " in shown(config) and "published by the recipe's source" in shown(config)
    by_tpf = replace(RECIPE, expected=Expected(tpf=2.0))
    assert "passes     40, " in shown(replace(config, recipe=by_tpf))
    to_eos = replace(RECIPE, expected=Expected(tpf=2.0, tpf_counts="to_eos"))
    assert "passes     80, " in shown(replace(config, recipe=to_eos))
    early = make_config("task.name=judge", "end_of_text=stop_at_eos")
    assert "passes     80, " in shown(replace(early, recipe=by_tpf)), "the texts' lengths are not known"


def test_no_weights_are_needed_or_read(
    make_config: Make, judge: Judge, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = make_config("task.name=judge")
    empty = without(tmp_path / "empty", checkpoint, "*.safetensors")
    text = shown(replace(config, model=replace(config.model, path=str(empty))))
    assert "the store is not looked at" in text and "passes     80, " in text

    def never(*_: object, **__: object) -> None:
        raise AssertionError("weights were read")

    outline._outline.cache_clear()
    monkeypatch.setattr(content, "LARGE", 1)  # now the checkpoint counts as large, and as never hashed
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(outline, "content_of", never)
    assert shown(config).splitlines()[1:] == text.splitlines()[1:]


def test_large_weights_that_were_hashed_before_are_looked_up(
    make_config: Make, judge: Judge, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, checkpoint: Path
) -> None:
    config = make_config("task.name=judge")
    monkeypatch.setattr(content, "LARGE", 1)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert "the store is not looked at" in shown(config)
    monkeypatch.setattr(content, "SETTLED", -1.0)
    content.content_of([file for file in checkpoint.iterdir() if file.is_file()])
    outline._outline.cache_clear()
    assert "0 of them stored already" in shown(config)


def test_without_a_tokenizer_prompts_are_assumed(
    make_config: Make, judge: Judge, checkpoint: Path, tmp_path: Path
) -> None:
    config = make_config("task.name=judge")
    bare = without(tmp_path / "bare", checkpoint, "*.safetensors", "*token*")
    text = shown(replace(config, model=replace(config.model, path=str(bare), mask_token_id=95)))
    assert "1,000 tokens (assumed: the tokenizer's files aren't there)" in text


def test_of_a_hub_id_only_the_small_files_are_asked_for(
    make_config: Make, judge: Judge, checkpoint: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[list[str]] = []

    def download(hub_id: str, revision: str | None, allow_patterns: list[str], local_files_only: bool) -> str:
        asked.append(allow_patterns)
        return str(without(tmp_path / "hub", checkpoint, "*.safetensors"))

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    config = make_config("task.name=judge")
    assert "passes     80, " in shown(replace(config, model=replace(config.model, path="some/model")))
    assert asked == [list(hub.OUTLINE)] and not any(
        Path(name).suffix[1:] == "safetensors" for name in asked[0]
    )


def test_a_sweep_is_the_sum_of_its_settings(make_config: Make, judge: Judge) -> None:
    config = make_config("task.name=judge")
    groups = read_config(to_tree(config) | {"sweep": {**to_tree(config)["sweep"], "groups": GROUPS}})
    sweep = replace(config, sweep=groups.sweep)
    one, two = shown(config), shown(sweep)
    assert "settings   2, 20 examples" in two and "passes     160, " in two
    assert one.split("memory")[1] == two.split("memory")[1], "memory is the largest setting's"


VALUES = "trade_off.values=[0.1, 0.3, 0.5, 0.7, 0.9]"
SEARCH = ("task.name=judge", "sweep.along_trade_off=true", VALUES)


def searched(make_config: Make, *words: str) -> str:
    return " ".join(shown(make_config(*SEARCH, *words)).split())


def test_what_a_search_may_ask_for_later_is_not_passed_over(make_config: Make, judge: Judge) -> None:
    assert "search     " not in shown(make_config("task.name=judge"))
    text = searched(make_config, "sweep.search=refine")
    assert "settings 3, 30 examples" in text and "passes 240, " in text
    assert (
        "search refine begins with these and asks for more as their results come; sweep.search=grid" in text
    )
    assert "would ask for 5 at once: 400 passes; budget.model_calls=N ends it" in text
    grid = searched(make_config, "sweep.search=grid")
    assert "settings 5, 50 examples" in grid and "passes 400, " in grid


def test_that_repeats_will_cost_less_is_told_where_there_may_be_any(make_config: Make, judge: Judge) -> None:
    note = "each setting is counted whole, but what repeats a neighbour's decode is not decoded again"
    for search in ("refine", "grid"):
        assert note in searched(make_config, f"sweep.search={search}")
    assert note not in searched(make_config, "sweep.search=grid", "trade_off.values=[0.3]")
    steps = ("trade_off.parameter=decoder.steps", "trade_off.values=[2,4,8]")
    own = 'decoder={"name": "fixed_steps", "steps": null}'
    assert note not in searched(make_config, "sweep.search=grid", own, *steps)


def test_what_bounds_a_search_is_told(make_config: Make, judge: Judge) -> None:
    text = searched(make_config, "sweep.search=refine", 'budget={"model_calls": 300, "hours": null}')
    assert "budget.model_calls=300 ends it at 300" in text
    pytest.importorskip("optuna")
    text = searched(make_config, "sweep.search=optuna", "sweep.optuna.trials=20")
    assert "20 settings at most: 1,600 passes" in text


@pytest.mark.parametrize("family", FORMATS)
def test_shapes_and_flops_are_those_of_the_loaded_model(
    family: str, tmp_path: Path, make_config: Make, judge: Judge
) -> None:
    folder = random_checkpoint(family, tmp_path / family)
    network = Network(describe(folder))
    loaded = load_model(folder)
    assert network.parameters == sum(own.numel() for own in set(loaded.network.parameters()))
    config = make_config("task.name=judge", f"model.path={folder}", "axon.gate=never")
    for name in ("confidence", "klass", "dawn", "lopa", *(() if loaded.shifted else ("wino",))):
        decode = replace(config.decode, decoder=DECODERS[name]())
        [setting] = planned(replace(config, decode=decode)).settings.values()
        [record] = sliced(Evaluator(1), setting, 0, 1)
        assert record.nfe is not None and record.flops is not None
        flops = network.flops(setting.decode, record.prompt_tokens, record.nfe)
        assert record.flops == pytest.approx(flops) or (name == "dawn" and flops / 2 < record.flops < flops)


# Billions of parameters: LLaDA's 8.0, Qwen2.5-7B's 7.6, Qwen3-8B's 8.2, Qwen3-0.6B's and Qwen2.5-0.5B's, tied.
RELEASED = {
    **{"llada_8b": 8.02, "dream_7b": 7.62, "sdar_8b": 8.19},
    **{"a2d_qwen3_0_6b": 0.596, "a2d_qwen2_5_coder_0_5b": 0.494},
}


@pytest.mark.parametrize("name", RELEASED)
def test_a_released_config_has_the_parameters_of_its_model(name: str, tmp_path: Path) -> None:
    shutil.copy(ROOT / f"tests/axon/configs/{name}.json", tmp_path / "config.json")
    attention: Any = "bidirectional" if name.startswith("a2d") else None
    network = Network(describe(tmp_path, Overrides(mask_token_id=10, attention=attention)))
    assert network.parameters / 1e9 == pytest.approx(RELEASED[name], rel=0.005)


def test_memory_grows_with_what_it_is_made_of(make_config: Make, judge: Judge, checkpoint: Path) -> None:
    network = Network(describe(checkpoint))

    def parts(batch: int = 2, prompt: int = 10, dtype: str = "float32", *words: str) -> dict[str, float]:
        [setting] = planned(make_config("task.name=judge", *words)).settings.values()
        return {part.name: part.bytes for part in network.memory(setting.decode, prompt, batch, dtype)}

    alone = parts(2, 10, "float32", "axon.gate=never")
    assert alone["weights"] == 4 * network.parameters and "attention" not in alone
    assert parts(2, 10, "bfloat16")["weights"] == alone["weights"] / 2
    assert all(parts(4)[name] == 2 * parts(2)[name] for name in ("activations", "logits", "attention"))
    assert (
        parts(2, 100)["logits"] == parts()["logits"] and parts(2, 100)["activations"] > parts()["activations"]
    )


@pytest.mark.parametrize("cache", ["none", "prefix", "dual"])
def test_fixed_steps_may_take_more_where_a_blocks_first_position_is_revealed_alone(
    cache: Any, make_config: Make, judge: Judge, tmp_path: Path
) -> None:
    config = make_config("task.name=judge", f"model.path={random_checkpoint('dream', tmp_path / 'dream')}")
    off = replace(config.decode.axon, gate="never")
    decode = replace(config.decode, decoder=DECODERS["fixed_steps"](steps=2), axon=off, cache=cache)
    [setting] = planned(replace(config, decode=decode)).settings.values()
    taken = {record.nfe for record in sliced(Evaluator(3), setting, 0, 3)}
    most = most_passes(setting.decode, 10, DREAM)
    assert max(taken) <= most
    assert taken == {2} if cache == "none" else max(taken) > 2


@pytest.mark.parametrize(
    ("family", "cache"), [("sdar", "none"), ("sdar", "block"), ("llada", "prefix"), ("llada", "dual")]
)
@pytest.mark.parametrize("decoder", ["left_to_right", "fixed_steps"])
def test_no_row_takes_more_passes_than_the_plan_says(
    decoder: str, family: str, cache: Any, make_config: Make, judge: Judge, tmp_path: Path
) -> None:
    """One token per pass is the most there can be, with blocks at absolute places, too."""
    folder = random_checkpoint(family, tmp_path / family)
    described = describe(folder)
    for alignment in ("prompt", "absolute"):
        config = make_config("task.name=judge", f"model.path={folder}", f"block_alignment={alignment}")
        decode = replace(
            config.decode,
            decoder=DECODERS[decoder](),
            axon=replace(config.decode.axon, gate="never"),
            cache=cache,
        )
        [setting] = planned(replace(config, decode=decode)).settings.values()
        for record in sliced(Evaluator(3), setting, 0, 3):
            assert record.nfe == most_passes(setting.decode, record.prompt_tokens, described.family)
            assert record.nfe is not None
            flops = Network(described).flops(setting.decode, record.prompt_tokens, record.nfe)
            assert record.flops == pytest.approx(flops)


def test_gpu_hours_are_the_assumption_that_is_printed() -> None:
    hours = gpu_hours(cost_estimate.PEAK_FLOPS["H100"] * cost_estimate.SHARE * 3600)
    assert hours["H100"] == 1 and hours["A100"] > 3
    assert torch.bfloat16.itemsize == 2
