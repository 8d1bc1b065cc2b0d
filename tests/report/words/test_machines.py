"""Settings whose records are of several machines or batch sizes are warned of; others are not."""

import pytest

from tests.report.sweep import make_sweep
from tests.report.verdict import facet_of

ONE = {"device": "H100", "attention_kernel": "sdpa", "torch": "2.13.0", "batch_size": 32}


def swept(dtype, **others):
    """Six settings; half of the records of the first two differ in `others`."""
    sweep = make_sweep(examples=20, thresholds=(0.3, 0.7))
    sweep.change(model={"dtype": dtype})
    mixed = list(sweep.settings)[:2]
    for row in sweep.rows:
        row |= ONE | (others if row["setting_id"] in mixed and row["position"] % 2 else {})
    return facet_of(sweep).summary.warnings


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_one_machine_is_not_warned_of(dtype):
    assert swept(dtype) == []


@pytest.mark.slow
def test_records_that_say_nothing_are_not_warned_of():
    assert facet_of(make_sweep(examples=20)).summary.warnings == []
    assert swept("bfloat16", **dict.fromkeys(ONE)) == []


@pytest.mark.slow
def test_batches_of_several_sizes_concern_tokens_below_float32_only():
    assert swept("float32", batch_size=16) == [
        "2 settings have records of several batch sizes (16, 32): their tokens are the same, their seconds are not "
        "comparable."
    ]
    assert swept("bfloat16", batch_size=16) == [
        "2 settings have records of several batch sizes (16, 32): there the same example may decode to other tokens "
        "(docs/method.md, section 6), and seconds are not comparable."
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "value", "what"),
    [
        ("device", "A100", "devices (A100, H100)"),
        ("torch", "2.12.0", "versions of torch (2.12.0, 2.13.0)"),
        ("attention_kernel", "eager", "attention kernels (eager, sdpa)"),
    ],
)
def test_machines_concern_tokens_at_any_precision(name, value, what):
    [warning] = swept("float32", **{name: value})
    assert warning.startswith(f"2 settings have records of several {what}: there the same example may decode")


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_several_kinds_are_one_warning(dtype):
    [warning] = swept(dtype, device="A100", batch_size=16)
    assert warning.startswith(
        "2 settings have records of several devices (A100, H100) and batch sizes (16, 32): there the same example"
    )


def test_a_setting_is_named_for_what_its_own_records_differ_in():
    """All records are read once, whichever settings are mixed, and only theirs count."""
    sweep = make_sweep(examples=6, thresholds=(0.3, 0.7))
    sweep.change(model={"dtype": "bfloat16"})
    first, second, silent, *_ = sweep.settings
    for row in sweep.rows:
        odd = row["position"] % 2 == 1
        row |= ONE | {"batch_size": 1 if row["setting_id"] not in (first, second) else 32}
        row |= {"batch_size": 16} if odd and row["setting_id"] == first else {}
        row |= {"device": "A100"} if odd and row["setting_id"] == second else {}
        row |= {"device": None} if odd and row["setting_id"] == silent else {}
    [warning] = facet_of(sweep).summary.warnings
    assert warning.startswith(
        "2 settings have records of several devices (A100, H100) and batch sizes (16, 32): "
    )
