"""Our reading of GSM8K answers against lm-eval's, on 2,000 answers of every kind."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path

import pytest

from pipeline.tasks import Example, get_task
from pipeline.tasks.gsm8k import cut, flexible_number, strict_number
from tests.lm_eval.harness import MISSING, python
from tests.lm_eval.mutations import mutate
from tests.shared import DATA, needs_rows

pytest.importorskip("lm_eval", reason=MISSING)

HOW_MANY = 2000


@pytest.mark.slow
@needs_rows
def test_lm_eval_reads_and_scores_every_answer_as_we_do(tmp_path: Path) -> None:
    rng = random.Random(0)
    gold = [json.loads(line) for line in (DATA / "gsm8k_test.jsonl").read_text().splitlines()]
    rows = [row | {"said": mutate(row["answer"], rng)} for row in rng.choices(gold, k=HOW_MANY)]
    (tmp_path / "rows.json").write_text("\n".join(map(json.dumps, rows)))
    done = python(
        tmp_path / "cache", Path(__file__).with_name("verifier.py"), tmp_path / "rows.json", tmp_path / "read"
    )
    assert done.returncode == 0, done.stderr
    theirs = json.loads((tmp_path / "read").read_text())

    seen: Counter[tuple[str, bool | float]] = Counter()
    for row, read in zip(rows, theirs, strict=True):
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
    assert len({row["said"] for row in rows}) > 0.7 * HOW_MANY
    assert seen.total() == 6 * HOW_MANY and min(seen.values()) >= 0.05 * HOW_MANY and len(seen) == 12, seen
