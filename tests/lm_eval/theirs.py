"""What lm-eval's own task `gsm8k` makes of given rows: `python theirs.py FOLDER`.

Of `rows.jsonl`, where it is there, `readings.json`: a row has a question, an answer and `said`, which is given as the
model's answer after being cut at the task's stop sequences by the function of lm-eval that `lm_eval_axon` uses as well.
Of `test.jsonl` and `train.jsonl`, `prompts.json`: with the number of few-shot examples and the seed that lm-eval has by
default.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import lm_eval
from lm_eval.api.model import LM
from lm_eval.models.utils import postprocess_generated_text
from lm_eval.tasks import TaskManager


class Answers(LM):
    """What it is asked for, and what it says: what the row says, or nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: dict[int, str] = {}

    def generate_until(self, requests):
        self.heard |= {request.doc_id: request.args[0] for request in requests}
        return [postprocess_generated_text(r.doc.get("said", ""), r.args[1]["until"], None) for r in requests]

    def loglikelihood(self, requests):
        raise NotImplementedError

    loglikelihood_rolling = loglikelihood


def evaluated(model: LM, folder: Path, name: str, files: dict[str, Path], further: str) -> dict[str, Any]:
    """By lm-eval's yaml, filters and metric, on rows of these files; `further` goes over the yaml."""
    yaml = Path(lm_eval.__file__).parent / "tasks" / "gsm8k" / "gsm8k.yaml"
    own = folder / name
    own.mkdir()
    (own / "local.yaml").write_text(
        f"include: {yaml}\ntask: {name}\ndataset_path: json\ndataset_name: null\n{further}"
        f"dataset_kwargs: {{data_files: {json.dumps({split: str(path) for split, path in files.items()})}}}\n"
    )
    manager = TaskManager(include_path=str(own), include_defaults=False)
    found: dict[str, Any] = lm_eval.simple_evaluate(
        model, tasks=[name], task_manager=manager, bootstrap_iters=0
    )
    return found


def readings(folder: Path) -> list[dict[str, list[object]]]:
    """{"strict-match": [read, score], "flexible-extract": ...} per row."""
    alone = "training_split: null\nfewshot_split: null\nnum_fewshot: 0\n"
    results = evaluated(Answers(), folder, "gsm8k_rows", {"test": folder / "rows.jsonl"}, alone)
    read: dict[int, dict[str, list[object]]] = {}
    for sample in results["samples"]["gsm8k_rows"]:
        read.setdefault(sample["doc_id"], {})[sample["filter"]] = [
            sample["filtered_resps"][0],
            sample["exact_match"],
        ]
    return [read[row] for row in range(len(read))]


def prompts(folder: Path) -> list[str]:
    """In the order of the test rows."""
    model = Answers()
    files = {split: folder / f"{split}.jsonl" for split in ("test", "train")}
    evaluated(model, folder, "gsm8k_shots", files, "")
    return [model.heard[row] for row in range(len(model.heard))]


if __name__ == "__main__":
    home = Path(sys.argv[1])
    (home / "prompts.json").write_text(json.dumps(prompts(home)))
    if (home / "rows.jsonl").exists():
        (home / "readings.json").write_text(json.dumps(readings(home)))
