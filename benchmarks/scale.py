"""How large a sweep may be: `python benchmarks/scale.py [--tables sweep report] [--settings 1000 3000 9000] ...`.

A synthetic finished sweep of so many settings, in a store of its own, goes through what a command does beside decoding:
planning, writing run.json, resuming (what is pending, and what the search asks for next), and joining slices. Then the
report, on as many records as these settings have, of few settings (`--points`) with many examples each. Each size is a
process of its own, for its peak memory.

Seconds are of processor time, and in brackets by the clock, which other work on the machine makes longer. `grows`: the
exponent of the processor time between the first size and the last; n log n is about 1.1. For the goals, about ten
minutes of one core each: `--tables sweep --settings 10000 100000 --examples 4` and
`--tables report --settings 10000 30000 100000 --examples 100 --points 2000`. A report of many settings:
`--tables report --settings 2000 20000 --points 20000 --examples 50`.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import pandas as pd
import pyarrow as pa
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from benchmarks.load import load_line
from pipeline.environment import this_environment
from pipeline.inputs.config import Config, read_config, to_tree
from pipeline.planning.backlog import advance
from pipeline.planning.pending import outcomes
from pipeline.planning.plan import Plan
from pipeline.runs.run import FORMAT, RUN_FILE, Run, read_run, write_run
from pipeline.runs.run_folder import asked_for
from pipeline.storage.compaction import compact
from pipeline.storage.outcome import LEEWAY, SECONDS
from pipeline.storage.record import SCHEMA
from pipeline.storage.store import Store

ROOT = Path(__file__).resolve().parents[1]
ANCHORS = (1, 2, 3, 4)
SLICE = 32
TOKENS = 32  # of an answer
# Where nothing is reported: settings of a kind have the same outcomes, and records have no more columns than planning
# reads. A store of 100,000 settings takes half as long to make.
KINDS = 64
NARROW = ("setting_id", "position", "example_id", "score", "nfe", "decoded_under", *SECONDS, *LEEWAY)
WIDTH = 18  # of a column

Cost = tuple[float, float]  # seconds of processor time and by the clock; or a size, and nothing
STAGES = (
    *("plan", "file settings", "write run.json", "read run.json", "resume", "ask"),
    *("join slices", "resume, joined", "write the index", "resume, indexed"),
)
REPORT = ("load for a report", "report")
SIZES = {"sweep": ("run.json, MB", "peak GB"), "report": ("peak GB",)}
GOALS = {
    "plan": "60 s",
    "resume": "30 s",
    "resume, indexed": "30 s",
}  # of 100,000 settings; of reports beside their sizes
REPORT_GOALS = "goals: 30 s and 2 GB in all for 1,000,000 records, 120 s and 4 GB for 10,000,000"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--settings", type=int, nargs="+", default=[1000, 3000, 9000])
    parser.add_argument("--examples", type=int, default=10, help="of each setting")
    parser.add_argument("--points", type=int, default=300, help="settings of the report")
    parser.add_argument("--tables", nargs="+", choices=("sweep", "report"), default=["sweep", "report"])
    parser.add_argument("--one", choices=("sweep", "report"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        with TemporaryDirectory() as folder:
            measure = _sweep if asked.one == "sweep" else _report
            print(json.dumps(measure(Path(folder), asked)))
        return
    print(f"{asked.examples} examples each, {load_line()}")
    for one, stages in (("sweep", STAGES), ("report", REPORT)):
        if one in asked.tables:
            _table(asked, one, stages)


def _table(asked: argparse.Namespace, one: str, stages: tuple[str, ...]) -> None:
    found = []
    for size in asked.settings:
        words = [__file__, "--one", one, "--settings", str(size), "--examples", str(asked.examples)]
        done = subprocess.run(
            [sys.executable, *words, "--points", str(asked.points)],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            sys.exit(done.stderr[-2000:])
        found.append(json.loads(done.stdout.splitlines()[-1]))
    heads = [f"{size * (asked.examples if one == 'report' else 1):,}" for size in asked.settings]
    print(
        f"\n{'records' if one == 'report' else 'settings':<20}"
        + "".join(f"{head:>{WIDTH}}" for head in heads)
    )
    steps = math.log(asked.settings[-1] / asked.settings[0]) if len(asked.settings) > 1 else math.nan
    for stage in (*stages, *SIZES[one]):
        own, clock = zip(*(one_size[stage] for one_size in found), strict=True)
        grows = math.log(max(own[-1], 1e-3) / max(own[0], 1e-3)) / steps
        cells = [
            f"{value:.2f}" if math.isnan(seconds) else f"{value:.2f} s ({seconds:.0f})"
            for value, seconds in zip(own, clock, strict=True)
        ]
        print(
            f"{stage:<20}"
            + "".join(f"{cell:>{WIDTH}}" for cell in cells)
            + f"   grows {grows:.2f}"
            + (f"   goal at 100,000: {GOALS[stage]}" if stage in GOALS else "")
        )
    if one == "report":
        print(REPORT_GOALS)
    sys.stdout.flush()


def _sweep(folder: Path, asked: argparse.Namespace) -> dict[str, Cost]:
    """What each stage takes, and the peak memory."""
    [settings], examples, found = asked.settings, asked.examples, dict[str, Cost]()
    config = _config(folder, settings, examples)
    plan = _timed(found, "plan", lambda: _planned(config))
    store = Store(config.store)
    _fill(store, list(plan.settings), examples, SLICE, KINDS, NARROW)
    identities = {sid: dict(setting.identity) for sid, setting in plan.settings.items()}
    _timed(found, "file settings", lambda: store.write_settings(identities))
    run = _run(config, plan)
    _timed(found, "write run.json", lambda: write_run(folder, run))
    assert _timed(found, "read run.json", lambda: read_run(folder)) == run
    found["run.json, MB"] = (folder / RUN_FILE).stat().st_size / 1e6, math.nan
    contents, pending = _timed(found, "resume", lambda: advance(plan, store, examples, SLICE))
    assert not pending and len(contents.records) == len(plan.settings) * examples
    _timed(found, "ask", lambda: plan.extend(outcomes(plan, contents.records)))
    _timed(found, "join slices", lambda: compact(store, plan.settings))
    # Each command opens the store anew.
    joined, again = Store(config.store), Store(config.store)
    _timed(found, "resume, joined", lambda: advance(plan, joined, examples, SLICE))
    _timed(found, "write the index", lambda: joined.write_index(plan.settings))
    indexed, _ = _timed(found, "resume, indexed", lambda: advance(plan, again, examples, SLICE))
    pd.testing.assert_frame_equal(indexed.records, contents.records)
    return {**found, "peak GB": _peak()}


def _report(folder: Path, asked: argparse.Namespace) -> dict[str, Cost]:
    from pipeline.report import write_report

    [settings], found = asked.settings, dict[str, Cost]()
    points = min(settings, asked.points)
    examples = settings * asked.examples // points
    config = _config(folder, points, examples)
    plan, store = _planned(config), Store(config.store)
    _fill(store, list(plan.settings), examples, 1024, points, SCHEMA.names)
    from pipeline.report.data.stored import load_measured
    from pipeline.report.data.whole import in_stores

    contents = _timed(found, REPORT[0], lambda: load_measured(store, plan.settings, examples))
    run = _run(config, plan)
    records, whole = contents.records, in_stores([run], [store])
    del contents
    _timed(found, REPORT[1], lambda: write_report(folder, [run], records, [], whole=whole))
    return {**found, "peak GB": _peak()}


def _timed(found: dict[str, Cost], stage: str, act: Callable[[], Any]) -> Any:
    start, began = process_time(), perf_counter()
    result = act()
    found[stage] = process_time() - start, perf_counter() - began
    return result


def _peak() -> Cost:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9, math.nan


def _config(folder: Path, settings: int, examples: int) -> Config:
    """A grid over thresholds, without AXON and with it, which a report compares."""
    words = [f"out={folder}", f"limit={examples}", "wandb=off"]
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        tree: Any = OmegaConf.to_container(compose("config", overrides=words), resolve=True)
    count = settings // (1 + len(ANCHORS))
    thresholds = [round(0.2 + 0.7 * place / count, 9) for place in range(count)]
    tree["sweep"]["groups"] = {
        "base": {"grid": {"decoder.threshold": thresholds}, "set": {"axon.gate": "never"}},
        "axon": {"grid": {"decoder.threshold": thresholds, "axon.anchors": ANCHORS}},
    }
    return read_config(tree)


def _planned(config: Config) -> Plan:
    plan = Plan(config, lambda names: to_tree(config))
    plan.extend(())
    return plan


def _run(config: Config, plan: Plan) -> Run:
    return Run(
        format=FORMAT,
        name="scale",
        title="scale",
        command="python benchmarks/scale.py",
        status="done",
        error=None,
        failures={},
        config={},
        space=(),
        limit=config.limit,
        store=config.store,
        environment=this_environment(),
        started=datetime.now(UTC),
        finished=None,
        seconds=None,
        **asked_for(plan, config.limit),
    )


def _fill(
    store: Store, setting_ids: list[str], examples: int, size: int, kinds: int, names: Sequence[str]
) -> None:
    """Records of made-up answers: correct or not, and of more or fewer passes, by setting and example."""
    draw = np.random.default_rng(0)
    ease_N = draw.random(examples)
    made = dict[int, pa.Table]()
    for place, setting_id in enumerate(setting_ids):
        kind = place * kinds // len(setting_ids)
        if kind not in made:
            skill = 0.3 + 0.6 * kind / kinds
            nfe_N = draw.integers(4, 8 + int(24 * skill), examples)
            score_N = (ease_N * 0.7 + draw.random(examples) * 0.3 < skill).astype(float)
            made = {kind: _records(setting_id, nfe_N, score_N, draw).select(names)}
        ids = pa.array([setting_id] * examples)
        place_of_id = names.index("setting_id")
        whole = made[kind].set_column(place_of_id, SCHEMA.field("setting_id"), ids)
        for start in range(0, examples, size):
            stop = min(start + size, examples)
            store.write_table(setting_id, (start, stop), whole.slice(start, stop - start))


def _records(setting_id: str, nfe_N: Any, score_N: Any, draw: np.random.Generator) -> pa.Table:
    n = len(nfe_N)
    offsets = np.arange(n + 1, dtype=np.int32) * TOKENS
    tokens = draw.integers(0, 500, n * TOKENS)
    revealed = np.minimum(draw.integers(0, 32, n * TOKENS), np.repeat(nfe_N, TOKENS) - 1)
    lists = {"tokens": tokens, "revealed_at": revealed, "axon_steps": tokens}
    words = {
        "setting_id": setting_id,
        "task": "arith",
        "device": "cpu",
        "attention_kernel": "sdpa",
        "torch": "2",
    }
    columns = []
    for field in SCHEMA:
        if (
            field.name == "unsupported_steps"
        ):  # none: otherwise AXON would be empty, and nothing would be compared
            columns.append(pa.array([[]] * n, field.type))
        elif field.name == "axon_steps":
            ends = offsets // TOKENS * 2
            columns.append(pa.ListArray.from_arrays(ends, lists[field.name][: n * 2]))
        elif field.name in lists:
            columns.append(pa.ListArray.from_arrays(offsets, lists[field.name]))
        elif field.name == "example_id":
            columns.append(pa.array([f"test-{place}" for place in range(n)]))
        elif field.name == "position":
            columns.append(pa.array(np.arange(n)))
        elif field.name == "score":
            columns.append(pa.array(score_N))
        elif field.name == "answer":
            columns.append(pa.array([f"the answer is {token}" for token in tokens[:n]]))
        elif field.name in words:
            columns.append(pa.array([words[field.name]] * n))
        elif pa.types.is_map(field.type):
            columns.append(pa.array([[]] * n, field.type))
        elif pa.types.is_integer(field.type):
            columns.append(pa.array(nfe_N.astype(np.int64)))
        elif pa.types.is_floating(field.type):
            columns.append(pa.array(nfe_N * 0.01))
        else:
            columns.append(pa.nulls(n, field.type))
    return pa.Table.from_arrays(columns, schema=SCHEMA)


if __name__ == "__main__":
    main()
