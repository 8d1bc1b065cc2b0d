"""The prompts that lm-eval's own task `gsm8k` makes of given rows (TEST, TRAIN, PROMPTS: json files)."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import lm_eval
from lm_eval.api.model import LM
from lm_eval.tasks import TaskManager


class Listener(LM):
    def __init__(self) -> None:
        super().__init__()
        self.heard: dict[int, str] = {}

    def generate_until(self, requests):
        self.heard |= {request.doc_id: request.args[0] for request in requests}
        return ["" for _ in requests]

    def loglikelihood(self, requests):
        raise NotImplementedError

    loglikelihood_rolling = loglikelihood


def contexts(test: str, train: str, folder: Path) -> list[str]:
    """In the order of the test rows, with the number of few-shot examples and the seed that lm-eval has by default."""
    yaml = Path(lm_eval.__file__).parent / "tasks" / "gsm8k" / "gsm8k.yaml"
    files = json.dumps({"test": test, "train": train})
    (folder / "local.yaml").write_text(
        f"include: {yaml}\ntask: gsm8k_local\ndataset_path: json\ndataset_name: null\n"
        f"dataset_kwargs: {{data_files: {files}}}\n"
    )
    listener, manager = Listener(), TaskManager(include_path=str(folder), include_defaults=False)
    lm_eval.simple_evaluate(listener, tasks=["gsm8k_local"], task_manager=manager, bootstrap_iters=0)
    return [listener.heard[row] for row in range(len(listener.heard))]


if __name__ == "__main__":
    prompts = contexts(sys.argv[1], sys.argv[2], Path(sys.argv[3]).parent)
    Path(sys.argv[3]).write_text(json.dumps(prompts))
