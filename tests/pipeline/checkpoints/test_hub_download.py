"""Models and rows by id, from a stub of the hub: revisions, gates, missing files, connections that break half-way."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pipeline.checkpoints.checkpoint import open_checkpoint
from tests.hub import Repository, StubHub, serving
from tests.pipeline.conftest import ROOT

pytestmark = pytest.mark.slow  # two processes that import torch

CARD = """---
configs:
- config_name: main
  data_files:
  - {split: train, path: main/train-*}
  - {split: test, path: main/test-*}
---
"""
TRIES = 6  # of the hub's client for one file: the first and five more
WEIGHTS, TEST = "model.safetensors", "main/test-00000-of-00001.parquet"
ELSEWHERE = "download it elsewhere and give model.path=FOLDER"
REFUSED = {
    "gated": f"(it is gated); accept its licence on its page and set HF_TOKEN, or {ELSEWHERE}",
    "wrong token": f"(it is gated); accept its licence on its page and set HF_TOKEN, or {ELSEWHERE}",
    "private": "(there is none of that name, or it is private); correct the name, or set HF_TOKEN to a token with "
    f"access to it, or {ELSEWHERE}",
    "absent": "(there is none of that name, or it is private); correct the name, or set HF_TOKEN to a token with "
    f"access to it, or {ELSEWHERE}",
    "no revision": f"(it has no such revision); name a branch, tag or commit that it has, or {ELSEWHERE}",
}
NO_ROWS = {
    "no such rows": (
        "openai/gsm8k",
        "(it has no such revision); name a branch, tag or commit that it has, or ",
    ),
    "gated rows": (
        "HuggingFaceH4/MATH-500",
        "(it is gated); accept its licence on its page and set HF_TOKEN, or ",
    ),
    "absent rows": (
        "openai/openai_humaneval",
        "(Dataset 'openai/openai_humaneval' doesn't exist on the Hub or cannot be accessed.); ",
    ),
}


@dataclass
class Seen:
    hub: StubHub
    answers: dict[str, Any]
    output: str
    first: str  # what the content of `main` and of `v2` is
    second: str


def data_set(folder: Path, count: int) -> Path:
    """Made-up rows of GSM8K, laid out and described as on the hub."""
    (folder / "main").mkdir(parents=True)
    (folder / "README.md").write_text(CARD)
    for split in ("train", "test"):
        rows = [{"question": f"{split} {n}?", "answer": f"It is\n#### {n}"} for n in range(count)]
        pd.DataFrame(rows).to_parquet(folder / "main" / f"{split}-00000-of-00001.parquet")
    return folder


def run(hub: StubHub, home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """A Python program that sees this hub alone."""
    environment = {**os.environ, **hub.environment(home), "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, *words], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300
    )


@pytest.fixture(scope="module")
def seen(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    """All look-ups, one after the other in one process."""
    folder = tmp_path_factory.mktemp("hub")
    changed = Path(shutil.copytree(checkpoint, folder / "changed"))
    (changed / "config.json").write_text((changed / "config.json").read_text() + "\n")
    bare = Path(shutil.copytree(checkpoint, folder / "bare"))
    (bare / "tokenizer.json").unlink()
    with serving() as hub:
        hub.repositories = {
            ("models", "someone/random"): Repository({"main": checkpoint, "v2": changed}),
            ("models", "someone/gated"): Repository({"main": checkpoint}, gate=403),
            ("models", "someone/private"): Repository({"main": checkpoint}, gate=401),
            ("models", "someone/bare"): Repository({"main": bare}),
            ("models", "someone/weak"): Repository({"main": changed}, breaks=Counter({WEIGHTS: 1})),
            ("models", "someone/broken"): Repository({"main": changed}, breaks=Counter({WEIGHTS: TRIES})),
            ("datasets", "openai/gsm8k"): Repository(
                {"main": data_set(folder / "few", 3), "v2": data_set(folder / "more", 5)},
                breaks=Counter({TEST: 1}),
            ),
            ("datasets", "HuggingFaceH4/MATH-500"): Repository({"main": folder / "few"}, gate=403),
        }
        asked = {
            "newest": ("model", "someone/random"),
            "second": ("model", "someone/random", "v2"),
            "commit": ("model", "someone/random", hub.repositories["models", "someone/random"].commit("v2")),
            "no revision": ("model", "someone/random", "v3"),
            "gated": ("model", "someone/gated"),
            "wrong token": ("model", "someone/gated", None, "hf_not_the_right_one"),
            "right token": ("model", "someone/gated", None, hub.token),
            "private": ("model", "someone/private"),
            "absent": ("model", "someone/absent"),
            "bare": ("model", "someone/bare"),
            "weak": ("model", "someone/weak"),
            "broken": ("model", "someone/broken"),
            "again": ("model", "someone/broken"),
            "rows": ("rows", "gsm8k", None, 2),
            "more rows": ("rows", "gsm8k", "v2"),
            "no such rows": ("rows", "gsm8k", "v3"),
            "gated rows": ("rows", "math500"),
            "absent rows": ("rows", "humaneval"),
        }
        done = run(hub, folder / "home", str(ROOT / "tests/pipeline/hub_client.py"), json.dumps(asked))
        assert done.returncode == 0, done.stderr
        contents = [open_checkpoint(str(path), None).content for path in (checkpoint, changed)]
        yield Seen(hub, json.loads(done.stdout), done.stdout + done.stderr, *contents)


def test_a_model_is_the_revision_asked_for(seen: Seen) -> None:
    found = seen.answers
    assert found["newest"] == found["right token"] == seen.first != seen.second
    assert found["second"] == found["commit"] == seen.second


@pytest.mark.parametrize("name", REFUSED)
def test_a_model_that_cannot_be_had_is_one_line_with_its_remedy(name: str, seen: Seen) -> None:
    answer = seen.answers[name]
    place = {"no revision": "random", "wrong token": "gated"}.get(name, name)
    refused = f"model.path='someone/{place}': not on this disk and cannot be downloaded from the hub"
    assert answer == {"error": "CheckpointError", "line": f"{refused} {REFUSED[name]}"}


def test_a_file_that_a_model_lacks_is_named(seen: Seen) -> None:
    answer = seen.answers["bare"]
    assert answer["error"] == "CheckpointError" and "has no tokenizer.json; put the" in answer["line"]


def test_a_connection_that_breaks_half_way_is_taken_up_again(seen: Seen) -> None:
    assert seen.answers["weak"] == seen.second
    asked = Counter(line for line in seen.hub.asked if line.startswith("GET /someone/weak/"))
    assert max(asked.values()) == 2


def test_one_that_keeps_breaking_is_told_and_the_next_command_goes_on(seen: Seen) -> None:
    told = seen.answers["broken"]
    assert told["error"] == "CheckpointError" and "\n" not in told["line"]
    assert "peer closed connection" in told["line"]
    assert told["line"].endswith(f"; try again, or {ELSEWHERE}")
    assert seen.answers["again"] == seen.second


def test_rows_are_the_revision_asked_for(seen: Seen) -> None:
    newest, more = seen.answers["rows"], seen.answers["more rows"]
    assert len(newest) == 3 and len(more) == 5
    assert all(text.count("train") == 2 and text.count("test") == 1 for text in newest)


@pytest.mark.parametrize("name", NO_ROWS)
def test_rows_that_cannot_be_had_are_one_line_with_its_remedy(name: str, seen: Seen) -> None:
    place, reason = NO_ROWS[name]
    refused = f"task.path=null: {place} (test) cannot be downloaded from the hub {reason}"
    line = f"{refused}download the rows elsewhere and give task.path=FILE"
    assert seen.answers[name] == {"error": "ValueError", "line": line}


def test_no_token_is_repeated(seen: Seen) -> None:
    assert seen.hub.token not in seen.output and "hf_not_the_right_one" not in seen.output


def test_a_command_runs_a_model_and_rows_by_their_ids(seen: Seen, tmp_path: Path) -> None:
    words = ["model=checkpoint", "model.path=someone/random", "model.prompt=raw", "model.dtype=float32"]
    words += ["task=gsm8k", "task.shots=1", "gen_length=8", "block_length=8", "limit=3", "wandb=off"]
    done = run(seen.hub, tmp_path / "home", "launch.py", *words, f"out={tmp_path / 'out'}")
    assert done.returncode == 0, done.stdout + done.stderr
    points = pd.read_csv(Path(done.stdout.strip().splitlines()[-1], "points.csv"))
    assert points["n"].tolist() == [3]
