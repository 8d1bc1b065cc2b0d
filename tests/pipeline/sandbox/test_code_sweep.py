"""Answers that are programs: the level is shown and recorded, too little isolation is refused, Ray runs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
import pytest

import launch
from pipeline.sandbox import LEVELS, shared_sandbox
from pipeline.sandbox import sandbox as sandbox_module
from pipeline.sandbox.worker import Worker, WorkerError

ROOT = Path(__file__).resolve().parents[3]
ROW = {
    "task_id": "Mine/0",
    "prompt": "def two():\n",
    "canonical_solution": "    return 2\n",
    "test": "def check(f):\n    assert f() == 2\n",
    "entry_point": "two",
}


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(ROW | {"task_id": f"Mine/{n}"}) + "\n" for n in range(3)))
    return path


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["launch.py", *words])
    return launch.main()


@pytest.fixture
def here(checkpoint: Path, tmp_path: Path) -> list[str]:
    """The random checkpoint, lengths that fit it, and a place for results."""
    return [f"model.path={checkpoint}", f"out={tmp_path / 'out'}", "gen_length=8", "block_length=4"]


def lose_isolation(monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on, no level of the sandbox works on this machine."""

    def worker(level: str) -> Worker:
        raise WorkerError(f"{level}: not here")

    monkeypatch.setattr(sandbox_module, "Worker", worker)
    sandbox_module._started.cache_clear()


def stored(out: Path) -> pd.DataFrame:
    return pd.concat(pd.read_parquet(file) for file in (out / "store").rglob("*.parquet"))


@pytest.mark.slow
def test_the_level_is_shown_and_recorded(
    rows: Path,
    here: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["task=humaneval", f"task.path={rows}", *here]
    assert run(monkeypatch, *words, "limit=9", "wandb=off") == 0
    level = shared_sandbox("isolated").level
    assert level in LEVELS
    shown = " ".join(capsys.readouterr().out.split())
    assert "1 setting x 3 examples" in shown  # all that there are
    assert f"answers are programs; they run in a sandbox of level '{level}'" in shown
    assert (
        "Quality 1: the program found in the answer passes the tests (humaneval, version 2; harness 0)"
        in shown
    )
    records = stored(tmp_path / "out")
    assert set(records["sandbox"]) == {level} and set(records["score"]) == {0.0}
    [page] = (tmp_path / "out").rglob("report.html")
    assert f"they ran in a sandbox of level {level}." in page.read_text()


@pytest.mark.slow
def test_less_isolation_than_is_required_is_refused(
    rows: Path,
    here: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    lose_isolation(monkeypatch)
    for words in (["wandb=off"], ["job=check_task"]):
        assert run(monkeypatch, "task=humaneval", f"task.path={rows}", *here, *words) == 2
        error = capsys.readouterr().err
        assert error.startswith("sandbox.require='isolated': answers are programs") and error.count("\n") == 1
        assert error.endswith("or accept plain processes, which can read files: sandbox.require=process\n")
    assert not list(tmp_path.rglob("*.parquet"))
    assert run(monkeypatch, "task=arith", *here, "limit=1", "wandb=off") == 0  # its answers are not programs


@pytest.mark.slow
def test_a_report_of_an_incomplete_store_runs_no_programs_and_needs_no_isolation(
    rows: Path, here: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["task=humaneval", f"task.path={rows}", *here, "wandb=off"]
    assert run(monkeypatch, *words, "limit=2") == 0
    capsys.readouterr()

    lose_isolation(monkeypatch)
    assert run(monkeypatch, *words, "limit=3", "job=report") == 0
    assert "they run in a sandbox" not in capsys.readouterr().out


@pytest.mark.slow
def test_workers_of_ray_have_their_own_sandboxes_and_leave_none(tmp_path: Path) -> None:
    command = [
        sys.executable,
        str(ROOT / "launch.py"),
        "~sweep.groups.setting",
        "+sweep.groups.g={grid: {decoder: {threshold: [0.7, 0.9]}}}",
        "cluster.workers=2",
        "task=pycode",
        "limit=8",
        "wandb=off",
    ]
    with tempfile.TemporaryDirectory(prefix="own-") as own:  # a short name, as Ray puts sockets there
        with (tmp_path / "stderr").open("w") as stderr:
            running = subprocess.Popen(
                [*command, f"out={tmp_path / 'out'}"],
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                cwd=tmp_path,
                env=os.environ | {"TMPDIR": own},
            )
        seen: set[str] = set()
        while running.poll() is None:
            seen |= zygotes(own)
            time.sleep(0.1)
        assert running.returncode == 0, (tmp_path / "stderr").read_text()
        assert seen and not zygotes(own)
    records = stored(tmp_path / "out")
    assert len(records) == 2 * 8 and records["error"].isna().all()
    assert records["score"].max() == 1.0
    judged = records[records["extracted"].notna()]  # the others are not Python and were not run
    assert len(judged) and judged["sandbox"].isin(LEVELS).all()


def zygotes(folder: str) -> set[str]:
    """Warm interpreters of the sandboxes below that folder; others on this machine may have some of their own."""
    found = set()
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            command = Path(f"/proc/{name}/cmdline").read_bytes()
        except OSError:
            continue
        if b"jail.zygote" in command and folder.encode() in command:
            found.add(name)
    return found
