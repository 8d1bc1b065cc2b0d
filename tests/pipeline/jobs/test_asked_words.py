"""What a report is asked for beyond itself: budgets, a group to compare with, tables."""

from __future__ import annotations

import pytest

from pipeline.errors import ConfigError
from pipeline.jobs.asked_words import MOST, read_asked
from pipeline.report.asked import NOTHING, Asked


def test_budgets_come_in_order_and_everything_once() -> None:
    words = {"nfe": "[16,8,8.0]", "against": "base", "format": "[latex,csv,latex]"}
    assert read_asked(words) == Asked((8.0, 16.0), "base", ("latex", "csv"))
    assert read_asked({}) == NOTHING


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ({"nfe": "[8,inf]"}, "nfe=inf: must be a number above 0"),
        ({"nfe": str(list(range(1, MOST + 2)))}, f": are {MOST + 1} budgets; name at most {MOST}"),
        ({"against": ""}, "against=: must not be empty; give it a value, or leave it out"),
        ({"format": "[csv,word]"}, "format=word: unknown; one of markdown, latex, csv"),
    ],
)
def test_what_cannot_be_asked_for_is_told(words: dict[str, str], expected: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read_asked(words)
    [line] = refused.value.lines
    assert expected in line
