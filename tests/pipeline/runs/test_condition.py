"""where=: a condition compares and does nothing else; what is no condition is told in one line."""

from __future__ import annotations

import pytest

from pipeline.errors import ConfigError
from pipeline.runs.condition import read_condition

ROW = {
    "task": "gsm8k",
    "axon.anchors": 2,
    "axon.gate": "always",
    "decoder.name": "dawn",
    "task.name": "gsm8k",
}


@pytest.mark.parametrize(
    ("text", "holds"),
    {
        "task == 'gsm8k' and axon.anchors >= 2": True,
        "anchors in [1, 3]": False,
        "not anchors == 1 or task == 'x'": True,
        "1 < anchors < 3": True,
        "'gsm' in task": True,
        "axon.layers == null": True,
        "axon.layers > 3": False,
        "axon.layers != 3": True,
        "anchors == -1": False,
        "axon.layers in [null, 3]": True,
        "axon.layers in [3]": False,
        "axon.layers not in [3]": True,
        "axon.layers in task": False,
        "3 in axon.layers": False,
    }.items(),
)
def test_it_compares(text: str, holds: bool) -> None:
    assert read_condition(text, [*ROW, "axon.layers"]).holds(ROW) is holds


@pytest.mark.parametrize(
    ("text", "told"),
    {
        "task ==": "can't be read",
        "anchor == 1": "did you mean axon.anchors",
        "task == gsm8k": "quote a text ('gsm8k')",
        "name == 'dawn'": "name may be decoder.name, task.name",
        "task.upper() == 'A'": "task.upper() is none of names",
        "(lambda: 1)() == 1": "is none of names",
        "task[0] == 'g'": "is none of names",
        "().__class__ == 1": "is none of names",
        "[x for x in task] == 1": "is none of names",
    }.items(),
)
def test_what_is_no_condition_is_told_in_a_line(text: str, told: str) -> None:
    with pytest.raises(ConfigError) as error:
        read_condition(text, list(ROW))
    [line] = error.value.lines
    assert told in line and line.startswith(f"where={text}: ") and "\n" not in line


def test_a_text_is_in_no_order_with_a_number() -> None:
    with pytest.raises(ConfigError, match="compare numbers with numbers"):
        read_condition("task > 3", list(ROW)).holds(ROW)
