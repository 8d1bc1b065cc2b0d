r"""OpenCompass's answer in a text of MATH, and when it takes two answers for equal: by their texts in plain form.

Source: open-compass/opencompass, opencompass/datasets/math.py: `math_postprocess_v2`, `MATHEvaluator` (version v2) and
`normalize_final_answer`, which follows Minerva's plain form, here in `minerva_answer`.
"""

from __future__ import annotations

import re

from pipeline.tasks.minerva_answer import MARKS, REPLACED, UNITS_AFTER_DOTS, UNITS_BEFORE_DOTS

SAYS_ANSWER = re.compile("final answer|answer is")

# Texts in the order in which they are replaced.
SHORTENED = (
    ("\n", ""), ("\\!", ""), ("\\ ", ""), ("\\\\", "\\"), ("\\\\", "\\"), ("tfrac", "frac"), ("dfrac", "frac"),
    ("\\left", ""), ("\\right", ""),
)  # fmt: skip
UNDECORATED = (
    ("^{\\circ}", ""), ("^\\circ", ""), ("\\$", ""), ("$", ""), ("\\text", ""), ("x\\in", ""), ("\\%", ""), ("%", ""),
    (" .", " 0."), ("{.", "{0."), ("\\cdot", ""), ("infinity", "\\infty"),
)  # fmt: skip
LAST_UNIT = re.compile(r"\\text\{.*?\}$")
MBOX = re.compile(r"\\mbox\{.*?\}")
DECIMALS = ((re.compile(r"(\d)\.0+([^\d])"), r"\1\2"), (re.compile(r"(\d)\.0+$"), r"\1"))  # 3.00 is 3
ROOT = re.compile(r"\\sqrt(\w+)")
MINERVA_REPLACED = (*REPLACED, ("\\le", "<"))
MINERVA_REMOVED = (*UNITS_BEFORE_DOTS, "\\ldots", *UNITS_AFTER_DOTS, *MARKS, "\n", "\r", "\f")
MINERVA_REWRITTEN = tuple(
    (re.compile(pattern), form)
    for pattern, form in (
        (r"\\text\{\((.*?)\)\}", r"\1"),
        (r"\\text\{(.*?)\}", r"\1"),
        (r"\\textbf\{(.*?)\}", r"\1"),
        (r"\\overline\{(.*?)\}", r"\1"),
        (r"\\boxed\{(.*)\}", r"\1"),
    )
)
NARROWED = tuple(
    map(re.compile, (r"finalansweris(.*)", r"answer?is:?(.*)", r"oxed\{(.*?)\}", r"\$(.*?)\$"))
)  # the last match of each, if there is one, goes to the next
WRITTEN_OUT = ((re.compile(r"frac([^{])(.)"), r"frac{\1}{\2}"), (re.compile(r"sqrt([^{])"), r"sqrt{\1}"))


def stated(answer: str) -> str:
    r"""The content of the last \boxed{...}; without one, what the first sentence that names an answer says."""
    start = answer.rfind("\\boxed")
    if start >= 0 and (inside := _braced(answer[start + len("\\boxed") :])):
        return inside[1:-1] if re.fullmatch(r"\{.*\}", inside) else inside
    sentences = answer.split(".")
    return minerva_form(next((each for each in sentences if SAYS_ANSWER.search(each.lower())), sentences[0]))


def same(read: str, gold: str) -> bool:
    """Whether both are equal in plain form, in Minerva's form of it, or in Minerva's form alone."""
    try:
        forms = plain_form(read), plain_form(gold)
    except ValueError:  # a ratio that is not one of whole numbers has no plain form in OpenCompass
        forms = read, gold
    return forms[0] == forms[1] or any(
        minerva_form(one) == minerva_form(other) for one, other in (forms, (read, gold))
    )


def plain_form(answer: str) -> str:
    """Without decoration, units and spaces, with fractions and roots written out. Raises ValueError for x/y."""
    text = _replaced(answer.strip().replace("\n", "").rstrip("."), SHORTENED)
    text = LAST_UNIT.sub("", text).strip() or text
    text = _replaced(text, UNDECORATED)
    text = text if "\\infty" in text else text.replace("inf", "\\infty")
    text = MBOX.sub("", text.replace("and", "").replace("\\mathbf", ""))
    text = text if "i" in text else text.replace("j", "i")
    for pattern, form in DECIMALS:
        text = pattern.sub(form, text)
    if text.startswith("."):
        text = f"0{text}"
    name, *values = text.split("=")
    if len(values) == 1 and len(name) <= 2:
        text = values[0]
    return _ratio(_fractions(ROOT.sub(r"\\sqrt{\1}", text).replace(" ", "")))


def minerva_form(answer: str) -> str:
    """Minerva's plain form as OpenCompass has it."""
    text = _replaced(answer, MINERVA_REPLACED)
    for word in MINERVA_REMOVED:
        text = text.replace(word, "")
    for pattern, form in MINERVA_REWRITTEN:
        text = pattern.sub(form, text)
    for pattern in NARROWED:
        text = next(reversed(pattern.findall(text)), text)
    text = text.strip()
    if "rac" in text and "\\frac" not in text:
        text = text.replace("rac", "\\frac")
    for pattern, form in WRITTEN_OUT:
        text = pattern.sub(form, text)
    text = text.replace("$", "")
    digits = text.replace(",", "")
    return digits if digits.isdigit() else text


def _braced(text: str) -> str | None:
    """The content of the braces with which the text begins; None if they don't close."""
    depth = 0
    for place, character in enumerate(text):
        depth += (character == "{") - (character == "}")
        if depth == 0:
            return text[1:place]
    return None


def _fractions(text: str) -> str:
    r"""\frac12 and \frac1{2} as \frac{1}{2}; the text as it is if a \frac has not two arguments."""
    written, *parts = text.split("\\frac")
    for part in parts:
        if part.startswith("{"):
            written += f"\\frac{part}"
        elif len(part) < 2:
            return text
        else:
            second = "{" if part[1] == "{" else f"{{{part[1]}}}"
            written += f"\\frac{{{part[0]}}}{second}{part[2:]}"
    return written


def _ratio(text: str) -> str:
    """A ratio of two whole numbers as a fraction. Raises ValueError if two texts are divided."""
    parts = text.split("/")
    if len(parts) != 2 or text != "/".join(str(int(part)) for part in parts):
        return text
    return f"\\frac{{{parts[0]}}}{{{parts[1]}}}"


def _replaced(text: str, pairs: tuple[tuple[str, str], ...]) -> str:
    for old, new in pairs:
        text = text.replace(old, new)
    return text
