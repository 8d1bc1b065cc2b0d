"""The main job as a newcomer runs it: the demo's command on the bundled model, from the shell, start to end."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from tests.pipeline.wandb_file import read_run

ROOT = Path(__file__).resolve().parents[1]
LIMIT = 12
pytestmark = pytest.mark.slow


def launch(*words: str) -> subprocess.CompletedProcess[str]:
    """`python launch.py WORDS`, its output as text."""
    command = [sys.executable, str(ROOT / "launch.py"), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=500, cwd=ROOT)


def demo_words() -> list[str]:
    """What `make demo` gives to launch.py, but for the number of examples."""
    recipe = re.search(r"^demo:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert recipe
    words = shlex.split(recipe[1].replace("\\\n", " "))
    return [word for word in words[words.index("launch.py") + 1 :] if not word.startswith("limit=")]


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], Path, str]:
    """The demo's sweep on few examples: its command, its run folder, what it printed."""
    out = tmp_path_factory.mktemp("demo")
    words = [*demo_words(), f"limit={LIMIT}", f"out={out}"]
    done = launch(*words)
    assert done.returncode == 0, done.stderr
    return words, Path(done.stdout.strip().splitlines()[-1]), done.stdout


def test_the_last_line_names_the_folder_that_holds_everything(swept: tuple[list[str], Path, str]) -> None:
    _, folder, _ = swept
    assert {"report.html", "front.png", "points.csv", "run.json", "wandb"} <= {
        p.name for p in folder.iterdir()
    }


def test_at_least_forty_settings_are_compared_on_the_same_examples(
    swept: tuple[list[str], Path, str],
) -> None:
    points = pd.read_csv(swept[1] / "points.csv")
    assert len(points) >= 40
    assert set(points["n"]) == {LIMIT}
    assert set(points["group"]) == {"base", "axon"}


def test_it_ends_in_a_verdict_with_its_interval_and_no_warning(swept: tuple[list[str], Path, str]) -> None:
    said = " ".join(swept[2].split())
    assert re.search(
        r"AXON .*the Pareto front of dawn.+ [+-]\d\.\d{3} \[[+-]\d\.\d{3}, [+-]\d\.\d{3}\]", said
    )
    assert "NFE at equal quality:" in said
    assert "Warning:" not in said


def test_axon_and_dawn_had_something_to_choose_by(swept: tuple[list[str], Path, str]) -> None:
    points = pd.read_csv(swept[1] / "points.csv")
    assert (points.loc[points["group"] == "axon", "axon_empty"] < 0.1).all()
    assert (points["graph_empty"] < 0.1).all()
    assert points["decode"].nunique() > 0.8 * len(points)


def test_ray_and_wandb_chatter_is_off(swept: tuple[list[str], Path, str]) -> None:
    told = swept[2].replace(
        "`ray status`", ""
    )  # which we name ourselves where no worker starts for long: a busy host
    for word in ("ray", "Trial", "wandb:", "Warning"):
        assert word not in told


def test_wandbs_files_hold_every_point(swept: tuple[list[str], Path, str]) -> None:
    runs = [read_run(path) for path in (swept[1] / "wandb").glob("offline-run-*/run-*.wandb")]
    logged = {run["summary"]["setting_id"]: run["summary"] for run in runs if run["kind"] == "setting"}
    points = pd.read_csv(swept[1] / "points.csv")
    assert set(logged) == set(points["setting_id"])
    for point in points.itertuples():
        assert logged[point.setting_id]["nfe"] == pytest.approx(point.nfe)
    kinds = [run["kind"] for run in runs]
    assert kinds.count("sweep") == 1 and kinds.count("front") == points["group"].nunique()


def test_a_finished_sweep_runs_again_in_seconds_and_decodes_nothing(
    swept: tuple[list[str], Path, str],
) -> None:
    words, folder, _ = swept
    files = {path: path.stat().st_mtime_ns for path in folder.parents[1].rglob("*.parquet")}
    start = time.monotonic()
    again = launch(*words)
    total = f"{LIMIT * len(pd.read_csv(folder / 'points.csv')):,}"
    assert again.returncode == 0 and f"{total} of {total} stored already" in again.stdout
    assert time.monotonic() - start < 60
    assert files == {path: path.stat().st_mtime_ns for path in folder.parents[1].rglob("*.parquet")}


def test_the_finished_sweep_is_decoded_again_and_every_record_is_equal(
    swept: tuple[list[str], Path, str],
) -> None:
    folder = swept[1]
    before = (folder / "run.json").read_bytes()
    again = launch("job=rerun", f"run={folder}", "limit=2")
    total = f"{2 * len(pd.read_csv(folder / 'points.csv')):,}"
    assert again.returncode == 0, again.stdout + again.stderr
    assert f"{total} of {total} records are equal" in again.stdout
    assert (folder / "run.json").read_bytes() == before and (folder / "rerun.json").exists()


def test_the_finished_sweep_is_drawn_again(swept: tuple[list[str], Path, str]) -> None:
    page = (swept[1] / "report.html").read_bytes()
    (swept[1] / "report.html").unlink()
    again = launch("job=report", f"run={swept[1]}")
    assert again.returncode == 0 and again.stdout.splitlines()[-1] == str(swept[1])
    assert (swept[1] / "report.html").read_bytes() == page


def test_help_shows_groups_and_examples() -> None:
    done = launch("--help")
    assert done.returncode == 0
    for word in ("sweep=anchor_budget", "model", "task", "decoder", "axon", "sweep", "cluster", "wandb"):
        assert word in done.stdout


def test_a_reader_that_goes_away_ends_it_without_a_word() -> None:
    command = [sys.executable, str(ROOT / "launch.py"), "--help"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stderr
        process.stdout.close()
        assert process.stderr.read() == ""
