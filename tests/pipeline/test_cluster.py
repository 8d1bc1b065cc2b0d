"""The docs' recipe for a cluster, command by command, with two Ray nodes on loopback; what such a cluster refuses."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from commands import completed, records, uninterrupted
from conftest import ROOT
from ray_nodes import RAY, Cluster

pytest_plugins = ["shared_ray"]
pytestmark = pytest.mark.slow
DASHBOARD = True
LIMIT = 8


def words(checkpoint: Path, out: Path) -> list[str]:
    small = ["trade_off.values=[0.5]", f"limit={LIMIT}", "slice_size=4", "wandb=off"]
    return ["sweep=uncertainty_threshold", *small, f"model.path={checkpoint}", f"out={out}"]


def test_the_recipe_gives_what_one_machine_gives(
    ray_cluster: Cluster,
    checkpoint: Path,
    tmp_path: Path,
) -> None:
    asked = words(checkpoint, tmp_path / "two")
    code, shown, errors = completed([*asked, *ray_cluster.words], **ray_cluster.environment)
    assert code == 0 and errors == "", shown + errors
    expected = uninterrupted(asked, tmp_path / "one", LIMIT)
    assert len(expected) == 6 * LIMIT
    pd.testing.assert_frame_equal(records(asked, tmp_path / "two", LIMIT), expected)


# What tells, wherever it is imported, which copy of the repository that is.
TELLING = """
import os, pathlib
(pathlib.Path({folder!r}) / str(os.getpid())).write_text(__file__)
"""


def test_a_submitted_job_runs_the_code_that_it_ships(
    ray_cluster: Cluster, checkpoint: Path, tmp_path: Path
) -> None:
    copy, told = tmp_path / "copy", tmp_path / "told"
    told.mkdir()
    for part in ("axon", "conf", "pipeline"):
        shutil.copytree(ROOT / part, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "launch.py", copy)
    with open(copy / "pipeline/workers/trial.py", "a") as trial:
        trial.write(TELLING.format(folder=str(told)))
    group = "+sweep.groups.g={grid: {seed: [1, 2]}, set: {temperature: 0.7}}"
    small = [f"limit={LIMIT}", "gen_length=8", "block_length=4", "wandb=off", f"model.path={checkpoint}"]
    asked = ["~sweep.groups.setting", group, *small, f"out={tmp_path / 'job'}"]
    joined = [sys.executable, "launch.py", "cluster=ray_address", "cluster.gpus_per_worker=0", *asked]
    where = ["--address", ray_cluster.jobs, "--working-dir", str(copy)]
    shipped = ["--runtime-env", str(ROOT / "deploy/runtime_env.yaml")]
    done = subprocess.run(
        [RAY, "job", "submit", *where, *shipped, "--", *joined],
        env={**os.environ, **ray_cluster.environment},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    copies = {file.read_text() for file in told.iterdir()}
    assert len(list(told.iterdir())) >= 2 and all("working_dir_files" in path for path in copies), copies
    expected = uninterrupted(asked, tmp_path / "one", LIMIT)
    assert len(expected) == 2 * LIMIT
    pd.testing.assert_frame_equal(records(asked, tmp_path / "job", LIMIT), expected)


def test_a_model_over_two_gpus_goes_where_a_machine_has_two(
    ray_cluster: Cluster, checkpoint: Path, tmp_path: Path
) -> None:
    """Ray counts the GPUs that it is told of; torch finds none here, so that the worker decodes on its core."""
    group = "+sweep.groups.g={grid: {seed: [1, 2]}, set: {temperature: 0.7}}"
    small = [f"limit={LIMIT}", "gen_length=8", "block_length=4", "wandb=off", f"model.path={checkpoint}"]
    asked = ["~sweep.groups.setting", group, *small, f"out={tmp_path / 'two'}"]
    joined = ["cluster=ray_address", f"cluster.address={ray_cluster.address}"]
    with ray_cluster.node("--num-gpus=2"):
        code, shown, errors = completed([*asked, *joined, "model.gpus=3"], **ray_cluster.environment)
        assert code == 2 and "cluster.gpus_per_worker=3: no machine has that many GPUs" in errors, errors
        assert "1 core and 2 GPUs, 1 core and no GPUs; lower it, and model.gpus where" in errors
        code, shown, errors = completed([*asked, *joined, "model.gpus=2"], **ray_cluster.environment)
    assert code == 0 and errors == "", shown + errors
    expected = uninterrupted(asked, tmp_path / "one", LIMIT)
    pd.testing.assert_frame_equal(records(asked, tmp_path / "two", LIMIT), expected)


@pytest.mark.parametrize(
    "words_more, token, expected",
    [
        (
            ["cluster.gpus_per_worker=1"],
            {"RAY_AUTH_MODE": "token"},
            "have 1 core and no GPUs; set cluster.gpus_per",
        ),
        ([], {}, "export RAY_AUTH_MODE=token if it was started with one"),
    ],
)
def test_what_a_cluster_cannot_give_is_told_in_a_line(
    ray_cluster: Cluster,
    checkpoint: Path,
    tmp_path: Path,
    words_more: list[str],
    token: dict[str, str],
    expected: str,
) -> None:
    asked = [*words(checkpoint, tmp_path), *ray_cluster.words, *words_more]
    code, shown, errors = completed(asked, HOME=ray_cluster.environment["HOME"], **token)
    assert code == 2, shown + errors
    assert expected in errors and errors.count("\n") == 1
