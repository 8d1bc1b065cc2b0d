"""Published figures beside a run's: which are within, which can't be compared, and what is said of the run."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import TypeAdapter
from rich.console import Console

from pipeline.inputs.config import Decode
from pipeline.report import find, write_report
from pipeline.report.data.labels import NO_VALUE
from pipeline.report.statistics.stats import draw_counts, mean_intervals, wilson_interval
from pipeline.report.words.expected import FEWEST, OUTSIDE, WITHIN, Check
from tests.report.sweep import GEN_LENGTH, changed, make_record, make_run, make_setting

RECIPE = {
    "name": "mine",
    "title": "A model on arith",
    "source": "someone/somewhere:README.md",
    "examples": 100,
    "expected": {"accuracy": [75.0], "nfe": 16.0, "tpf": 4.0},
    "notes": ["The kernel is another one."],
}
SETTING = replace(make_setting("own", 0.9, None), knobs={})


def config(recipe=RECIPE, **changes):
    parts = {"model": SETTING.model, "task": SETTING.task, "seed": SETTING.seed}
    tree = {key: TypeAdapter(Any).dump_python(value, mode="json") for key, value in parts.items()}
    tree |= TypeAdapter(Decode).dump_python(SETTING.decode, mode="json")
    return {**tree, "recipe": recipe, **changes}


def records(right=75, n=100, nfe=16):
    return pd.DataFrame([make_record("own", place, float(place < right), nfe) for place in range(n)])


def check(rows=None, command="python launch.py recipe=mine", **changes) -> Check:
    run = replace(make_run([SETTING]), config=config(**changes), command=command)
    [found] = find([run], records() if rows is None else rows).checks
    return found


def outcomes(found: Check) -> dict[str, str]:
    return {figure.name: figure.outcome for figure in found.figures}


@pytest.mark.slow
def test_a_run_without_a_recipe_has_no_check():
    assert find([make_run([SETTING])], records()).checks == ()
    assert find([replace(make_run([SETTING]), config=config(recipe=None))], records()).checks == ()


@pytest.mark.slow
def test_equal_figures_are_within_and_exact_ones_exactly():
    """All examples take 16 steps, which tells no interval: then the figure itself is compared."""
    found = check()
    assert outcomes(found) == dict.fromkeys(("accuracy, %", "NFE", "TPF"), WITHIN)
    accuracy, nfe, tpf = found.figures
    assert accuracy.got.estimate == 75 and accuracy.got.lo < 75 < accuracy.got.hi
    assert (nfe.got.estimate, tpf.got.estimate) == (16, GEN_LENGTH / 16)
    assert nfe.texts[2:4] == ("16.0", "") and tpf.texts[3] == ""
    assert outcomes(check(records(nfe=17)))["NFE"] == OUTSIDE


@pytest.mark.slow
@pytest.mark.parametrize("right", [0, 60, 65, 70, 75, 80, 85, 90, 100])
def test_accuracy_is_within_exactly_where_the_interval_holds_a_published_value(right):
    found = check(records(right)).figures[0]
    inside = found.got.lo - 0.05 <= 75 <= found.got.hi + 0.05
    assert (found.outcome == WITHIN) == inside
    either = {**RECIPE, "expected": {"accuracy": [75.0, float(right)]}}
    assert check(records(right), recipe=either).figures[0].outcome == WITHIN


@pytest.mark.parametrize(
    "published, outcome",
    [(3.96, WITHIN), (3.99, OUTSIDE), (4.1, OUTSIDE), (4.0, WITHIN), (3.9, OUTSIDE)],
)
def test_a_published_value_is_as_exact_as_its_decimals(published, outcome):
    rows = records()
    rows["nfe"] = 16.16  # a ratio without spread: 3.9604
    found = check(rows, recipe={**RECIPE, "expected": {"tpf": published}}).figures[0]
    assert found.outcome == outcome, found


@pytest.mark.slow
def test_a_recipe_under_several_seeds_is_held_against_their_mean():
    """Also where the recipe's own seed is a lucky one."""
    settings = [replace(changed(SETTING, temperature=0.5, seed=seed), id=f"s{seed}") for seed in (0, 1)]
    decode = TypeAdapter(Decode).dump_python(settings[0].decode, mode="json")
    run = replace(make_run(settings), config=config(**decode), command="python launch.py recipe=mine")
    parts = [
        records(right=right).assign(setting_id=own.id) for right, own in zip((100, 50), settings, strict=True)
    ]
    [found] = find([run], pd.concat(parts, ignore_index=True)).checks
    accuracy = found.figures[0]
    assert accuracy.got.estimate == 75 and accuracy.outcome == WITHIN
    assert accuracy.got[1:] != wilson_interval(75, 100)[1:] and accuracy.got.hi - accuracy.got.lo < 15
    assert f"On {FEWEST}" not in " ".join(found.remarks) and "NFE" in outcomes(found)
    further = replace(run, config=config({**RECIPE, "metric": "strict"}, **decode))  # half of the score
    [found] = find([further], pd.concat(parts, ignore_index=True)).checks
    [plain] = mean_intervals(np.repeat([[0.5, 0.25]], 50, axis=1), draw_counts(100))
    assert found.figures[0].got == pytest.approx([100 * value for value in plain]), (
        "no share of right answers"
    )


def test_tokens_per_forward_pass_are_counted_as_the_source_counts_them():
    to_eos = {**RECIPE, "expected": {"tpf": 2.5, "tpf_counts": "to_eos"}}
    [found] = check(recipe=to_eos).figures
    assert found.name == "TPF to EOS" and found.got.estimate == 40 / 16 and found.outcome == WITHIN


@pytest.mark.slow
def test_a_further_metric_and_one_that_the_records_lack():
    [strict] = check(recipe={**RECIPE, "metric": "strict", "expected": {"accuracy": [37.5]}}).figures
    assert strict.got.estimate == 37.5 and strict.outcome == WITHIN
    [lacking] = check(recipe={**RECIPE, "metric": "other", "expected": {"accuracy": [37.5]}}).figures
    assert lacking.outcome.startswith("not comparable") and NO_VALUE in lacking.texts


@pytest.mark.slow
def test_too_few_examples_are_not_comparable_and_said_to_be_few():
    found = check(records(n=FEWEST - 1))
    assert all(outcome.startswith("not comparable") for outcome in outcomes(found).values())
    assert any(f"On {FEWEST - 1} scored examples" in remark for remark in found.remarks)
    enough = check(records(n=FEWEST, right=23))
    assert set(outcomes(enough).values()) == {WITHIN}
    assert f"On {FEWEST} scored examples of the recipe's 100." in enough.remarks
    assert not any("scored examples" in remark for remark in check().remarks)


def test_what_was_given_beside_the_recipe_is_said_and_what_changes_nothing_is_not():
    words = "recipe=mine limit=50 model.dtype=float32 batch_size=4 cluster.workers=2 store=elsewhere 'task.path=a b'"
    found = check(command=f"python launch.py {words}")
    assert "Given beside the recipe: limit=50, model.dtype=float32 and task.path=a b." in found.remarks
    assert RECIPE["notes"][0] in found.remarks


@pytest.mark.slow
def test_a_run_of_an_earlier_version_lacks_keys_of_the_model_that_came_later():
    model = config()["model"]
    del model["family"]
    assert outcomes(check(model=model)) == outcomes(check())


@pytest.mark.slow
def test_of_a_sweep_only_the_recipes_own_setting_is_compared():
    others = [make_setting(f"t{value}", value, None) for value in (0.3, 0.5)]
    rows = pd.concat([records(), *(records(0).assign(setting_id=other.id) for other in others)])
    run = replace(make_run([*others, SETTING]), config=config())
    [found] = find([run], rows).checks
    assert set(outcomes(found).values()) == {WITHIN}
    [none] = find([replace(run, settings=tuple(others))], rows).checks
    assert not none.figures and "None of the settings" in none.remarks[0]


@pytest.mark.slow
def test_a_setting_under_another_seed_than_the_runs_own_is_not_the_recipes():
    assert check(seed=SETTING.seed).figures and not check(seed=SETTING.seed + 1).figures


@pytest.mark.slow
def test_the_models_own_block_length_is_the_recipes_and_another_is_not():
    assert check(block_length=None).figures, "null is the model's own block length"
    assert not check(block_length=8).figures


def test_a_recipe_of_another_version_is_left_alone():
    run = replace(make_run([SETTING]), config=config(recipe={"name": "later", "new": 1}))
    assert find([run], records()).checks == ()


@pytest.mark.slow
def test_it_is_shown_in_the_terminal_on_the_page_and_in_a_table(tmp_path):
    evil = {**RECIPE, "title": "<b>bold</b>"}
    run = replace(make_run([SETTING]), config=config(recipe=evil))
    report = write_report(tmp_path, [run], records(), [])
    console = Console(width=100, force_terminal=False, color_system=None)
    with console.capture() as capture:
        console.print(report.terminal())
    assert "75.0 [65.7, 82.5] within" in " ".join(capture.get().split())
    page = report.page.read_text()
    assert "&lt;b&gt;bold" in page and "<b>bold" not in page and RECIPE["source"] in page
    table = pd.read_csv(tmp_path / "recipe.csv").set_index("figure")
    assert table.loc["NFE", "got"] == 16 and set(table["outcome"]) == {WITHIN}


@pytest.mark.slow
def test_a_recipe_without_figures_says_so(tmp_path):
    run = replace(make_run([SETTING]), config=config(recipe={**RECIPE, "expected": {}}))
    report = write_report(tmp_path, [run], records(), [])
    assert "No figure is known" in report.page.read_text()
