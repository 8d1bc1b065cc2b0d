"""Small Python functions from a comment and a signature, scored by hidden unit tests.

The answer to ``# take x, add 3, times 2\ndef f(x):`` is a body. The same function can be written in several ways (names
of helpers, one expression or several statements, a condition either way round), and the parts of one way depend on each
other: a mixture of two ways is a broken program. This is the dependence that parallel decoding has to respect.
"""

from __future__ import annotations

import ast
import random
from dataclasses import dataclass
from typing import Any

from pipeline.tasks.code_task import CodeTask
from pipeline.tasks.task import Example, GeneratedTask, Score

CASES = 6
TAB = "\n    "
SIGNS = {"add": "+", "minus": "-", "times": "*"}
NUMBERS = ("a", "b", "x", "y")
HELPERS = ("r", "t", "u", "z")
ITEMS = ("e", "i", "v")
Draft = tuple[str, str, str, list[list[Any]]]  # comment, parameters, body, inputs


@dataclass(frozen=True)
class PyCode(CodeTask, GeneratedTask):
    name = "pycode"
    version = 3
    metric = "the function returns the correct outputs"

    def draw(self, rng: random.Random) -> tuple[str, str, Any]:
        comment, parameters, body, inputs = rng.choice(FAMILIES)(rng)
        prompt = f"# {comment}\ndef f({parameters}):"
        function: dict[str, Any] = {}
        exec(prompt + body, function)  # a program generated here, not an answer
        return prompt, body, {"inputs": inputs, "outputs": [function["f"](*values) for values in inputs]}

    def score(self, answer: str, example: Example) -> Score:
        program = example.prompt + answer
        try:
            ast.parse(program)  # what is not valid Python need not be run
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return Score(0.0, None)
        found = self.outputs(program, example.check["inputs"])
        return Score(float(found == example.check["outputs"]), program, sandbox=self.sandbox.level)


def _arithmetic(rng: random.Random) -> Draft:
    """Two to four operations on a number: in place, with a helper variable, or in one expression."""
    name = rng.choice(NUMBERS)
    operations = [_operation(rng) for _ in range(rng.randint(2, 4))]
    codes = [code for _, code in operations]
    style = rng.randrange(3)
    if style == 0 and _needs_no_brackets(codes):
        body = f"{TAB}return {name}{''.join(codes)}"
    else:
        kept = name if style == 1 else rng.choice(HELPERS)
        body, value = "", name
        for code in codes[:-1]:
            body += f"{TAB}{kept}={value}{code}"
            value = kept
        body += f"{TAB}return {value}{codes[-1]}"
    comment = f"take {name}" + "".join(words for words, _ in operations)
    return comment, name, body, _numbers(rng, 1)


def _operation(rng: random.Random) -> tuple[str, str]:
    """An operation with a small number, in words and in Python."""
    word = rng.choice(tuple(SIGNS))
    number = rng.randint(2 if word == "times" else 1, 9)
    return f", {word} {number}", f"{SIGNS[word]}{number}"


def _needs_no_brackets(codes: list[str]) -> bool:
    return not any(code.startswith("*") for code in codes[1:])


def _conditional(rng: random.Random) -> Draft:
    """A choice between two results: an if statement either way round, or a conditional expression."""
    first, second = rng.sample(NUMBERS, 2)
    sign, opposite = rng.choice(((">", "<="), ("<", ">=")))
    bound = rng.choice((second, str(rng.randint(1, 9))))
    yes, no = (rng.choice((first, second)) + _operation(rng)[1] for _ in range(2))
    comment = f"if {first}{sign}{bound} then {yes} else {no}"
    style = rng.randrange(3)
    if style == 0:
        body = f"{TAB}if {first}{sign}{bound}:{TAB}    return {yes}{TAB}return {no}"
    elif style == 1:
        body = f"{TAB}if {first}{opposite}{bound}:{TAB}    return {no}{TAB}return {yes}"
    else:
        body = f"{TAB}return {yes} if {first}{sign}{bound} else {no}"
    return comment, f"{first},{second}", body, _numbers(rng, 2)


def _comprehension(rng: random.Random) -> Draft:
    """Filter and map a list: a comprehension, or a loop that appends."""
    item, kept, limit = rng.choice(ITEMS), rng.choice(HELPERS), rng.randint(1, 9)
    filters = (
        ("all", ""),
        (f"over {limit}", f"{item}>{limit}"),
        (f"under {limit}", f"{item}<{limit}"),
        ("even", f"{item}%2==0"),
        ("odd", f"{item}%2==1"),
    )
    keep, test = rng.choice(filters)
    operations = [_operation(rng) for _ in range(rng.randint(1, 2))]
    codes = [code for _, code in operations]
    if not _needs_no_brackets(codes):
        operations, codes = operations[:1], codes[:1]
    value = item + "".join(codes)
    if rng.random() < 0.5:
        condition = f" if {test}" if test else ""
        body = f"{TAB}return [{value} for {item} in xs{condition}]"
    else:
        condition = f"{TAB}    if {test}:{TAB}        " if test else f"{TAB}    "
        body = f"{TAB}{kept}=[]{TAB}for {item} in xs:{condition}{kept}.append({value}){TAB}return {kept}"
    inputs = [[[rng.randint(0, 12) for _ in range(6)]] for _ in range(CASES)]
    return f"keep {keep}" + "".join(words for words, _ in operations), "xs", body, inputs


def _strings(rng: random.Random) -> Draft:
    """One to three edits of a string, in one expression or in several statements."""
    first, last, copies = rng.randint(1, 4), rng.randint(1, 4), rng.randint(2, 5)
    edits = (
        ("reverse", "[::-1]"),
        ("upper", ".upper()"),
        ("lower", ".lower()"),
        (f"first {first}", f"[:{first}]"),
        (f"last {last}", f"[-{last}:]"),
        (f"times {copies}", f"*{copies}"),
        ("strip", ".strip()"),
    )
    chosen = rng.sample(edits, rng.randint(1, 3))
    comment = "take s" + "".join(f", {word}" for word, _ in chosen)
    codes = [code for _, code in chosen]
    in_one = not any("*" in code for code in codes[:-1])
    if in_one and rng.random() < 0.5:
        body = f"{TAB}return s{''.join(codes)}"
    else:
        kept, body, value = rng.choice(("s", rng.choice(HELPERS))), "", "s"
        for code in codes[:-1]:
            body += f"{TAB}{kept}={value}{code}"
            value = kept
        body += f"{TAB}return {value}{codes[-1]}"
    inputs = [["".join(rng.choices(" abXyZ", k=rng.randint(5, 9)))] for _ in range(CASES)]
    return comment, "s", body, inputs


def _numbers(rng: random.Random, count: int) -> list[list[Any]]:
    return [[rng.randint(-9, 20) for _ in range(count)] for _ in range(CASES)]


FAMILIES = (_arithmetic, _conditional, _comprehension, _strings)
