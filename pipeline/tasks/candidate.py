"""From a model's answer to the program that is run: small functions, none of which sees the reference solution.

Published numbers depend on these, so each is pure: fenced code is found, a continuation is cut at the stop sequences,
and the longest run of lines that is valid Python and defines the function is kept (as in EvalPlus; Liu et al. 2023,
arXiv 2305.01210).
"""

from __future__ import annotations

import ast
import io
import re
import warnings
from collections.abc import Sequence

# HumanEval's own (Chen et al. 2021): a new top-level statement ends a completion. Here, so does a closing fence.
STOPS = ("\nclass", "\ndef", "\n#", "\nif", "\nprint", "\n```")
TOP_LEVEL = re.compile(r"(from|import|def|async def|class)\b|@")
FENCE = re.compile(r"```[ \t]*(?:(?:python|Python|py)[ \t]*)?\n(.*?)(?:\n[ \t]*```|\Z)", re.DOTALL)
PARSED = 1_000_000  # characters, which take the parser a second or two at worst

# What a model writes may contain invalid escapes, of which newer Pythons warn on stderr.
warnings.filterwarnings("ignore", category=SyntaxWarning, module="<unknown>")


def completed(prompt: str, answer: str, entry_point: str) -> str | None:
    """The program for a prompt that ends inside the function; None if the answer yields none.

    An answer that begins indented continues the prompt, whatever follows. Any other answer that defines the function
    itself is placed below what the prompt has above the function (imports, helpers).
    """
    if not begins_indented(answer) and (defining := whole(answer, entry_point, before(prompt, entry_point))):
        return defining
    fenced = blocks(answer) if answer.lstrip().startswith("```") else []
    return longest_start(prompt, stopped(fenced[0] if fenced else answer, STOPS), entry_point)


def begins_indented(answer: str) -> bool:
    """Whether the first non-blank line is indented, as in a function's body."""
    first = next((line for line in answer.splitlines() if line.strip()), "")
    return first.startswith((" ", "\t"))


def whole(answer: str, entry_point: str, above: str = "") -> str | None:
    """The program of an answer that defines the function: from its first fenced block that does, else from its text."""
    for text in (*blocks(answer), answer):
        if defines(text, entry_point):
            return longest_program(above, text, entry_point)
    return None


def blocks(answer: str) -> list[str]:
    """The contents of fences, in order; the last one may be unclosed."""
    return FENCE.findall(answer)


def stopped(text: str, stops: Sequence[str]) -> str:
    """The text up to the first stop sequence."""
    places = [place for stop in stops if (place := text.find(stop)) >= 0]
    return text[: min(places, default=len(text))]


def defines(text: str, entry_point: str) -> bool:
    """Whether a top-level line of the text begins the definition of the function."""
    return _definition(entry_point).search(text) is not None


def before(prompt: str, entry_point: str) -> str:
    """The part of the prompt above its function."""
    found = _definition(entry_point).search(prompt)
    return prompt[: found.start()] if found else ""


def longest_program(above: str, text: str, entry_point: str) -> str | None:
    """`above` and the longest run of the text's lines that is valid Python and defines the function; None if none is.

    A run starts at the beginning of the text or, so that prose above the code does no harm, at a top-level statement.
    Once the parser has spent its `PARSED` characters on an answer, the longest run found until then counts.
    """
    lines, given, parser = _lines(text), _whole_lines(above), Parser()
    starts = [place for place, line in enumerate(lines) if not place or TOP_LEVEL.match(line)]
    best: str | None = None
    shorter: set[int] = set()
    for start in starts:
        if start in shorter:
            continue
        if best is not None and len(above + "".join(lines[start:])) <= len(best):
            break
        program, tree = _longest(above, lines[start:], parser)
        if tree is None:
            continue
        if _has(tree, entry_point) and (best is None or len(program) > len(best)):
            best = program
        # Runs that start at a later statement of this one end where it ends.
        shorter.update(start + statement.lineno - 1 - given for statement in tree.body)
    return best


def longest_start(above: str, text: str, entry_point: str) -> str | None:
    """`above` and as many of the text's first lines as are valid Python and define the function; None if none are.

    Also None if the parser has spent its `PARSED` characters before.
    """
    program, tree = _longest(above, _lines(text), Parser())
    return program if tree is not None and _has(tree, entry_point) else None


class Parser:
    """Parses Python until it has been given `PARSED` characters in all; each search has its own."""

    def __init__(self) -> None:
        self._left = PARSED

    def parse(self, program: str) -> ast.Module | None:
        """None if that would be too many. Raises what `ast.parse` raises."""
        self._left -= len(program)
        return ast.parse(program) if self._left >= 0 else None


def _longest(above: str, lines: Sequence[str], parser: Parser) -> tuple[str, ast.Module | None]:
    """`above` with as many of the first lines as are valid Python, and its syntax tree: None if there is none."""
    given = _whole_lines(above)
    kept = len(lines)
    while kept >= 0:
        program = above + "".join(lines[:kept])
        try:
            return program, parser.parse(program)
        except SyntaxError as error:
            # A faulty line stays faulty, however much is cut below it. (Inside f-strings lines count from 1.)
            at_fault = error.lineno if error.lineno and error.filename != "<fstring>" else given + kept
            kept = min(kept - 1, max(at_fault - given - 1, 0)) if kept else -1
        except (ValueError, RecursionError, MemoryError):
            kept -= 1
    return "", None


def _lines(text: str) -> list[str]:
    """The lines as Python's parser counts them, with their line ends (str.splitlines splits at more characters)."""
    return list(io.StringIO(text, newline=""))


def _whole_lines(text: str) -> int:
    return len(_lines(text + "|")) - 1


def _definition(entry_point: str) -> re.Pattern[str]:
    return re.compile(rf"^(async[ \t]+)?def[ \t]+{re.escape(entry_point)}[ \t]*\(", re.MULTILINE)


def _has(tree: ast.Module, entry_point: str) -> bool:
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return any(isinstance(node, functions) and node.name == entry_point for node in tree.body)
