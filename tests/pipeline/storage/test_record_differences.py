"""Records that were decoded twice are compared value by value."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.storage.record import SCHEMA, Record, to_table
from pipeline.storage.record_differences import COMPARED, COUNTED, IGNORED, compare_records
from tests.pipeline.storage.test_store import records

CHANGED: dict[str, Any] = {
    "task": "another",
    "example_id": "another",
    "prompt_tokens": 99,
    "tokens": (1, 9),
    "revealed_at": (0, 0),
    "axon_steps": (1,),
    "unsupported_steps": (1,),
    "answer": None,
    "extracted": "y",
    "score": 0.5,
    "metrics": {"strict": 1.0},
    "error": "RuntimeError: x",
    "flops": 2e6,
}
ANY = [name for name in COMPARED if name not in ("setting_id", "position")]


def table(rows: list[Record]) -> pd.DataFrame:
    return to_table(rows).to_pandas()


def changed(record: Record, name: str) -> Record:
    return replace(record, **{name: CHANGED.get(name, 77)})


@pytest.mark.slow
@given(
    faults=st.dictionaries(st.integers(0, 7), st.sets(st.sampled_from(ANY), min_size=1, max_size=3)),
    lost=st.sets(st.integers(0, 7)),
    order=st.randoms(),
)
@settings(deadline=None)
def test_every_record_that_differs_is_found_and_no_other(
    faults: dict[int, set[str]], lost: set[int], order: random.Random
) -> None:
    """In whatever order the records come; those of which one side has nothing are missing, not different."""
    before, now = records(0, 8), []
    for record in before:
        for name in faults.get(record.position, ()):
            record = changed(record, name)
        if record.position not in lost:
            now.append(
                replace(record, seconds_model=9.0, seconds_capture=9.0, seconds_select=9.0, sandbox=None)
            )
    order.shuffle(now)
    found = compare_records(table(before), table(now))
    wrong = sorted(set(faults) - lost)
    assert (found.compared, found.missing) == (8 - len(lost), len(lost))
    assert found.equal == 8 - len(lost) - len(wrong)
    assert [difference.example_id for difference in found.differences] == [f"e{n}" for n in wrong]
    for difference, place in zip(found.differences, wrong, strict=True):
        assert difference.column in faults[place]
    assert found.columns == {
        name: count for name in COMPARED if (count := sum(name in faults[place] for place in wrong))
    }
    assert found.unrecorded == ()


@pytest.mark.parametrize("name", ANY)
def test_both_values_are_shown(name: str) -> None:
    [record] = records(0, 1)
    [difference] = compare_records(table([record]), table([changed(record, name)])).differences
    assert (difference.column, difference.setting_id, difference.example_id) == (name, "a", "e0")
    assert difference.then != difference.now
    assert str(difference) == f"{name} {difference.then} then, {difference.now} now"


def test_of_two_sequences_the_first_place_where_they_part_is_shown() -> None:
    [record] = records(0, 1)
    longer = replace(record, tokens=(1, 2, 3))
    assert str(compare_records(table([record]), table([changed(record, "tokens")])).differences[0]) == (
        "tokens [1]=2 then, [1]=9 now"
    )
    assert str(compare_records(table([record]), table([longer])).differences[0]) == (
        "tokens 2 long then, 3 long now"
    )


@pytest.mark.parametrize("name", sorted(COUNTED))
def test_a_column_that_is_newer_than_the_record_is_not_compared_and_is_told(name: str) -> None:
    """Where nothing was decoded a null is a value: it has become a count."""
    [record] = records(0, 1)
    if name == "gate_checks":  # required: no file is without it
        return
    older = replace(record, **{name: None})
    found = compare_records(table([older]), table([record]))
    assert found.differences == [] and found.unrecorded == (name,)
    [difference] = compare_records(table([record]), table([older])).differences
    assert difference.column == name
    undecoded = replace(older, nfe=None)
    assert name in compare_records(table([undecoded]), table([record])).columns


def test_what_is_ignored_is_time_the_machine_isolation_confidences_and_whose_decode_it_was() -> None:
    seconds = {name for name in SCHEMA.names if name.startswith("seconds_")}
    machine = {"batch_size", "device", "attention_kernel", "torch"}
    decode = {"confidence_percent", "leeway_above", "leeway_below", "decoded_under"}
    assert set(IGNORED) == seconds | machine | decode | {"code", "sandbox"}
