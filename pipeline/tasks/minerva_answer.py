r"""The final answer in a solution of MATH, and its plain form, following appendix D of Lewkowycz et al. (2022).

The plain form is that of lm-eval's `minerva_math` 3.1, which differs from the paper's in four ways: units are removed
as whole words first, commands such as \left keep their letters, roots with an index stay intact, and only commas
between thousands are dropped.
"""

from __future__ import annotations

import re

from pipeline.tasks.math500 import boxed

ENDING = "I hope it is correct."
SENTENCE = re.compile(r"Final Answer: The final answer is(.*?). I hope it is correct.")
BARE_BOX = "\\boxed "

REPLACED = (
    ("an ", ""), ("a ", ""), (".$", "$"), ("\\$", ""), ("\\ ", ""), (" ", ""), ("mbox", "text"),
    (",\\text{and}", ","), ("\\text{and}", ","), ("\\text{m}", "\\text{}"),
)  # fmt: skip
UNITS_BEFORE_DOTS = ("square", "ways", "integers", "dollars", "mph", "inches", "ft", "hours", "km", "units")
UNITS_AFTER_DOTS = (
    "sue", "points", "feet", "minutes", "digits", "cents", "degrees", "cm", "gm", "pounds", "meters", "meals", "edges",
    "students", "childrentickets", "multiples",
)  # fmt: skip
MARKS = (
    "\\text{s}", "\\text{.}", "\\text{\ns}", "\\text{}^2", "\\text{}^3", "\\text{\n}", "\\text{}", "\\mathrm{th}",
    "^\\circ", "^{\\circ}", "\\;", ",\\!", "{,}", '"', "\\dots",
)  # fmt: skip
REMOVED = (
    *UNITS_BEFORE_DOTS,
    "\\ldots",
    *UNITS_AFTER_DOTS,
    *MARKS,
)  # in this order, as removing one can uncover another
WHOLE_UNIT = re.compile(rf"(?<!\\)\b(?:{'|'.join(word for word in REMOVED if word.isalpha())})\b")

REWRITTEN = tuple(
    (re.compile(pattern), form)
    for pattern, form in (
        (r".*?\$(.*?)\$.*", r"$\1$"),  # the first formula of a line
        (r"\\text\{(.*?)\}", r"\1"),
        (r"\\textbf\{(.*?)\}", r"\1"),
        (r"\\overline\{(.*?)\}", r"\1"),
        (r"\\boxed\{(.*)\}", r"\1"),
        (r"frac([^{])(.)", r"frac{\1}{\2}"),  # \frac12
        (r"sqrt(\[[^\]]*\])(\w)", r"sqrt\1{\2}"),  # \sqrt[3]2
        (r"sqrt(?!\[)([^{])", r"sqrt{\1}"),  # \sqrt2
    )
)
THOUSANDS = re.compile(r"-?\d{1,3}(,\d{3})+")


def sentence(text: str) -> str | None:
    """The answer in the final sentence of a Minerva solution, which may be cut off at its end; None without one."""
    found = SENTENCE.search(text + ENDING)
    return found[1].strip() if found else None


def last_box(text: str) -> str | None:
    r"""The content of the last \boxed{...}; if \boxed is followed by a space, the rest of the formula."""
    if BARE_BOX in text:
        return text.rpartition(BARE_BOX)[2].partition("$")[0]
    return boxed(text)


def plain(answer: str) -> str:
    """The answer without units, decoration and spaces, and with shorthand written out."""
    text = WHOLE_UNIT.sub("", answer.rpartition("=")[2])
    for old, new in REPLACED:
        text = text.replace(old, new)
    for word in REMOVED:
        # A unit is removed even inside words, but not inside commands, over which the pattern passes.
        text = re.sub(rf"(\\[a-zA-Z]+)|{word}", r"\1", text) if word.isalpha() else text.replace(word, "")
    for pattern, form in REWRITTEN:
        text = pattern.sub(form, text)
    text = text.replace("$", "")
    return text.replace(",", "") if THOUSANDS.fullmatch(text) else text
