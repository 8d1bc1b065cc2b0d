"""What was decoded and not scored is scored again by the same command; nothing is decoded anew for it."""

from __future__ import annotations

import io
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

import pipeline.evaluation.score_again as score_again
from pipeline.errors import ConfigError
from pipeline.evaluation.evaluate import Evaluator
from pipeline.inputs.config import Config
from pipeline.jobs import run_job
from pipeline.sandbox.worker import WorkerError
from pipeline.storage import record as record_format
from pipeline.storage.record_differences import IGNORED
from pipeline.storage.store import Store
from pipeline.tasks.pycode import PyCode
from tests.pipeline.conftest import Judge, composing, planned, sliced

pytestmark = pytest.mark.slow

Make = Callable[..., Config]
UNSTEADY = [name for name in IGNORED if name != "sandbox"]  # what differs from run to run


def run(config: Config) -> tuple[int, str]:
    shown = io.StringIO()
    code = run_job.run_job(config, composing(config), ["limit=10"], Console(file=shown, width=100))
    return code, shown.getvalue()


def stored(config: Config) -> pd.DataFrame:
    return Store(config.store).load(planned(config).settings, config.limit).records


def files(config: Config) -> dict[str, int]:
    return {str(path): os.stat(path).st_mtime_ns for path in Path(config.store).glob("slices/*/*.parquet")}


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often the evaluator was asked, by setting."""
    real, asked = Evaluator.slices, Counter[str]()

    def slices(self: Evaluator, setting, *rest):  # type: ignore[no-untyped-def]
        asked[setting.id] += 1
        return real(self, setting, *rest)

    monkeypatch.setattr(Evaluator, "slices", slices)
    return asked


def test_a_scorer_that_failed_once_leaves_what_a_run_without_the_failure_does(
    make_config: Make, judge: Judge, tmp_path: Path, decoded: Counter[str]
) -> None:
    config = make_config("task.name=judge")
    judge.bad_scores = {"test-0-0", "test-0-5"}
    run(config)
    before, whole = stored(config), files(config)
    assert before["score"].isna().sum() == 2 and decoded.total() == 1
    judge.bad_scores = set()
    code, shown = run(config)
    assert code == 0 and decoded.total() == 1
    assert "2 answers that could not be scored before: scored again, and 2 of them could be" in shown
    assert "10 of 10 stored already" in shown and "unscored" not in shown
    after = stored(config)
    told = ["score", "extracted", "error"]
    pd.testing.assert_frame_equal(after.drop(columns=told), before.drop(columns=told))
    changed = {path for path, time in files(config).items() if whole[path] != time}
    assert {Path(path).name for path in changed} == {"0-4.parquet", "4-8.parquet"}
    undisturbed = make_config("task.name=judge", f"store={tmp_path / 'another'}")
    run(undisturbed)
    pd.testing.assert_frame_equal(
        after.drop(columns=UNSTEADY), stored(undisturbed).drop(columns=UNSTEADY), check_dtype=False
    )
    assert "scored again" not in run(config)[1]


def test_of_a_slice_that_reaches_beyond_the_limit_only_what_was_asked_for_is_scored(
    make_config: Make, judge: Judge
) -> None:
    config = make_config("task.name=judge")
    [setting] = planned(config).settings.values()
    judge.bad_scores, store = {"test-0-1", "test-0-3"}, Store(config.store)
    store.write_slice(setting.id, 0, 4, sliced(Evaluator(4), setting, 0, 4))
    judge.bad_scores = set()
    again = score_again.ScoredAgain(store, "isolated")
    again.settle([setting], {setting.id: {1}}, {setting.id: [(0, 4)]})
    assert (again.answers, again.scored, again.faults) == (1, 1, {})
    assert stored(config)["score"].isna().tolist() == [False, False, False, True]


def test_a_scorer_that_fails_by_itself_is_asked_once_a_command_and_nothing_is_written(
    make_config: Make, judge: Judge, decoded: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = make_config("task.name=judge")
    judge.bad_scores = {"test-0-1"}
    run(config)
    asked: Counter[str] = Counter()
    real = judge.score
    monkeypatch.setattr(judge, "score", lambda answer, ex: asked.update([ex.id]) or real(answer, ex))
    before = files(config)
    for times in (1, 2):
        code, shown = run(config)
        assert code == 0 and asked == {"test-0-1": times}
        assert "1 answer that could not be scored before: scored again, and 0 of them could be" in shown
        assert "not counted as 0: 1 x scoring: RuntimeError: the scorer broke" in " ".join(shown.split())
    assert decoded.total() == 1 and files(config) == before


def test_what_was_never_decoded_is_not_scored(make_config: Make, judge: Judge) -> None:
    config = make_config("task.name=judge")
    judge.long_prompts = {"test-0-2"}
    run(config)
    assert stored(config)["error"].notna().sum() == 1
    judge.long_prompts = set()
    assert "scored again" not in run(config)[1]


def test_a_report_scores_nothing(make_config: Make, judge: Judge) -> None:
    judge.bad_scores = {"test-0-0"}
    run(make_config("task.name=judge"))
    judge.bad_scores = set()
    shown = run(make_config("task.name=judge", "job=report"))[1]
    assert "1 record of 1 setting unscored" in " ".join(shown.split()) and "scored again" not in shown


def test_where_no_program_can_run_the_answers_stay_as_they_are_and_the_command_goes_on(
    make_config: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = make_config("task.name=pycode", "sandbox.require=process", "gen_length=16", "limit=4")

    def fail(*_: object) -> None:
        raise WorkerError("namespaces: it does not start")

    with monkeypatch.context() as patch:
        patch.setattr(PyCode, "score", fail)
        assert run(config)[0] == 1  # nothing has a score
    with monkeypatch.context() as patch:

        def refuse(require: str) -> None:
            raise ConfigError(["sandbox.require='process': not here"])

        patch.setattr(score_again, "shared_sandbox", refuse)
        code, shown = run(config)
    assert code == 1 and "answers without a score stay so: sandbox.require='process': not here" in shown
    code, shown = run(config)
    assert code == 0 and "4 answers that could not be scored before: scored again, and 4 of them" in shown


def test_a_file_of_another_format_is_not_written_anew(
    make_config: Make, judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its seconds mean something else, or it has columns that this version would drop."""
    config = make_config("task.name=judge")
    judge.bad_scores = {"test-0-0"}
    run(config)
    judge.bad_scores = set()
    before = files(config)
    monkeypatch.setattr(record_format, "FORMAT", record_format.FORMAT + 1)
    assert "scored again" not in run(config)[1] and files(config) == before


def test_the_plan_is_made_anew_once_an_answer_has_its_score(
    make_config: Make, judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Searches and stopping rules decide by scores."""
    config = make_config("task.name=judge", "limit=4")
    judge.bad_scores = {"test-0-3"}
    run(config)
    plans: list[int] = []
    real = run_job.open_plan
    monkeypatch.setattr(run_job, "open_plan", lambda *given: plans.append(1) or real(*given))
    run(config)
    assert len(plans) == 1
    judge.bad_scores = set()
    run(config)
    assert len(plans) == 3
