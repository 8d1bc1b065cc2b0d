"""Every task with decoders in turns, alone and with AXON, from the prompt to the points of a report, in each format."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch

from pipeline.evaluation.evaluate import Evaluator
from pipeline.inputs.config import read_config
from pipeline.report import find_points
from pipeline.storage.store import Store
from pipeline.tasks import TASKS, GeneratedTask, forms, get_task
from tests.pipeline.conftest import SWEPT_DECODERS, compose_tree, planned, sliced
from tests.pipeline.formats import FORMATS, random_checkpoint
from tests.report.sweep import make_run

pytestmark = pytest.mark.slow
GENERATED = [name for name in TASKS if isinstance(get_task(name), GeneratedTask)]
IN_ALL = (
    "arith",
    "gsm8k",
    "humaneval",
)  # made from seeds, of rows, programs: in every format; the others in turn
RUN = [
    (task, family)
    for turn, task in enumerate(TASKS)
    for family in (FORMATS if task in IN_ALL else FORMATS[turn % len(FORMATS) :][:1])
]
OWN = 5  # of so many runs one has a decoder
LIMIT, GEN_LENGTH = 2, 4
SUM = {"question": "Ann has {n} pens and buys 3. How many now?", "answer": "She has #### {n}"}
POWER = {
    "task_id": "Mine/{n}",
    "prompt": "def power(x):\n    # to {n}\n",
    "canonical_solution": "    return x ** {n}\n",
    "test": "def check(f):\n    assert f(2) == 2 ** {n}\n",
    "entry_point": "power",
}
PLUS = {
    "task_id": "{n}",
    "text": "Add {n}.",
    "prompt": "Add {n}.",
    "code": "def plus(x):\n    return x + {n}",
    "test_list": ["assert plus(0) == {n}", "assert plus({n}) == 2 * {n}", "assert plus(-{n}) == 0"],
}
MATHS = {"problem": "What is ${n}+0$?", "solution": "It is $\\boxed{{{n}}}$.", "answer": "{n}"}
TRUTH = {
    "question": "What comes after {n}?",
    "best_answer": "The next number.",
    "correct_answers": ["The next number."],
    "incorrect_answers": ["Nothing."],
}
ROWS: dict[str, dict[str, Any]] = {
    "gsm8k": SUM,
    "gsm8k_cot": SUM,
    "gsm8k_cot_zeroshot": SUM,
    "humaneval": POWER,
    "mbpp": {key: value for key, value in PLUS.items() if key != "prompt"},
    "mbpp_sanitized": {key: value for key, value in PLUS.items() if key != "text"},
    "math500": MATHS,
    "minerva_math": MATHS,
    "truthfulqa_gen": TRUTH,
}


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    torch.set_num_threads(1)  # networks so small only wait for each other
    folder = tmp_path_factory.mktemp("formats")
    return {family: random_checkpoint(family, folder / family) for family in FORMATS}


def write_rows(folder: Path, task: str) -> list[str]:
    """A file of a benchmark's rows (task_id 1 to 19, for MBPP's splits), as overrides of the config."""
    if task in GENERATED:
        return []
    path = folder / f"{task}.jsonl"
    path.write_text("".join(json.dumps(_numbered(ROWS[task], n)) + "\n" for n in range(1, 20)))
    own = {
        task: ["task.shots=1"] for task in ("mbpp", "mbpp_sanitized", "minerva_math")
    }  # short enough for a test
    own["gsm8k"] = [f"task.shots_path={path}"]
    return [f"task.path={path}", *own.get(task, [])]


def _numbered(row: Any, n: int) -> Any:
    if isinstance(row, list):
        return [_numbered(value, n) for value in row]
    if isinstance(row, dict):
        return {
            key: n if value == "{n}" and key == "task_id" else _numbered(value, n)
            for key, value in row.items()
        }
    return row.replace("{n}", str(n)).replace("{{", "{").replace("}}", "}")


def test_the_benchmarks_all_have_rows_here() -> None:
    assert sorted(ROWS) == sorted(set(TASKS) - set(GENERATED))


def test_every_decoder_has_a_turn_in_every_format() -> None:
    pairs = {
        (name, family)
        for number, (_, family) in enumerate(RUN)
        for name in SWEPT_DECODERS[number % OWN :: OWN]
    }
    assert pairs == set(product(SWEPT_DECODERS, FORMATS))


@pytest.mark.parametrize(("number", "task", "family"), [(number, *run) for number, run in enumerate(RUN)])
def test_every_task_runs_with_decoders_in_turns(
    number: int, task: str, family: str, checkpoints: dict[str, Path], tmp_path: Path
) -> None:
    prompt = "raw" if family == "llada" else "chat"
    tree = compose_tree(
        *("sweep=decoders", f"task={task}", f"limit={LIMIT}", f"gen_length={GEN_LENGTH}", "block_length=4"),
        *(f"model.path={checkpoints[family]}", f"model.prompt={prompt}"),
        *write_rows(tmp_path, task),
    )
    config = read_config(tree)
    plan, store, evaluator = planned(config), Store(str(tmp_path / "store")), Evaluator(2)
    assert len(plan.settings) == 2 * len(SWEPT_DECODERS)
    own = SWEPT_DECODERS[number % OWN :: OWN]
    settings = {sid: one for sid, one in plan.settings.items() if one.decode.decoder.name in own}
    assert len(settings) == 2 * len(own) >= 6
    for sid, setting in settings.items():
        records = sliced(evaluator, setting, 0, LIMIT)
        assert [record.error for record in records] == [None] * LIMIT
        assert all(len(record.tokens) == GEN_LENGTH and record.score is not None for record in records)
        store.write_slice(sid, 0, LIMIT, records)
    contents = store.load(settings, LIMIT)
    points = find_points([make_run(list(settings.values()))], contents.records)
    assert points["n"].tolist() == [LIMIT] * len(settings) and points["quality"].between(0, 1).all()


@pytest.mark.parametrize(("task", "form"), [(task, form) for task in ROWS for form in forms(task)])
def test_every_wording_runs_as_a_chat(
    task: str, form: str, checkpoints: dict[str, Path], tmp_path: Path
) -> None:
    counts = {"mbpp": 3} if form == "opencompass" else {"mbpp": 1, "mbpp_sanitized": 1, "minerva_math": 1}
    tree = compose_tree(
        *(
            f"task={task}",
            f"limit={LIMIT}",
            f"gen_length={GEN_LENGTH}",
            "block_length=4",
            "model.prompt=chat",
        ),
        *(f"model.path={checkpoints['sdar']}", *write_rows(tmp_path, task)),
    )
    tree["task"] |= {"form": form} | ({"shots": counts.get(task, 0)} if "shots" in tree["task"] else {})
    if form == "opencompass" and "shots_path" in tree["task"]:
        tree["task"]["shots_path"] = None  # its examples are fixed
    [setting] = planned(read_config(tree)).settings.values()
    records = sliced(Evaluator(2), setting, 0, LIMIT)
    assert [record.error for record in records] == [None] * LIMIT
    assert all(record.score is not None for record in records)
