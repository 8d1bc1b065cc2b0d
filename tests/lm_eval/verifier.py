"""lm-eval's own task `gsm8k` on given rows and answers: `python verifier.py ROWS.json READINGS.json`.

A row has a question, an answer and `said`, which is given as the model's answer after being cut at the task's stop
sequences by the function of lm-eval that `lm_eval_axon` uses as well. For each row, what each filter read and its score
are written.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import lm_eval
from lm_eval.api.model import LM
from lm_eval.models.utils import postprocess_generated_text
from lm_eval.tasks import TaskManager


class Parrot(LM):
    def generate_until(self, requests):
        return [postprocess_generated_text(r.doc["said"], r.args[1]["until"], None) for r in requests]

    def loglikelihood(self, requests):
        raise NotImplementedError

    loglikelihood_rolling = loglikelihood


def readings(rows: Path) -> list[dict[str, list[object]]]:
    """{"strict-match": [read, score], "flexible-extract": ...} per row, by lm-eval's yaml, filters and metric."""
    yaml = Path(lm_eval.__file__).parent / "tasks" / "gsm8k" / "gsm8k.yaml"
    local = {"test": str(rows)}
    (rows.parent / "local.yaml").write_text(
        f"include: {yaml}\ntask: gsm8k_local\ndataset_path: json\ndataset_name: null\ntraining_split: null\n"
        f"fewshot_split: null\nnum_fewshot: 0\ndataset_kwargs: {{data_files: {json.dumps(local)}}}\n"
    )
    results = lm_eval.simple_evaluate(
        Parrot(),
        tasks=["gsm8k_local"],
        task_manager=TaskManager(include_path=str(rows.parent), include_defaults=False),
        bootstrap_iters=0,
    )
    read: dict[int, dict[str, list[object]]] = {}
    for sample in results["samples"]["gsm8k_local"]:
        read.setdefault(sample["doc_id"], {})[sample["filter"]] = [
            sample["filtered_resps"][0],
            sample["exact_match"],
        ]
    return [read[row] for row in range(len(read))]


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(json.dumps(readings(Path(sys.argv[1]))))
