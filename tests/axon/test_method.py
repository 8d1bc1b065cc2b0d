"""docs/method.md describes every choice that there is, with its defaults."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import get_args

import pytest

from axon import DECODERS
from axon.gates import GATES
from axon.policies import OBJECTIVES, POLICIES
from axon.settings import AxonSettings, BlockAlignment, BudgetCounts, EndOfText, SinkRows
from axon.trace import COUNTS

RULES = [
    *(name for choices in (EndOfText, BlockAlignment, SinkRows, BudgetCounts) for name in get_args(choices)),
    *("end_of_text", "block_alignment", "sink_rows", "budget_counts", "top_p", "block_length"),
]
TEXT = (Path(__file__).parents[2] / "docs" / "method.md").read_text()


@pytest.mark.parametrize("name", [*DECODERS, *GATES, *POLICIES, *OBJECTIVES, *RULES, *COUNTS])
def test_every_choice_and_count_is_described(name: str) -> None:
    assert f"`{name}`" in TEXT


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("target_nfe", "`target_nfe` ({})"),
        ("warmup", "`warmup` ({})"),
        ("max_anchor_steps", "`max_anchor_steps` ({})"),
        ("min_anchors", "`min_anchors`\n({})"),
        ("conflict_threshold", "`conflict_threshold` ({})"),
        ("alpha", "α = {}"),  # noqa: RUF001 - as in the text
    ],
)
def test_a_default_is_the_codes(name: str, shown: str) -> None:
    [default] = [field.default for field in fields(AxonSettings) if field.name == name]
    assert shown.format(default) in TEXT


@pytest.mark.parametrize(
    ("decoder", "names"),
    [
        ("factor", ["factor"]),
        ("local_leap", ["threshold", "relaxed_threshold", "radius"]),
        ("klass", ["threshold", "kl_threshold", "history"]),
    ],
)
def test_a_decoders_defaults_are_the_codes(decoder: str, names: list[str]) -> None:
    [row] = [line for line in TEXT.splitlines() if line.startswith(f"| `{decoder}`")]
    settings = DECODERS[decoder]()
    assert row.endswith(f"| {', '.join(str(getattr(settings, name)) for name in names)} |")
