r"""MATH with Minerva's prompt, asked and scored as in lm-eval's group `minerva_math` (version 3.1).

The few-shot examples are the four of Lewkowycz et al. (2022); `task.shots` says how many of them to use, from the
first. The answer ends where the model goes on to another problem. The score is lm-eval's `math_verify`: whether the
expression that math-verify reads in the answer, in the final sentence or else in a box, equals the one that it reads
in the gold solution. Recorded beside it, by equality of plain forms: `strict`, the final sentence gives the gold answer
(lm-eval's `exact_match` without its sympy comparison, which needs a version of antlr that conflicts with Hydra's);
`exact`, the same for the final sentence or, if there is none, the last box.

A local file has the problem and either a solution with a boxed answer or, like some files of MATH-500, only the answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pipeline.tasks.benchmark import Benchmark
from pipeline.tasks.equivalence import Verifier
from pipeline.tasks.minerva_answer import last_box, plain, sentence
from pipeline.tasks.rows import Hub, Row, is_empty, read_hub, written
from pipeline.tasks.task import Example, Score, TaskSettings

HUB = "EleutherAI/hendrycks_math"
SUBJECTS = (
    "algebra",
    "counting_and_probability",
    "geometry",
    "intermediate_algebra",
    "number_theory",
    "prealgebra",
    "precalculus",
)
STOP = "Problem:"

SHOTS = (
    {
        "problem": "Find the domain of the expression  $\\frac{\\sqrt{x-2}}{\\sqrt{5-x}}$.",
        "solution": "The expressions inside each square root must be non-negative. Therefore, $x-2 \\ge 0$, so "
        "$x\\ge2$, and $5 - x \\ge 0$, so $x \\le 5$. Also, the denominator cannot be equal to zero, so $5-x>0$, which "
        "gives $x<5$. Therefore, the domain of the expression is $\\boxed{[2,5)}$.",
    },
    {
        "problem": "If $\\det \\mathbf{A} = 2$ and $\\det \\mathbf{B} = 12,$ then find "
        "$\\det (\\mathbf{A} \\mathbf{B}).$",
        "solution": "We have that $\\det (\\mathbf{A} \\mathbf{B}) = (\\det \\mathbf{A})(\\det \\mathbf{B}) = "
        "(2)(12) = \\boxed{24}.$",
    },
    {
        "problem": "Terrell usually lifts two 20-pound weights 12 times. If he uses two 15-pound weights instead, how "
        "many times must Terrell lift them in order to lift the same total weight?",
        "solution": "If Terrell lifts two 20-pound weights 12 times, he lifts a total of $2\\cdot 12\\cdot20=480$ "
        "pounds of weight.  If he lifts two 15-pound weights instead for $n$ times, he will lift a total of "
        "$2\\cdot15\\cdot n=30n$ pounds of weight.  Equating this to 480 pounds, we can solve for $n$:\n"
        "\\begin{align*}\n30n&=480\\\\\n\\Rightarrow\\qquad n&=480/30=\\boxed{16}\n\\end{align*}",
    },
    {
        "problem": "If the system of equations\n\n\\begin{align*}\n6x-4y&=a,\\\\\n6y-9x &=b.\n\\end{align*}has a "
        "solution $(x, y)$ where $x$ and $y$ are both nonzero,\nfind $\\frac{a}{b},$ assuming $b$ is nonzero.",
        "solution": "If we multiply the first equation by $-\\frac{3}{2}$, we obtain\n\n$$6y-9x=-\\frac{3}{2}a.$$Since "
        "we also know that $6y-9x=b$, we have\n\n"
        "$$-\\frac{3}{2}a=b\\Rightarrow\\frac{a}{b}=\\boxed{-\\frac{2}{3}}.$$",
    },
)


@dataclass(frozen=True)
class MinervaMath(Benchmark):
    name = "minerva_math"
    version = 2
    metric = "math-verify finds the answer equal to the gold answer"
    hub = Hub(HUB)
    columns = ("problem",)  # and those that `gold` reads
    aliases = {"question": "problem", "ground_truth_answer": "answer"}  # noqa: RUF012

    verifier: Verifier = field(default_factory=Verifier, compare=False, repr=False)

    def question(self, row: Row) -> str:
        return f"Problem:\n{row['problem']}\n\nSolution:"

    def solution(self, row: Row) -> str:
        working = f" {row['solution']}\n" if row.get("solution") else " "
        return f"{working}Final Answer: The final answer is ${gold(row)}$. I hope it is correct."

    def check(self, row: Row) -> Any:
        boxes = not is_empty(last_box(row.get("solution") or ""))
        return {"answer": gold(row), "solution": row["solution"] if boxes else f"\\boxed{{{gold(row)}}}"}

    def fault(self, row: Row) -> str | None:
        if (found := super().fault(row)) is not None:
            return found
        return "has neither a solution with a \\boxed answer nor an answer" if gold(row) is None else None

    def score(self, answer: str, example: Example) -> Score:
        text = answer.partition(STOP)[0]
        said, expected = sentence(text), plain(example.check["answer"])
        found = said if said is not None else last_box(text)
        exact = {name: float(_same(it, expected)) for name, it in (("strict", said), ("exact", found))}
        same, read = self.verifier.compare(example.check["solution"], text)
        return Score(float(same), found if found is not None else read, exact)

    def _choose_shots(self, settings: TaskSettings, rows: Sequence[Row]) -> Sequence[Row]:
        return self._first_shots(settings, SHOTS)

    def _from_hub(self, key: str, revision: str | None, split: str) -> list[Row]:
        subjects = [Hub(self.hub.id, subject) for subject in SUBJECTS]
        return [row for hub in subjects for row in read_hub(key, hub, revision, split, self.columns)]


def gold(row: Row) -> str | None:
    """The boxed answer of the row's solution, or else its `answer`; None if it has neither."""
    boxed, given = last_box(row.get("solution") or ""), row.get("answer")
    if not is_empty(boxed):
        return boxed
    return None if given is None or is_empty(given) else written(given)


def _same(found: str | None, expected: str) -> bool:
    return found is not None and plain(found) == expected
