"""Few-shot examples are lm-eval's: the first question's for all, or each question's own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.tasks import TaskSettings, open_task, read_task
from tests.lm_eval.harness import MISSING, python

pytest.importorskip("lm_eval", reason=MISSING)

HOW_MANY = 12


def rows(folder: Path, name: str, count: int) -> str:
    path = folder / f"{name}.jsonl"
    lines = [json.dumps({"question": f"{name} {n}?", "answer": f"It is\n#### {n}"}) for n in range(count)]
    path.write_text("\n".join(lines))
    return str(path)


@pytest.mark.slow
def test_every_question_gets_the_examples_that_lm_eval_gives_it(tmp_path: Path) -> None:
    test, train = rows(tmp_path, "test", HOW_MANY), rows(tmp_path, "train", 40)
    done = python(
        tmp_path / "cache", Path(__file__).with_name("contexts.py"), test, train, tmp_path / "prompts.json"
    )
    assert done.returncode == 0, done.stderr
    theirs = json.loads((tmp_path / "prompts.json").read_text())
    assert len(theirs) == HOW_MANY

    def ours(draw: str, seed: int = 0) -> dict[str, str]:
        read_task.cache_clear()
        asked = TaskSettings("gsm8k", "test", seed, path=test, shots=5, shots_path=train, shot_draw=draw)
        return {example.id: example.text for example in open_task(asked).examples("test", seed, HOW_MANY)}

    for seed in (0, 1):  # our order of asking moves no draw
        assert ours("per_question", seed) == {f"gsm8k-{row}": text for row, text in enumerate(theirs)}
    same = ours("same")
    assert same["gsm8k-0"] == theirs[0] and same["gsm8k-1"] != theirs[1]
    assert len({text.rpartition("Question: ")[0] for text in same.values()}) == 1
