"""What a plan lacks in the store, and what its settings came to: pure functions of what was found."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.planning import pending as module
from pipeline.planning.pending import incomplete, outcomes, pending_slices, reachable
from pipeline.search import Candidate, Decodes
from pipeline.storage.record import Record, to_table
from pipeline.storage.store import Contents, Span

SIDS = "abc"
SCORES = st.lists(st.one_of(st.none(), st.sampled_from([0.0, 0.25, 1.0])), max_size=6)


def plan_of(asked: list[str]) -> Any:
    telling = {
        "foreign": False,
        "trade_off": "decoder.threshold",
        "decode": SimpleNamespace(decoder=SimpleNamespace(leeway_of="threshold")),
    }
    settings = {
        sid: SimpleNamespace(id=sid, task=f"task of {sid}", **telling) for sid in dict.fromkeys(asked)
    }
    return SimpleNamespace(
        stopped={}, settings=settings, asked=[(Candidate(f"g{n}", {}), sid) for n, sid in enumerate(asked)]
    )


def frame(scores: dict[str, list[float | None]]) -> pd.DataFrame:
    rows = [
        Record(sid, "t", f"e{n}", n, nfe=None if score is None else n + 1, score=score)
        for sid, own in scores.items()
        for n, score in enumerate(own)
    ]
    return to_table(rows).to_pandas().rename(columns={"leeway_above": "above", "leeway_below": "below"})


@pytest.fixture
def sizes(monkeypatch: pytest.MonkeyPatch) -> dict[str, int | None]:
    found: dict[str, int | None] = dict.fromkeys((f"task of {sid}" for sid in SIDS), None)
    monkeypatch.setattr(module, "open_task", lambda task: SimpleNamespace(size=found[task]))
    return found


@pytest.mark.slow
@given(
    asked=st.lists(st.sampled_from(SIDS), max_size=6),
    scores=st.dictionaries(st.sampled_from("abcd"), SCORES),
)
def test_every_candidate_has_an_outcome_in_the_order_asked(
    asked: list[str], scores: dict[str, list[float | None]]
) -> None:
    plan = plan_of(asked)
    found = outcomes(plan, frame(scores))
    assert [(outcome.candidate, outcome.setting_id) for outcome in found] == plan.asked
    for outcome in found:
        own = scores.get(outcome.setting_id, [])
        known = [(score, n + 1) for n, score in enumerate(own) if score is not None]
        assert (outcome.examples, outcome.scored) == (len(own), len(known))
        if not known:
            assert outcome.quality is None and outcome.nfe is None
        else:
            assert outcome.quality == pytest.approx(sum(score for score, _ in known) / len(known))
            assert outcome.nfe == pytest.approx(sum(nfe for _, nfe in known) / len(known))


@pytest.mark.slow
@given(scores=st.dictionaries(st.sampled_from(SIDS), SCORES), other=SCORES)
def test_records_of_other_settings_change_no_outcome(
    scores: dict[str, list[float | None]], other: list[float | None]
) -> None:
    plan = plan_of(list(SIDS))
    assert outcomes(plan, frame(scores)) == outcomes(plan, frame({"d": other, **scores}))


@given(
    scores=st.dictionaries(st.sampled_from(SIDS), SCORES.filter(bool)),
    stopped=st.sets(st.sampled_from(SIDS)),
    silent=st.sets(st.sampled_from(SIDS)),
    cut=st.sets(st.sampled_from(SIDS)),
)
@settings(max_examples=25, deadline=None)
def test_single_decodes_are_told_of_whole_settings_that_can_repeat_each_other(
    scores: dict[str, list[float | None]], stopped: set[str], silent: set[str], cut: set[str]
) -> None:
    """Not of stopped ones, of which others' means are told, nor of those that lack an example before their last."""
    plan, records = plan_of(list(SIDS)), frame(scores)
    for sid in silent:
        plan.settings[sid].trade_off = "decoder.kl_threshold"
    plan.stopped = {sid: SimpleNamespace(n=1, by="a", quality=0.0, nfe=0.0) for sid in stopped}
    records["above"] = np.arange(len(records)) + 0.0
    records = records[~(records["setting_id"].isin(cut) & (records["position"] == 0))]
    for outcome in outcomes(plan, records.reset_index(drop=True)):
        own = records[records["setting_id"] == outcome.setting_id]
        if own.empty or outcome.setting_id in stopped | silent | cut:
            assert outcome.decodes is None
        else:
            assert outcome.decodes is not None
            for name, column in zip(Decodes._fields, outcome.decodes, strict=True):
                np.testing.assert_array_equal(column, own[name])


def test_a_setting_reaches_the_limit_or_the_end_of_its_task(sizes: dict[str, int | None]) -> None:
    sizes |= {"task of a": 5, "task of b": 50}
    plan = plan_of(list(SIDS))
    assert [reachable(setting, 12) for setting in plan.settings.values()] == [5, 12, 12]
    covered: dict[str, list[Span]] = {"a": [(0, 4)], "b": [(0, 8)], "c": [(0, 8), (8, 12)]}
    found = pending_slices(module.sizes(plan, 12), covered, 4)
    assert found == {"a": [(4, 5)], "b": [(8, 12)]}, "what is whole is not among them"


def test_what_is_missing_after_a_run_is_told_with_the_best_reason_there_is(
    sizes: dict[str, int | None],
) -> None:
    damaged = ["/store/slices/b/0-4.parquet: unreadable (cut short); counted as missing"]
    contents = Contents(frame({}), {"a": [(0, 4)], "b": [], "c": []}, damaged)
    store: Any = SimpleNamespace(root="/store")
    found = incomplete(plan_of(list(SIDS)), contents, store, 8, 4, {"a": "ValueError: no"})
    assert found == {
        "a": "lacks 4 of 8 examples: ValueError: no",
        "b": f"lacks 8 of 8 examples: {damaged[0]}",
        "c": "lacks 8 of 8 examples: not in /store, though it was written there",
    }


@pytest.mark.parametrize(("apart", "quality"), [(0.5, 0.75), (0.9, 1.0), (-0.1, 0.15), (-0.4, 0.0)])
def test_a_stopped_settings_expected_quality_is_one_that_there_can_be(apart: float, quality: float) -> None:
    plan = plan_of(["a", "b"])
    plan.stopped = {"b": SimpleNamespace(n=2, by="a", quality=apart, nfe=1.5)}
    witness, stopped = outcomes(plan, frame({"a": [0.25, 0.25, 0.25], "b": [1.0, 0.25]}))
    assert (witness.quality, witness.nfe, witness.examples) == (0.25, 2.0, 3)
    assert stopped.quality == pytest.approx(quality)
    assert (stopped.nfe, stopped.examples, stopped.scored) == (3.5, 2, 2)
