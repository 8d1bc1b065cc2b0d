r"""The benchmarks as OpenCompass asks and scores them (`task.form=opencompass`), always as a chat.

These are the configs with which SDAR and LLaDA published (JetAstra/SDAR: evaluation/opencompass/configs/eval_sdar_*.py;
ML-GSAI/LLaDA: opencompass/examples/, here read in therkels/LLaDAText2SQL, a fork of it). All are of open-compass/
opencompass, opencompass/configs/datasets/:

- gsm8k: without examples gsm8k_0shot_v2_gen_17d799 (SDAR), with four gsm8k_gen_1d7fe4 (LLaDA);
- math500: math_prm800k_500_0shot_cot_gen_11c4b5 (SDAR);
- minerva_math, on all of MATH: math_0shot_gen_11c4b5 (LLaDA);
- humaneval: humaneval_openai_sample_evals_gen_dcae0e (SDAR); as `opencompass_8e312c` humaneval_gen_8e312c (LLaDA);
- mbpp: mbpp_gen_830460 (LLaDA), with its three examples;
- mbpp_sanitized: sanitized_mbpp_mdblock_0shot_nocot_gen_a2e416 (SDAR).

The score is OpenCompass's own; what our scorer says of the same answer is recorded beside it.
"""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.tasks import gsm8k, humaneval, math500, mbpp, minerva_math
from pipeline.tasks.benchmark import Benchmark
from pipeline.tasks.opencompass_answer import fenced, framed, last_number, same_number
from pipeline.tasks.opencompass_math import same, stated
from pipeline.tasks.opencompass_shots import GSM8K_SHOTS, MBPP_SHOTS
from pipeline.tasks.rows import Row
from pipeline.tasks.task import Chat, Example, Score, Shots, TaskSettings

BOXED = "\nPlease reason step by step, and put your final answer within \\boxed{}."
METRIC = "OpenCompass takes the answer for right"


class Asked(Benchmark):
    """What they share: a chat, few-shot examples that come as its turns, and how many of these there may be."""

    version = 1
    chats = True
    counts: tuple[int, ...] = (0,)  # of few-shot examples

    def _choose_shots(self, settings: TaskSettings, rows: Sequence[Row]) -> Sequence[Row]:
        if settings.shots not in self.counts:
            known = " or ".join(map(str, self.counts))
            raise ValueError(
                f"task.shots={settings.shots}: OpenCompass asks {self.name} with {known} few-shot examples; "
                f"choose {'one of them' if len(self.counts) > 1 else 'that'}"
            )
        return self._first_shots(settings, self.own_shots())

    def own_shots(self) -> Sequence[Row]:
        """OpenCompass's few-shot examples."""
        return ()

    def preceding(self, place: int) -> Shots:
        return ()  # they are turns of the chat


class Gsm8k(Asked, gsm8k.Gsm8k):
    metric = METRIC
    counts = (0, 4)
    stops = ()

    def own_shots(self) -> Sequence[Row]:
        return GSM8K_SHOTS

    def chat(self, row: Row) -> Chat:
        if not self.shots:
            return Chat(f"{row['question']}{BOXED}")
        shots = tuple((_stepwise(shot), shot["answer"]) for shot in self.shots)
        return Chat(_stepwise(row), shots, in_turns=True)

    def solution(self, row: Row) -> str:
        working, _, number = super().solution(row).rpartition("#### ")
        plain = number.replace(",", "")
        return f"{working}The answer is {plain}" if self.shots else f"{working}\\boxed{{{plain}}}"

    def score(self, answer: str, example: Example) -> Score:
        gold = example.check.rpartition("#### ")[2].replace(",", "")
        read = last_number(answer) if self.shots else stated(answer)
        right = same_number(read, gold) if self.shots else read is not None and same(read, gold)
        return Score(float(right), read, super().score(answer, example).metrics)


def _stepwise(row: Row) -> str:
    return f"Question: {row['question']}\nLet's think step by step\nAnswer:"


class Math500(Asked, math500.Math500):
    r"""Scored by math-verify, which here reads an answer only in a box or where it is announced, and as sound LaTeX.

    Eight of the 500 rows have gold answers such as \frac43, which would thus be wrong as they are written.
    """

    version = 2
    metric = "math-verify, as OpenCompass calls it, finds the answer equal to the gold answer"

    def chat(self, row: Row) -> Chat:
        return Chat(f"{row['problem']}{BOXED}")

    def score(self, answer: str, example: Example) -> Score:
        ours = super().score(answer, example)
        same_value, read = self.verifier.compare(f"${example.check}$", answer, announced=True)
        return Score(float(same_value), read, {**ours.metrics, "math_verify": ours.value})


class MinervaMath(Asked, minerva_math.MinervaMath):
    version = 2
    metric = METRIC

    def chat(self, row: Row) -> Chat:
        return Chat(f"{row['problem']}{BOXED}")

    def solution(self, row: Row) -> str:
        return f"\\boxed{{{minerva_math.gold(row)}}}"

    def score(self, answer: str, example: Example) -> Score:
        ours = super().score(answer, example)
        read = stated(answer)
        right = same(read, example.check["answer"])
        return Score(float(right), read, {**ours.metrics, "math_verify": ours.value})


class HumanEval(Asked, humaneval.HumanEval):
    metric = "the function's head and what OpenCompass takes from the answer pass the tests"
    request = (
        "Read the following function signature and docstring, and fully implement the function described. Your "
        "response should only contain the code for this function.\n"
    )

    def chat(self, row: Row) -> Chat:
        return Chat(f"{self.request}{row['prompt']}")

    def solution(self, row: Row) -> str:
        return f"```python\n{row['prompt']}{row['canonical_solution']}```"

    def score(self, answer: str, example: Example) -> Score:
        program = example.prompt + fenced(answer)
        value = self.passes(program, example.check["tests"])
        ours = super().score(answer, example)
        return Score(float(value), program, {**ours.metrics, "found": ours.value}, self.sandbox.level)


class HumanEval8e312c(HumanEval):
    request = "Complete the following python code:\n"


class Mbpp(Asked, mbpp.Mbpp):
    metric = "what OpenCompass takes from the answer passes the tests"
    counts = (3,)
    quoted = True  # the examples' programs stand in quotes

    def own_shots(self) -> Sequence[Row]:
        return MBPP_SHOTS

    def chat(self, row: Row) -> Chat:
        shots = tuple((shot["request"], shot["answer"]) for shot in self.shots)
        tests = "\n".join(row["test_list"])
        request = f"{mbpp.TASK} {row['text']} Your code should pass these tests:\n\n {tests}  \n"
        return Chat(request, shots, in_turns=True)

    def solution(self, row: Row) -> str:
        return f"[BEGIN]\n '{row['code']}' \n[DONE]"

    def score(self, answer: str, example: Example) -> Score:
        program = framed(answer, self.quoted)
        value = self.passes(program, example.check["tests"])
        ours = super().score(answer, example)
        return Score(float(value), program, {**ours.metrics, "found": ours.value}, self.sandbox.level)


class MbppSanitized(Mbpp, mbpp.MbppSanitized):
    counts = (0,)
    quoted = False

    def own_shots(self) -> Sequence[Row]:
        return ()

    def chat(self, row: Row) -> Chat:
        tests = "\n".join(row["test_list"])
        return Chat(
            f"{mbpp.TASK}\n{row['text']}\nYour code should pass these tests:\n\n{tests}\n You should submit your final "
            "solution in the following format: ```python\n\n```"
        )

    def solution(self, row: Row) -> str:
        return f"```python\n{row['code']}\n```"
