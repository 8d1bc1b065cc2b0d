"""Our GSM8K against lm-eval's: how 2,000 answers of every kind are read, and the few-shot examples of each question."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pipeline.tasks import Example, TaskSettings, get_task, open_task, read_task
from pipeline.tasks.gsm8k import cut, flexible_number, strict_number
from tests.lm_eval.harness import MISSING, python
from tests.lm_eval.mutations import mutate
from tests.shared import DATA, needs_rows

pytest.importorskip("lm_eval", reason=MISSING)

ANSWERS, QUESTIONS = 2000, 12
GOLD = DATA / "gsm8k_test.jsonl"


def write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("\n".join(map(json.dumps, rows)))


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the rows and what lm-eval made of them, in one process: to import it takes eight seconds."""
    folder = tmp_path_factory.mktemp("gsm8k")
    for name, count in (("test", QUESTIONS), ("train", 40)):
        rows = [{"question": f"{name} {n}?", "answer": f"It is\n#### {n}"} for n in range(count)]
        write_rows(folder / f"{name}.jsonl", rows)
    if GOLD.exists():
        rng = random.Random(0)
        gold = [json.loads(line) for line in GOLD.read_text().splitlines()]
        rows = [row | {"said": mutate(row["answer"], rng)} for row in rng.choices(gold, k=ANSWERS)]
        write_rows(folder / "rows.jsonl", rows)
    done = python(folder / "cache", Path(__file__).with_name("theirs.py"), folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.slow
@needs_rows
def test_lm_eval_reads_and_scores_every_answer_as_we_do(theirs: Path) -> None:
    rows = [json.loads(line) for line in (theirs / "rows.jsonl").read_text().splitlines()]
    seen: Counter[tuple[str, bool | float]] = Counter()
    for row, read in zip(rows, json.loads((theirs / "readings.json").read_text()), strict=True):
        text = cut(row["said"])
        scores = get_task("gsm8k").score(row["said"], Example("", "", "", row["answer"])).metrics
        ours = {
            "strict-match": [strict_number(text), scores["strict"]],
            "flexible-extract": [flexible_number(text), scores["flexible"]],
        }
        for name, (number, score) in ours.items():
            assert [number if number is not None else "[invalid]", score] == read[name], (name, row["said"])
            seen[name, score] += 1
            seen[name + " none", number is None] += 1
        seen["differ", scores["strict"] != scores["flexible"]] += 1
        seen["cut", text != row["said"]] += 1
    assert len({row["said"] for row in rows}) > 0.7 * ANSWERS
    assert seen.total() == 6 * ANSWERS and min(seen.values()) >= 0.05 * ANSWERS and len(seen) == 12, seen


@pytest.mark.slow
def test_every_question_gets_the_examples_that_lm_eval_gives_it(theirs: Path) -> None:
    """Few-shot examples are lm-eval's: the first question's for all, or each question's own."""
    prompts = json.loads((theirs / "prompts.json").read_text())
    assert len(prompts) == QUESTIONS
    test, train = (str(theirs / f"{name}.jsonl") for name in ("test", "train"))

    def ours(draw: str, seed: int = 0) -> dict[str, str]:
        read_task.cache_clear()
        asked = TaskSettings("gsm8k", "test", seed, path=test, shots=5, shots_path=train, shot_draw=draw)
        return {example.id: example.text for example in open_task(asked).examples("test", seed, QUESTIONS)}

    for seed in (0, 1):  # our order of asking moves no draw
        assert ours("per_question", seed) == {f"gsm8k-{row}": text for row, text in enumerate(prompts)}
    same = ours("same")
    assert same["gsm8k-0"] == prompts[0] and same["gsm8k-1"] != prompts[1]
    assert len({text.rpartition("Question: ")[0] for text in same.values()}) == 1
