"""What OpenCompass reads in an answer: GSM8K's last number, and the programs of HumanEval and MBPP.

Sources: open-compass/opencompass, opencompass/datasets/gsm8k.py (`gsm8k_postprocess`, `Gsm8kEvaluator`),
opencompass/datasets/humaneval.py (`humaneval_postprocess_v2`) and opencompass/datasets/mbpp.py (`MBPPEvaluator`).
"""

from __future__ import annotations

import itertools
import re

NUMBER = re.compile(r"-?\d+\.\d+|-?\d+")
FENCED = re.compile(r"```\w*\n(.*?)```", re.DOTALL)

# MBPP: the first of these that is found; [BEGIN] and [DONE] frame the program as in its few-shot examples.
FRAMES = tuple(
    re.compile(pattern, re.DOTALL)
    for pattern in (
        *(
            rf"{start}\s*{inner}\s*{end}"
            for inner in ("'(.*)'", "'(.*)", "(.*)")
            for end, start in itertools.product((r"\[DONE\]", "DONE"), (r"\[BEGIN\]", "BEGIN"))
        ),
        *(rf"```{tag}\s*(.*)\s*{end}" for end in ("```", "$") for tag in ("python", "")),
        r"(.*)\s*```.*",
        r"\[BEGIN\]\s*'(.*)",
        r"\[BEGIN\](.*)",
        r"'(.*)'\s*\[DONE\]",
    )
)
DONE = re.compile(r"'?\s*\[?DONE\]?")


def last_number(answer: str) -> str | None:
    """The last number before the model asks itself another question."""
    found = NUMBER.findall(answer.partition("Question:")[0])
    return found[-1] if found else None


def same_number(read: str | None, gold: str) -> bool:
    """Whether the number read equals the gold one, which is a whole number."""
    return read is not None and (read == gold or abs(float(read) - int(gold)) < 1e-6)


def fenced(answer: str) -> str:
    """HumanEval: the first fenced block, or all of the answer, from its first character that is no space."""
    found = FENCED.search(answer)
    return (found[1] if found else answer).lstrip()


def framed(answer: str, quoted: bool) -> str:
    """MBPP: the program between [BEGIN] and [DONE], or in a fence. `quoted`: quotes around it are removed."""
    found = next((match for frame in FRAMES if (match := frame.search(answer))), None)
    text = (found[1] if found else answer).partition("```")[0]
    text = DONE.split(text)[0].replace("\\_", "_").strip()
    return text.removeprefix("'").removesuffix("'") if quoted else text
