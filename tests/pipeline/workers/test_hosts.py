"""A Ray cluster of several hosts, each with a network, files and processes of its own, joined by nothing but cables.

The head has no copy of the repository: what runs there was shipped. A machine that is no node submits a sweep; a host
comes in mid-sweep, and is cut off then, so that it answers nobody and hangs up on nobody.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from tests.pipeline.commands import records, uninterrupted
from tests.pipeline.conftest import ROOT
from tests.pipeline.hosts import NEEDED, Host, Network, network, why_not
from tests.pipeline.ray_nodes import PLAIN, RAY, node_command, started

pytestmark = pytest.mark.slow
LIMIT = 8
TOKEN = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0123456789abcdef" * 4}
# Where nothing else is set, Ray gives a host that answers nobody up after a minute.
WATCHFUL = {
    "RAY_health_check_period_ms": "500",
    "RAY_health_check_timeout_ms": "2000",
    "RAY_health_check_failure_threshold": "8",
}
PATIENCE = 240.0  # seconds


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, checkpoint: Path) -> Path:
    """What every host sees as /mnt, as a folder of the network."""
    folder = tmp_path_factory.mktemp("shared")
    shutil.copytree(checkpoint, folder / "model")
    return folder


@pytest.fixture(scope="module")
def hosts(shared: Path) -> Iterator[Network]:
    """A cluster of the hosts head and worker, and another host that is no part of it."""
    with network(shared) as found:
        head, worker = found.host("head"), found.host("worker", hidden=False)
        found.host("elsewhere", hidden=False)
        join(head, "--head", "--port=6379", "--dashboard-host=0.0.0.0")
        join(worker, "--address=head:6379")
        yield found


def join(host: Host, *words: str) -> None:
    """Ray's node on this host, until that ends."""
    environment = {**TOKEN, **WATCHFUL, **PLAIN}
    node = started(lambda: host.start(node_command([*words]), environment))
    threading.Thread(target=node.communicate, daemon=True).start()  # nobody reads what else it says


def words(shared: str | Path, name: str, seeds: list[int]) -> list[str]:
    group = f"+sweep.groups.g={{grid: {{seed: {seeds}}}, set: {{temperature: 0.7}}}}"
    small = [f"limit={LIMIT}", "slice_size=4", "gen_length=8", "block_length=4", "wandb=off"]
    return ["~sweep.groups.setting", group, *small, f"model.path={shared}/model", f"out={shared}/{name}"]


def joined(name: str, seeds: list[int], address: str) -> list[str]:
    return [
        *words("/mnt", name, seeds), "cluster=ray_address", f"cluster.address={address}", "cluster.gpus_per_worker=0",
    ]  # fmt: skip


def assert_stored(shared: Path, name: str, seeds: list[int], whole: Path) -> None:
    """What the hosts have stored is what this process decodes by itself."""
    expected = uninterrupted(words(shared, "whole", seeds), whole, LIMIT)
    assert len(expected) == len(seeds) * LIMIT
    pd.testing.assert_frame_equal(records(words(shared, name, seeds), shared / name, LIMIT), expected)


@pytest.mark.parametrize("refused", NEEDED)
def test_where_a_step_is_refused_the_reason_is_told(
    refused: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / refused).write_text("#!/bin/sh\necho not permitted >&2\nexit 1\n")
    (tmp_path / refused).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    reason = why_not.__wrapped__()
    assert reason and "not permitted" in reason and "\n" not in reason


def test_a_host_sees_the_checkout_unless_it_is_hidden(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here it lies in /tmp, which every host has for itself."""
    for name in ("checkout", "shared"):
        (tmp_path / name).mkdir()
    (file := tmp_path / "checkout/launch.py").touch()
    monkeypatch.setattr("tests.pipeline.hosts.ROOT", file.parent)
    with network(tmp_path / "shared") as made:
        for hidden in (True, False):
            code, _ = made.host(f"host{hidden}", hidden).run(["test", "-e", str(file)])
            assert code == hidden


def test_hosts_end_with_the_process_that_made_them_however_it_ends(tmp_path: Path) -> None:
    if reason := why_not():
        pytest.skip(reason)
    (shared := tmp_path / "shared").mkdir()
    code = f"""
import os, signal, sys
from pathlib import Path
from types import SimpleNamespace
sys.modules["tests.pipeline.conftest"] = SimpleNamespace(ROOT=Path({str(ROOT)!r}))  # which imports torch
from tests.pipeline import hosts
with hosts.network(Path({str(shared)!r})) as made:
    host = made.host("one")
    host.start(["sleep", "600"])
    print(made.pid, host.pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    pids = done.stdout.split()
    assert done.returncode == -9 and len(pids) == 2, done.stderr
    until = time.monotonic() + 30
    while left := [pid for pid in pids if Path(f"/proc/{pid}").exists()]:
        assert time.monotonic() < until, left
        time.sleep(0.05)


def test_a_machine_that_is_no_node_submits_a_sweep(hosts: Network, shared: Path, tmp_path: Path) -> None:
    where = ["--address", "http://head:8265", "--working-dir", str(ROOT)]
    shipped = ["--runtime-env", str(ROOT / "deploy/runtime_env.yaml")]
    sweep = [sys.executable, "launch.py", *joined("submitted", [1, 2], "auto")]
    code, said = hosts["elsewhere"].run([RAY, "job", "submit", *where, *shipped, "--", *sweep], TOKEN)
    assert code == 0, said
    assert_stored(shared, "submitted", [1, 2], tmp_path)


def test_a_host_that_comes_gets_work_and_what_it_has_when_it_is_cut_off_is_done_elsewhere(
    hosts: Network, shared: Path, tmp_path: Path
) -> None:
    (held := shared / "held").mkdir()
    environment = {**TOKEN, "HELD": "/mnt/held", "RESULTS": os.devnull}
    toy = [sys.executable, str(ROOT / "tests/pipeline/toy_command.py")]
    command = hosts["worker"].start([*toy, *joined("held", [1, 2, 3], "head:6379")], environment)
    try:
        await_steps(command, held, {"head", "worker"})
        join(late := hosts.host("late"), "--address=head:6379")
        await_steps(command, held, {"head", "worker", "late"})
        late.cut()
        assert command.stdout
        assert any(line.strip().endswith("trying again what is missing") for line in command.stdout)
        late.mend()
        (held / "go").touch()
        shown, _ = command.communicate(timeout=PATIENCE)
    finally:
        command.kill()
    assert command.returncode == 0, shown
    assert len({step.name.split("-")[0] for step in held.glob("*-*")}) == 3
    assert_stored(shared, "held", [1, 2, 3], tmp_path)


def await_steps(command: subprocess.Popen[str], held: Path, names: set[str]) -> None:
    """Until a worker on each of these hosts is within a step."""
    until = time.monotonic() + PATIENCE
    while {step.name.split("-")[1] for step in held.glob("*-*")} < names:
        assert command.poll() is None and time.monotonic() < until, f"no worker on each of {names}"
        time.sleep(0.1)
