"""From answers to programs: fences, stop sequences and the longest program, each with its cases."""

from __future__ import annotations

import ast
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.tasks.candidate import (
    PARSED,
    STOPS,
    before,
    begins_indented,
    blocks,
    completed,
    defines,
    longest_program,
    longest_start,
    stopped,
    whole,
)

PROMPT = 'from typing import List\n\n\ndef add(a: int, b: int) -> int:\n    """Sum."""\n'
BODY = "    return a + b\n"
WHOLE = "def add(a, b):\n    return a + b\n"
BARE = WHOLE.rstrip("\n")
IMPORT = "from typing import List\n\n\n"


@pytest.mark.parametrize(
    ("answer", "inside"),
    [
        ("```python\nx = 1\n```", ["x = 1"]),
        ("```\nx = 1\n```\nmore", ["x = 1"]),
        ("Sure:\n```py\nx = 1\ny = 2\n```\nand\n```python\nz\n```", ["x = 1\ny = 2", "z"]),
        ("```python\nx = 1", ["x = 1"]),
        ("a `word` in backquotes", []),
        ("x = 1", []),
        ("", []),
    ],
)
def test_fenced_blocks_are_found_in_order(answer: str, inside: list[str]) -> None:
    assert blocks(answer) == inside


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("    return 1\ndef g():", "    return 1"),
        ("    return 1\n# note", "    return 1"),
        ("    if x:\n        return 1", "    if x:\n        return 1"),
        ("    return 1\nprint(f())\nclass A:", "    return 1"),
        ("    return 1\n```\nSo it is.", "    return 1"),
        ("", ""),
    ],
)
def test_a_new_statement_or_a_closing_fence_ends_a_completion(text: str, kept: str) -> None:
    assert stopped(text, STOPS) == kept


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (WHOLE, True),
        ("import os\n" + WHOLE, True),
        ("async def add(a): ...", True),
        ("def adder(a): ...", False),
        ("    def add(a): ...", False),
        ("add(1)", False),
    ],
)
def test_whether_the_function_is_there(text: str, expected: bool) -> None:
    assert defines(text, "add") == expected


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (BODY, True),
        ("\n\n" + BODY, True),
        ("\treturn 1", True),
        (WHOLE, False),
        ("\n" + WHOLE, False),
        ("    \n" + WHOLE, False),
        ("```python\n" + BODY, False),
        ("\n\n", False),
        ("  ", False),
        ("", False),
    ],
)
def test_whether_an_answer_begins_like_a_body(answer: str, expected: bool) -> None:
    assert begins_indented(answer) == expected


def test_what_a_prompt_has_above_its_function() -> None:
    assert before(PROMPT, "add") == IMPORT
    assert before("import math\n\ndef helper():\n    pass\n\ndef add(a, b):\n", "add").endswith("pass\n\n")
    assert before(PROMPT, "other") == ""


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (WHOLE, WHOLE),
        (WHOLE + "That is all.\n", WHOLE),
        ("Here it is:\n" + WHOLE, WHOLE),
        ("import math\n\n\n" + WHOLE + "print(add(1,\n", "import math\n\n\n" + WHOLE),
        ("def add(a, b:\n", None),
        ("def other():\n    pass\n", None),
        ("\0\n" + WHOLE, WHOLE),
        (WHOLE + "\0", WHOLE),
        ("", None),
    ],
)
def test_the_longest_program_with_the_function_is_kept(text: str, kept: str | None) -> None:
    assert longest_program("", text, "add") == kept


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (BODY, PROMPT + BODY),
        (BODY + "\ndef other():\n    pass\n", PROMPT + BODY.rstrip("\n") + "\n"),
        (BODY + "\n\ndef add(a, b):\n    return 0\n", PROMPT + BODY + "\n"),
        (BODY + "    and then (\n", PROMPT + BODY),
        (BODY + "```\n\nIt adds:\n```python\nadd(1, 2)\n```", PROMPT + BODY.rstrip("\n")),
        ("```python\n" + BODY + "```", PROMPT + BODY.rstrip("\n")),
        ("```python\n" + WHOLE + "```", IMPORT + BARE),
        ("I think:\n```python\n" + WHOLE + "```\nDone.", IMPORT + BARE),
        ("```python\nadd(1, 2)\n```\nso\n```python\n" + WHOLE + "```\nDone.", IMPORT + BARE),
        (WHOLE + "Done.", IMPORT + WHOLE),
        ("nonsense (", PROMPT),
        ("", PROMPT),
    ],
)
def test_an_answer_becomes_a_program(answer: str, expected: str) -> None:
    assert completed(PROMPT, answer, "add") == expected


def test_helpers_above_the_function_stay_for_an_answer_that_writes_it_anew() -> None:
    prompt = "def helper(x):\n    return x\n\n\ndef add(a, b):\n"
    assert completed(prompt, "```\n" + WHOLE + "```", "add") == prompt[: prompt.index("def add")] + BARE


def test_a_prompt_that_no_part_of_the_answer_makes_python_yields_none() -> None:
    assert completed("def add(a, b):\n", "(", "add") is None
    assert whole("def add(a, b:\n    return", "add") is None
    assert whole("no code here", "add") is None


LINES = st.sampled_from(
    ["def add(a):", "    return a", "    x = (", "    )", ")", "x = '''", "'''", "import os", "prose here", "",
     "    if a:", "        pass", "    f'{a!}'", "    else:", "@wrap", "\tx = 1", "try:", "\\", "x = [1,", "2 3]",
     "x = 'a\u2028b\x0cc'", "import os; import re", "from a import b", "async def add(a): pass"]
)  # fmt: skip


def _plain_lines(text: str) -> list[str]:
    *lines, last = text.split("\n")
    return [*(line + "\n" for line in lines), *([last] if last else [])]


def _plain_longest_start(above: str, text: str) -> str | None:
    """The same, by trying every length."""
    lines = _plain_lines(text)
    for kept in range(len(lines), -1, -1):
        program = above + "".join(lines[:kept])
        try:
            tree = ast.parse(program)
        except (SyntaxError, ValueError):
            continue
        functions = (ast.FunctionDef, ast.AsyncFunctionDef)
        found = [node for node in tree.body if isinstance(node, functions) and node.name == "add"]
        return program if found else None
    return None


@given(lines=st.lists(LINES, max_size=9), above=st.sampled_from(["", "import re\n", "def add(a):\n"]))
@settings(max_examples=600, deadline=None)
def test_skipping_lengths_that_cannot_parse_skips_none_that_can(lines: list[str], above: str) -> None:
    text = "\n".join(lines)
    assert longest_start(above, text, "add") == _plain_longest_start(above, text)


TOP_LEVEL = ("from ", "import ", "def ", "async def ", "class ", "@")


@pytest.mark.slow
@given(lines=st.lists(LINES, max_size=12), above=st.sampled_from(["", "import re\n", "x = (1,\n     2)\n"]))
@settings(max_examples=600, deadline=None)
def test_runs_that_are_not_tried_are_no_longer(lines: list[str], above: str) -> None:
    text = "\n".join(lines)
    rest = _plain_lines(text)
    starts = [n for n, line in enumerate(rest) if not n or line.startswith(TOP_LEVEL)]
    found = [_plain_longest_start(above, "".join(rest[start:])) for start in starts]
    expected = max((program for program in found if program), key=len, default=None)
    assert longest_program(above, text, "add") == expected


PARSE = ast.parse


@pytest.mark.slow
@pytest.mark.parametrize(
    "line",
    ["x = (", "import os (", "def add(a:", "@wrap", "from here on, it goes", "import os; " + "a, " * 9],
)
def test_the_parser_is_given_a_bounded_number_of_characters(
    line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = []

    def parse(program: str) -> ast.Module:
        given.append(len(program))
        return PARSE(program)

    text = WHOLE + f"{line}\n" * 2000 + "(\n"
    for search in (partial(longest_program, ""), partial(longest_start, PROMPT)):
        given.clear()
        with monkeypatch.context() as patch:
            patch.setattr(ast, "parse", parse)
            search(text, "add")
        assert 0 < sum(given) <= PARSED


def test_once_the_parser_is_used_up_the_longest_program_until_then_counts() -> None:
    prose = "from here on, it goes\n"
    assert longest_program("", WHOLE + prose * 2000, "add") == WHOLE
    assert longest_program("", prose * 100 + WHOLE, "add") == WHOLE
    assert longest_program("", prose * 2000 + WHOLE, "add") is None


def test_a_fence_followed_by_many_spaces_is_read_quickly() -> None:
    assert (
        blocks("```" + " " * 200_000 + "x\n") == []
    )  # would take minutes if each space could belong to two parts
