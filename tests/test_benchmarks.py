"""The releases' loops decode as ours do; the scripts that time them run."""

from __future__ import annotations

import re
import subprocess
import sys
from argparse import ArgumentParser
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from time import sleep

import pytest
import torch

from axon import Confidence
from benchmarks.contest import CONTESTS, hold
from benchmarks.sizes import Size, toy
from benchmarks.sweep_time import Parts, medians, parallel_from
from benchmarks.tables import TABLES, Script
from benchmarks.watched import watch

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
PEERS = BENCHMARKS / "peers"
SCRIPTS = sorted(path.stem for path in BENCHMARKS.glob("*.py") if '== "__main__"' in path.read_text())
SIZES: dict[bool, Size] = {}


def size(block_causal: bool) -> Size:
    if block_causal not in SIZES:
        SIZES[block_causal] = toy(block_causal)
    return SIZES[block_causal]


@pytest.mark.slow
@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("name", CONTESTS)
def test_a_releases_loop_decodes_as_ours(name: str, batch: int) -> None:
    contest = CONTESTS[name]
    model = size(contest.block_causal)
    if not contest.fits(model, batch):
        pytest.skip("its loop takes one row")
    found = hold(contest, model, batch, rounds=0)
    if found.must_agree:
        assert found.equal == 1.0
    assert found.theirs.passes >= found.ours.passes > 1


def test_another_threshold_does_not_agree() -> None:
    contest = CONTESTS["Fast-dLLM, threshold"]
    other = replace(contest, ours=lambda size: replace(contest.ours(size), decoder=Confidence(threshold=0.1)))
    assert not hold(other, size(False), 1, rounds=0).agrees


@pytest.mark.parametrize("name", sorted(path.name for path in PEERS.glob("*.py")))
def test_a_loop_names_what_it_was_learnt_from(name: str) -> None:
    text = (PEERS / name).read_text()
    if "def generate(" in text:
        assert re.search(r"Learnt from [\w-]+/[\w-]+: [\w/]+\.py", text) and "Left out:" in text


def test_two_workers_reach_the_goal_where_the_sweep_decodes_as_much_longer_as_is_said() -> None:
    one, two = Parts(6, 20, 3, 25), Parts(7, 10, 3, 30)
    said = parallel_from(one, two)
    times = float(re.search(r"\(([\d.]+) times", said)[1])  # type: ignore[index]
    assert f"of {9 + 20 * times:.0f} s on one" in said

    def ratio(times: float) -> float:
        return (9 + 20 * times) / (10 + 10 * times)

    assert ratio(times - 0.1) < 1.8 < ratio(times + 0.1)
    assert "gains less" in parallel_from(one, Parts(0, 12, 0, 12))


def test_turns_are_compared_by_the_median_of_each_part() -> None:
    assert medians([Parts(1, 9, 3, 20), Parts(3, 8, 1, 40), Parts(2, 7, 9, 30)]) == Parts(2, 8, 3, 30)


# Its slices are joined in the end, and another process works for it, for longer than is asked of the watch:
# processor time is told in ticks.
SWEEP = """
import subprocess, sys, time
from pathlib import Path
from time import sleep

store = Path(sys.argv[1], "slices", "s")
store.mkdir(parents=True)
burn = "import sys, time\\nwhile time.process_time() < 0.5: pass\\nprint(flush=True)\\nsys.stdin.read()"
work = subprocess.Popen([sys.executable, "-c", burn], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
for start in (0, 4):
    time.sleep(0.5)
    (store / f"{start}-{start + 4}.parquet").touch()
time.sleep(0.5)
for part in store.iterdir():
    part.unlink()
(store / "0-8.parquet").touch()
work.stdout.readline()
time.sleep(0.5)
work.kill()
"""


@pytest.mark.slow
def test_a_sweep_is_watched_from_outside(tmp_path: Path) -> None:
    parts = watch([sys.executable, "-c", SWEEP, str(tmp_path)], tmp_path, tmp_path, 4)
    assert 0.45 <= parts.between < parts.whole - 1.5 and parts.before >= 0.5 and parts.after >= 1.0
    assert parts.processor >= 0.4, "of what it has started, too"
    many = "import sys; sys.stderr.write('words ' * 50_000 + 'the last'); raise SystemExit(3)"  # more than a pipe holds
    with pytest.raises(ValueError, match=r"exit code 3\n(words )+the last$"):
        watch([sys.executable, "-c", many], tmp_path, tmp_path, 4)


class Read(Exception):
    """A command line was understood."""


@pytest.mark.parametrize("script", [script for _, scripts in TABLES.values() for script in scripts])
def test_the_tables_scripts_understand_their_words(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    read = ArgumentParser.parse_args

    def read_only(parser: ArgumentParser) -> None:
        raise Read(read(parser))

    monkeypatch.setattr("sys.argv", [script.name, *script.words])
    monkeypatch.setattr(ArgumentParser, "parse_args", read_only)
    with pytest.raises(Read):
        import_module(f"benchmarks.{script.name.removesuffix('.py')}").main()


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_script_tells_its_words_before_it_starts(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", [f"{name}.py", "--help"])
    with pytest.raises(SystemExit) as left:
        import_module(f"benchmarks.{name}").main()
    assert left.value.code == 0 and capsys.readouterr().out.startswith("usage:")


@pytest.mark.parametrize(
    ("name", "words", "said"),
    [
        *[
            (name, ["--sizes", "9"], "argument --sizes: 9: a whole number of 10 or more")
            for name in ("front_coverage", "mix_coverage", "refine_calibration", "verdict_calibration")
        ],
        ("front_coverage", ["--sweeps", "0"], "argument --sweeps: 0: a whole number of 1 or more"),
        ("gpu", ["--seconds", "0"], "--seconds 0: at least 1; leave it out for no limit"),
        ("interval_coverage", ["--paired-sizes", "none"], "argument --paired-sizes: none: a whole number"),
    ],
)
def test_a_simulation_refuses_what_it_cannot_count(
    name: str,
    words: list[str],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.argv", [f"{name}.py", *words])
    with pytest.raises(SystemExit) as left:
        import_module(f"benchmarks.{name}").main()
    assert left.value.code == 2 and said in capsys.readouterr().err


@pytest.mark.slow
def test_a_synthetic_sweep_is_what_the_store_holds_today(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its records are made by hand, so that a new column is missing there first. It starts itself for each table."""
    words = ["--settings", "20", "--examples", "12", "--points", "20", "--tables", "sweep", "report"]
    monkeypatch.setattr("sys.argv", ["scale.py", *words])
    import_module("benchmarks.scale").main()
    assert capsys.readouterr().out.count("peak GB") == 2


@pytest.mark.slow
def test_what_is_prepared_for_a_gpu_runs_on_a_processor(tmp_path: Path) -> None:
    """And a section that fails, here for want of recorded decodes, keeps none from running."""
    words = ["--device", "cpu", "--golden", str(tmp_path), "--sections", "verify", "cost", "waits", "memory"]
    command = [sys.executable, str(BENCHMARKS / "gpu.py"), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and done.stderr.rstrip().endswith("FAILED: verify"), done.stderr
    assert "not as recorded: llada in float32" in done.stderr
    assert done.stdout.count("+ AXON") == 6 and "4 rows asked for, decoded [4] at once" in done.stdout


@pytest.mark.slow
def test_a_section_whose_time_is_over_leaves_the_others_theirs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the order of worth, whatever was asked for."""
    gpu, ran = import_module("benchmarks.gpu"), []

    def long(device: torch.device) -> None:
        ran.append("long")
        sleep(600)

    sections = {"first": long, "short": lambda device: ran.append("short"), "last": long}
    monkeypatch.setattr(gpu, "SECTIONS", sections)
    words = ["--device", "cpu", "--sections", "last", "short", "first", "--seconds", "2"]
    monkeypatch.setattr("sys.argv", ["gpu.py", *words])
    with pytest.raises(SystemExit, match="FAILED: first, last"):
        gpu.main()
    assert ran == ["long", "short", "long"]
    assert capsys.readouterr().out.count("stopped: its share of --seconds is over") == 2
