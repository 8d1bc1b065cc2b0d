"""README's recipe for a cluster, command by command, with two Ray nodes on loopback; what such a cluster refuses."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
from commands import descendants, records, start, still_running, uninterrupted

pytestmark = pytest.mark.slow
LIMIT = 8
RAY = str(Path(sys.executable).with_name("ray"))
# What a test needs and a user doesn't: small, on loopback, on ports that nobody has, watched until it ends.
SMALL = [
    "--num-cpus=1",
    "--min-worker-port=0",
    "--max-worker-port=0",
    "--object-store-memory=100000000",
    "--block",
]


@dataclass(frozen=True)
class Cluster:
    address: str
    home: Path


def free_port() -> int:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", 0))
        except OSError as error:
            pytest.skip(f"no port on loopback ({error})")
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Two nodes of one core, started as README says."""
    home, port = tmp_path_factory.mktemp("home"), free_port()
    folder = tempfile.mkdtemp(prefix="axon-two-", dir="/tmp")  # sockets: a short path
    env = {**os.environ, "HOME": str(home), "RAY_AUTH_MODE": "token", "RAY_USAGE_STATS_ENABLED": "0"}
    env.pop("RAY_ADDRESS", None)
    subprocess.run([RAY, "get-auth-token", "--generate"], env=env, check=True, capture_output=True)
    here = ["--node-ip-address=127.0.0.1", f"--temp-dir={folder}", "--include-dashboard=false"]
    nodes: list[subprocess.Popen[str]] = []
    try:
        for command in (["--head", f"--port={port}", *here], [f"--address=127.0.0.1:{port}"]):
            nodes.append(node(["start", *command, *SMALL], env))
        yield Cluster(f"127.0.0.1:{port}", home)
    finally:
        below = set().union(*(descendants(process.pid) for process in nodes))
        for process in reversed(nodes):
            process.terminate()
            process.communicate(timeout=60)
        assert still_running(below, 30) == []
        shutil.rmtree(folder, ignore_errors=True)


def node(words: list[str], env: dict[str, str]) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        [RAY, *words], env=env, text=True, stdout=pipe, stderr=subprocess.STDOUT, start_new_session=True
    )
    assert process.stdout
    said = []
    for line in process.stdout:
        said.append(line)
        if "Ray runtime started" in line:
            return process
    raise AssertionError(f"ray {' '.join(words)}: {''.join(said)}")


def words(checkpoint: Path, out: Path) -> list[str]:
    small = ["trade_off.values=[0.5]", f"limit={LIMIT}", "slice_size=4", "wandb=off"]
    return ["sweep=uncertainty_threshold", *small, f"model.path={checkpoint}", f"out={out}"]


def launched(cluster: Cluster, words: list[str], **environment: str) -> tuple[int, str, str]:
    home = {"HOME": str(cluster.home)}
    process = start(
        [*words, "cluster=ray_address", f"cluster.address={cluster.address}"], **home, **environment
    )
    try:
        shown, errors = process.communicate(timeout=300)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    return process.returncode, shown, errors


def test_the_recipe_gives_what_one_machine_gives(cluster: Cluster, checkpoint: Path, tmp_path: Path) -> None:
    asked = words(checkpoint, tmp_path / "two")
    code, shown, errors = launched(cluster, [*asked, "cluster.gpus_per_worker=0"], RAY_AUTH_MODE="token")
    assert code == 0 and errors == "", shown + errors
    expected = uninterrupted(asked, tmp_path / "one", LIMIT)
    assert len(expected) == 6 * LIMIT
    pd.testing.assert_frame_equal(records(asked, tmp_path / "two", LIMIT), expected)


@pytest.mark.parametrize(
    "word, environment, expected",
    [
        (
            "cluster.gpus_per_worker=1",
            {"RAY_AUTH_MODE": "token"},
            "have 1 core and no GPUs; set cluster.gpus_per",
        ),
        ("cluster.gpus_per_worker=0", {}, "export RAY_AUTH_MODE=token if it was started with one"),
    ],
)
def test_what_a_cluster_cannot_give_is_told_in_a_line(
    cluster: Cluster, checkpoint: Path, tmp_path: Path, word: str, environment: dict[str, str], expected: str
) -> None:
    code, shown, errors = launched(cluster, [*words(checkpoint, tmp_path), word], **environment)
    assert code == 2, shown + errors
    assert expected in errors and errors.count("\n") == 1
