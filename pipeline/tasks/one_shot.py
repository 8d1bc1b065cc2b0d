"""What the tasks of ParallelBench have in common: one few-shot example, and two readings of every answer.

Source: Kang et al., "ParallelBench: Understanding the Trade-offs of Parallel Decoding in Diffusion LLMs"
(arXiv 2510.04767) and the repository furiosa-ai/ParallelBench, by whose metrics.py answers are judged here too.
"""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

from pipeline.tasks.task import Chat, Example, GeneratedTask, Score, Split


class OneShot(GeneratedTask):
    """Every question comes after the same few-shot example, as earlier turns of the chat; there is no system prompt.

    The few-shot examples are those of the repository's test configuration (the paper drew another for each question).
    A model without a chat sees them in one text: the question, a new line, the answer, an empty line.
    """

    version = 1
    metric = "the answer is right by ParallelBench's loose reading"

    def worked(self) -> tuple[str, str]:
        """The few-shot example: question and answer."""
        raise NotImplementedError

    def ask(self, rng: random.Random) -> tuple[str, str, Any]:
        """What ``draw`` returns, except that it may be the few-shot example."""
        raise NotImplementedError

    def draw(self, rng: random.Random) -> tuple[str, str, Any]:
        while True:
            drawn = self.ask(rng)
            if drawn[0] != self.worked()[0]:
                return drawn

    def examples(self, split: Split, seed: int, count: int) -> list[Example]:
        question, answer = self.worked()
        shots = ((question, f"\n{answer}"),)  # a turn of a chat loses the new line again
        found = super().examples(split, seed, count)
        return [
            replace(example, shots=shots, between="\n\n", chat=Chat(example.prompt, shots, in_turns=True))
            for example in found
        ]


def both(loose: bool, strict: bool, extracted: str | None) -> Score:
    """The value is the loose score: the one that ParallelBench calls `score`, averages and reports as accuracy."""
    return Score(float(loose), extracted, {"loose": float(loose), "strict": float(strict)})
