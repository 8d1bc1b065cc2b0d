"""Sweeps that end early, by the stopping rule or by a budget: through the backlog, and as whole jobs."""

from __future__ import annotations

import io
import itertools
import re
from collections.abc import Callable
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from pipeline.evaluation import evaluate as evaluate_module
from pipeline.inputs.config import BudgetSettings, Config
from pipeline.jobs import run_job
from pipeline.planning import pending
from pipeline.planning.backlog import Backlog, advance
from pipeline.planning.budget import exhausted, spent
from pipeline.planning.grid_cost import grid_cost
from pipeline.planning.pending import outcomes, sizes
from pipeline.planning.plan import Plan
from pipeline.planning.setting import Setting
from pipeline.report import find
from pipeline.runs.opened import open_run
from pipeline.storage.store import Store
from pipeline.workers import execute as execute_module
from pipeline.workers.execute import execute_here
from tests.pipeline.conftest import Judge, composing, planned
from tests.pipeline.toy_search import World, record
from tests.pipeline.workers.test_execute import display

Make = Callable[..., Config]
GRID = 'sweep.groups={"g": {"grid": {"decoder.threshold": [0.0, 0.3, 0.5, 0.7, 0.9, 1.0]}}}'
SIZE, SLICE = 80, 16


@pytest.fixture
def config(make_config: Make, judge: Judge, monkeypatch: pytest.MonkeyPatch) -> Config:
    monkeypatch.setattr(execute_module, "runs_here", lambda *_: True)
    monkeypatch.setattr(evaluate_module, "Evaluator", lambda *_, **__: World())
    stop = 'sweep.stop={"margin": 0.1, "alpha": 0.05}'
    room = ("gen_length=32", "block_length=32")  # for the passes of the toy world
    return make_config("task.name=judge", GRID, stop, f"limit={SIZE}", f"slice_size={SLICE}", *room)


def begun(config: Config, store: Store, budget: BudgetSettings) -> tuple[Plan, Backlog]:
    plan, rule = planned(config), config.sweep.stop
    _, pending = advance(plan, store, SIZE, SLICE, rule)
    return plan, Backlog(plan, store, SIZE, SLICE, pending, rule=rule, budget=budget)


def command(
    config: Config, store: Store, world: World | None = None, budget: BudgetSettings | None = None
) -> tuple[Plan, Backlog]:
    plan, backlog = begun(config, store, budget or BudgetSettings())
    execute_here(backlog, world or World(), store, SIZE, display(plan))  # type: ignore[arg-type]
    assert backlog.over
    return plan, backlog


def used(plan: Plan, store: Store) -> list[list[object]]:
    """The records that a report is made of."""
    records, wanted = store.outcomes(plan.settings, SIZE).records, sizes(plan, SIZE)
    own = records[records["position"] < records["setting_id"].map(wanted)]
    found: list[list[object]] = own[["setting_id", "position", "score", "nfe"]].values.tolist()
    return found


def interrupting(count: int) -> World:
    left = iter(range(count))

    def before(setting: Setting, start: int) -> None:
        if next(left, None) is None:
            raise KeyboardInterrupt

    return World(before)


@pytest.mark.slow
def test_stopped_settings_are_not_evaluated_on_and_interruptions_change_nothing(
    config: Config, tmp_path: Path
) -> None:
    whole = Store(str(tmp_path / "whole"))
    plan, _ = command(config, whole)
    stopped = {plan.settings[sid].knobs["decoder.threshold"]: stop.n for sid, stop in plan.stopped.items()}
    assert stopped and all(threshold > 0.5 for threshold in stopped), "0.5 is as good, with fewer passes"
    records = whole.load(plan.settings, SIZE).records
    assert len(records) == len(used(plan, whole)) == sum(sizes(plan, SIZE).values()) < 6 * SIZE
    part = Store(str(tmp_path / "part"))
    for count in itertools.count(1):
        try:
            again, _ = command(config, part, interrupting(count * 3))
            break
        except KeyboardInterrupt:
            continue
    assert again.stopped == plan.stopped and used(again, part) == used(plan, whole)
    assert not begun(config, part, BudgetSettings())[1]._waiting, "nothing of it is pending"


@pytest.mark.slow
def test_neither_workers_nor_losses_change_what_is_stopped(config: Config, tmp_path: Path) -> None:
    whole = Store(str(tmp_path / "whole"))
    plan, _ = command(config, whole)

    @settings(max_examples=3, deadline=None)
    @given(workers=st.integers(1, 4), losses=st.integers(0, 1), data=st.data())
    def law(workers: int, losses: int, data: st.DataObject) -> None:
        left = iter(range(losses))
        with TemporaryDirectory() as folder:
            store = Store(folder)
            own, backlog = begun(config, store, BudgetSettings())
            busy = []
            while True:
                while len(busy) < workers and (assignment := backlog.take(workers=workers)):
                    busy.append((assignment, assignment.evaluated(World(), store, SIZE)))  # type: ignore[arg-type]
                if not busy:
                    break
                assignment, slices = busy[at := data.draw(st.integers(0, len(busy) - 1))]
                if data.draw(st.booleans()) and next(left, None) is not None:
                    backlog.lost(assignment, "killed")
                elif next(slices, None) is None:
                    backlog.finished(assignment)
                else:
                    continue
                del busy[at]
            assert own.stopped == plan.stopped and used(own, store) == used(plan, whole)

    law()


def test_a_stopped_setting_counts_as_its_witness_and_their_difference(config: Config, tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    plan, _ = command(config, store)
    records = store.outcomes(plan.settings, SIZE).records
    means = records.groupby("setting_id")[["score", "nfe"]].mean()
    assert plan.stopped
    for outcome in outcomes(plan, records):
        stop = plan.stopped.get(outcome.setting_id)
        score, nfe = means.loc[stop.by if stop else outcome.setting_id]
        assert outcome.quality == pytest.approx(score + (stop.quality if stop else 0))
        assert outcome.nfe == pytest.approx(nfe + (stop.nfe if stop else 0))
        assert outcome.examples == (stop.n if stop else SIZE)


def calls(store: Store, plan: Plan) -> int:
    return sum(one.calls for one in spent(store.outcomes(plan.settings, SIZE).records).values())


@pytest.mark.slow
def test_a_budget_ends_a_sweep_and_a_larger_one_goes_on(config: Config, tmp_path: Path) -> None:
    whole, part = Store(str(tmp_path / "whole")), Store(str(tmp_path / "part"))
    plan, _ = command(config, whole)
    total, before = calls(whole, plan), -1
    most = SIZE * 22  # of one assignment
    for budget in range(1500, total + 1500, 1500):
        again, backlog = command(config, part, None, BudgetSettings(budget))
        now = calls(part, again)
        assert before < now < budget + most
        if backlog.left_out is None:
            break
        assert now >= budget and backlog.left_out == f"budget.model_calls={budget}: spent ({now:,} calls)"
        before = now
    assert used(again, part) == used(plan, whole) and again.stopped == plan.stopped


def test_hours_are_those_of_the_workers() -> None:
    records = pd.DataFrame({"setting_id": ["a", "b"], "nfe": [3, None], "seconds": [1800.0, 1800.0]})
    own = spent(records).values()
    assert exhausted(BudgetSettings(hours=1.0), own) == "budget.hours=1: spent (1.00 hours)"
    assert exhausted(BudgetSettings(hours=1.01, model_calls=4), own) is None
    assert exhausted(BudgetSettings(model_calls=3), own) == "budget.model_calls=3: spent (3 calls)"


def job(config: Config) -> tuple[int, str]:
    shown = io.StringIO()
    code = run_job.run_job(config, composing(config), ["limit=80"], Console(file=shown, width=300))
    return code, shown.getvalue()


@pytest.mark.slow
def test_a_job_shows_what_stopped_and_draws_no_front_through_it(config: Config) -> None:
    code, shown = job(config)
    folder = Path(shown.strip().splitlines()[-1])
    run = open_run(folder).run
    assert code == 0 and run.status == "done" and run.stopped
    points = pd.read_csv(folder / "points.csv", keep_default_na=False).set_index("setting_id")
    early = points.loc[list(run.stopped)]
    assert not early["front"].any() and not early["group_front"].any() and not early["complete"].any()
    assert (early["n"] == [stop.n for stop in run.stopped.values()]).all()
    assert early["stopped"].str.contains("quality, .* NFE against threshold=").all()
    assert f"{len(run.stopped)} settings stopped early" in shown and " stopped" in shown
    again = job(config)
    assert again[0] == 0 and "stored already" in again[1] and open_run(folder).run.stopped == run.stopped
    assert (find([run], open_run(folder).records).points["n"] < SIZE).sum() == len(run.stopped)


@pytest.mark.slow
def test_a_job_whose_budget_is_spent_says_what_it_left_out(make_config: Make, config: Config) -> None:
    words = ["task.name=judge", GRID, f"limit={SIZE}", f"slice_size={SLICE}"]
    code, shown = job(make_config(*words, 'budget={"model_calls": 1500, "hours": null}'))
    assert code == 1 and "budget.model_calls=1500: spent" in shown
    assert "left out: 3 settings lacking some of 80 examples" in shown and "failed" not in shown
    folder = Path(shown.strip().splitlines()[-1])
    assert open_run(folder).run.status == "incomplete"
    assert "budget.model_calls=1500: spent" in (folder / "report.html").read_text()
    again = job(make_config(*words, 'budget={"model_calls": 1500, "hours": null}'))
    assert again[0] == 1 and again[1].splitlines()[-1] == str(folder)
    code, shown = job(make_config(*words))
    assert code == 0 and shown.splitlines()[-1] == str(folder) and open_run(folder).run.status == "done"


@pytest.mark.slow
def test_a_search_says_what_the_grid_would_have_cost(make_config: Make, config: Config) -> None:
    """And that it would have cost less, where it would. NFE follows a straight line here, up to rounding."""
    values = "trade_off.values=[0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0]"
    words = ["task.name=judge", f"limit={SIZE}", "sweep.along_trade_off=true", values]
    _, shown = job(make_config(*words, "sweep.search=refine", "sweep.tolerance=0.005"))
    [line] = [line for line in shown.splitlines() if line.startswith("The search took")]
    assert f"<li>{escape(line)}</li>" in (Path(shown.strip().splitlines()[-1]) / "report.html").read_text()
    own, number = (int(text.replace(",", "")) for text in re.findall(r"[\d,]*\d(?= model|, less)", line))
    grid = planned(make_config(*words)).settings.values()
    assert len(grid) == 7 and "the grid's 7 settings" in line
    nfe = sum(record(setting, position).nfe or 0 for setting in grid for position in range(SIZE))
    assert number == pytest.approx(nfe, rel=0.02)
    assert own > number and line.endswith("sweep.search=grid evaluates those alone.")


def test_the_grid_would_have_decoded_no_more_examples_than_there_are(
    make_config: Make, config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["task.name=judge", "sweep.along_trade_off=true", "trade_off.values=[0.0, 0.5, 1.0]"]
    plan, _ = command(make_config(*words, f"limit={SIZE}"), store := Store(str(tmp_path)))
    records = store.outcomes(plan.settings, SIZE).records
    lines = [grid_cost(plan, records, SIZE)]
    monkeypatch.setattr(pending, "open_task", lambda task: SimpleNamespace(size=SIZE))
    lines.append(grid_cost(plan, records, 10 * SIZE))
    assert lines[0] is not None and lines[0] == lines[1]


def test_the_grid_would_have_decoded_equal_settings_once(
    make_config: Make, config: Config, tmp_path: Path
) -> None:
    lines = []
    for anchors in ([1], [1, 2]):  # which no setting without AXON reads
        groups = f'sweep.groups={{"g": {{"grid": {{"axon.gate": ["never"], "axon.anchors": {anchors}}}}}}}'
        words = ["task.name=judge", f"limit={SIZE}", "sweep.along_trade_off=true", groups]
        words += ["trade_off.values=[0.0, 0.5, 1.0]", "sweep.search=refine", "sweep.tolerance=0.5"]
        plan, _ = command(make_config(*words), store := Store(str(tmp_path)))
        lines.append(grid_cost(plan, store.outcomes(plan.settings, SIZE).records, SIZE))
    assert lines[0] is not None and lines[0] == lines[1] and "the grid's 3 settings" in lines[0]


@pytest.mark.slow
def test_a_search_that_costs_less_than_the_grid_says_so(
    make_config: Make, config: Config, tmp_path: Path
) -> None:
    fine = f"trade_off.values={[n / 40 for n in range(41)]}"
    words = ["task.name=judge", f"limit={SIZE}", "sweep.along_trade_off=true", fine]
    plan, _ = command(make_config(*words, "sweep.search=refine"), store := Store(str(tmp_path)))
    line = grid_cost(plan, store.outcomes(plan.settings, SIZE).records, SIZE)
    assert line is not None and "the grid's 41 settings, each decoded whole, would have taken about " in line
    assert "less" not in line and len(plan.settings) < 20
