"""What the tasks of ParallelBench have in common: one few-shot example, and two readings of every answer.

Source: Kang et al., "ParallelBench: Understanding the Trade-offs of Parallel Decoding in Diffusion LLMs"
(arXiv 2510.04767) and the repository furiosa-ai/ParallelBench, whose metrics.py defines the scores used here.
"""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

from pipeline.tasks.task import Chat, Example, GeneratedTask, Score, Split


class OneShot(GeneratedTask):
    """Every question follows the same few-shot example, given as earlier turns of the chat without a system prompt.

    The example is that of the repository's test configuration (the paper drew a different one for each question). A
    model without a chat template sees everything as one text: the example's question, a new line, its solution, an
    empty line, and the question.
    """

    version = 1
    metric = "the answer is correct by ParallelBench's loose reading"
    chats = True

    def shot(self) -> tuple[str, str]:
        """The few-shot example: question and solution."""
        raise NotImplementedError

    def ask(self, rng: random.Random) -> tuple[str, str, Any]:
        """As ``draw``, except that the few-shot example may be drawn, too."""
        raise NotImplementedError

    def draw(self, rng: random.Random) -> tuple[str, str, Any]:
        while True:
            drawn = self.ask(rng)
            if drawn[0] != self.shot()[0]:
                return drawn

    def examples(self, split: Split, seed: int, count: int) -> list[Example]:
        question, solution = self.shot()
        text, turns = ((question, f"\n{solution}"),), ((question, solution.strip()),)
        found = super().examples(split, seed, count)
        return [
            replace(example, shots=text, between="\n\n", chat=Chat(example.prompt, turns, in_turns=True))
            for example in found
        ]


def both(loose: bool, strict: bool, extracted: str | None) -> Score:
    """Both scores; the value is the loose one, which ParallelBench calls `score` and reports on average as accuracy."""
    return Score(float(loose), extracted, {"loose": float(loose), "strict": float(strict)})
