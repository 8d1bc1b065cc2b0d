"""Correct, wrong and odd answers to GSM8K questions, made from gold answers by seeded edits."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

Edit = Callable[[str, random.Random], str]
NUMBER = re.compile(r"-?\d[\d,]*")


def mutate(answer: str, rng: random.Random) -> str:
    """Up to three edits, one after another."""
    for edit in rng.choices(EDITS, k=rng.randint(0, 3)):
        answer = edit(answer, rng)
    return answer


def _final(answer: str, rng: random.Random, change: Callable[[str], str]) -> str:
    """Changes the number after the last ####, or appends one if there is none there."""
    head, mark, tail = answer.rpartition("####")
    found = NUMBER.search(tail)
    if not found:
        return answer + rng.choice(["", " 3", " $4."])
    return head + mark + tail[: found.start()] + change(found[0]) + tail[found.end() :]


def _other_digit(answer: str, rng: random.Random) -> str:
    return _final(answer, rng, lambda n: n[:-1] + str((int(n[-1]) + 1) % 10) if n[-1].isdigit() else n)


def _working_digit(answer: str, rng: random.Random) -> str:
    places = [place for place, char in enumerate(answer[: answer.rfind("####")]) if char.isdigit()]
    if not places:
        return answer
    place = rng.choice(places)
    return answer[:place] + rng.choice("0123456789") + answer[place + 1 :]


def _commas(answer: str, rng: random.Random) -> str:
    step = rng.choice([1, 2, 3])
    return _final(answer, rng, lambda n: re.sub(rf"(?<=\d)(?=(\d{{{step}}})+$)", ",", n.replace(",", "")))


def _dressed(answer: str, rng: random.Random) -> str:
    before = rng.choice(
        ["$", "$ ", "-", "\u2212", "-$", "$-", "+", "(", "**", "about ", " ", "\n", "\\boxed{"]
    )
    return _final(answer, rng, lambda n: before + n)


def _followed(answer: str, rng: random.Random) -> str:
    tails = [
        ".",
        "..",
        ",",
        "$",
        "%",
        ".0",
        ".00",
        ".5",
        " .",
        " pens",
        "/2",
        "e3",
        "th",
        "\n",
        " \n\n",
        "!",
        "-",
        "\u00a0",
    ]
    return _final(answer, rng, lambda n: n + rng.choice(tails))


def _mark(answer: str, rng: random.Random) -> str:
    marks = [
        "",
        "####",
        "###",
        "#### ",
        "####  ",
        " #### ",
        "####\n",
        "#####",
        "The answer is ",
        "#### $",
        "####\u00a0",
    ]
    return answer.replace("#### ", rng.choice(marks))


def _stop(answer: str, rng: random.Random) -> str:
    """Appends one of lm-eval's stop sequences, or nearly one, and another number."""
    number = rng.randint(0, 3000)
    return answer + rng.choice(
        [
            f"\n\nQuestion: Ann has {number}.\nAnswer: {number}\n#### {number}",
            f"Question:{number}",
            f"\nquestion: {number}",
            f"</s>{number}",
            f"<|im_end|>\n#### {number}",
            f"<|im_start|>\n#### {number}",
        ]
    )


def _more(answer: str, rng: random.Random) -> str:
    number = rng.randint(0, 3000)
    return answer + rng.choice(
        [
            f"\n#### {number}",
            f"\n#### {number}.",
            f", not {number}",
            f" ({number:,} before)",
            " 1 2 3 4 5 " + " ".join(str(number + k) for k in range(9)),
            " and so on ...",
            " $",
            " .,",
        ]
    )


def _cut_short(answer: str, rng: random.Random) -> str:
    return answer[: rng.randint(0, len(answer))]


def _nothing(answer: str, rng: random.Random) -> str:
    return rng.choice(
        [
            "",
            " ",
            "\n",
            "none",
            "####",
            "#### ",
            "#### none",
            "$",
            ".",
            "..",
            "$.",
            "-",
            "#### -",
            "#### .",
            "#### \u0663",
            "#### \uff15",
        ]
    )


def _moved(answer: str, rng: random.Random) -> str:
    """Moves the final line to the front."""
    lines = answer.split("\n")
    return "\n".join([lines[-1], *lines[:-1]])


def _case_and_space(answer: str, rng: random.Random) -> str:
    return rng.choice(
        [answer.upper(), answer.replace(" ", "  "), answer.replace("\n", "\r\n"), f"  {answer}  "]
    )


EDITS: tuple[Edit, ...] = (
    _other_digit, _working_digit, _commas, _dressed, _followed, _mark,
    _more, _stop, _cut_short, _nothing, _moved, _case_and_space,
)  # fmt: skip
