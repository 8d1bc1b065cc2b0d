"""Ray nodes of one core on loopback, started with the commands that docs/cluster.md gives."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import EVEN
from tests.pipeline.commands import descendants, still_running

RAY = str(Path(sys.executable).with_name("ray"))
# What a test needs and a user doesn't: small, on ports that nobody has, watched until it ends.
SMALL = [
    "--num-cpus=1",
    "--min-worker-port=0",
    "--max-worker-port=0",
    "--object-store-memory=100000000",
    "--no-monitor",  # which would ask a cloud for more machines
    "--include-log-monitor=false",  # which would send the driver what the workers print
    "--block",
]
# No worker for a driver that asks for none: those of a sweep need its code, so that they take no such worker.
PLAIN = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_prestart_worker_first_driver": "0", **EVEN}
ATTEMPTS, TOO_LATE = 3, "timed out during startup"


@dataclass(frozen=True)
class Cluster:
    address: str
    environment: dict[str, str]  # with which its token is found

    @property
    def words(self) -> list[str]:
        """What a command is told to join it."""
        return ["cluster=ray_address", f"cluster.address={self.address}", "cluster.gpus_per_worker=0"]

    @contextmanager
    def node(self, *more: str) -> Iterator[subprocess.Popen[str]]:
        """One more node, for a while, started with `more` options. Yields its first process."""
        with folder_of_a_node() as folder:
            process = start_node([f"--address={self.address}", folder, *more], self.environment)
            try:
                yield process
            finally:
                end([process])


@contextmanager
def at_once(*nodes: AbstractContextManager[Any]) -> Iterator[None]:
    """Nodes that start beside each other: each takes six seconds, most of which it waits."""
    with ExitStack() as stack:
        with ThreadPoolExecutor(len(nodes)) as starting:
            list(starting.map(stack.enter_context, nodes))
        yield


@contextmanager
def folder_of_a_node() -> Iterator[str]:
    """An option that gives a node files of its own, as on a machine of its own.

    In the folder of another node it would replace the shipped code, in which that one's workers stand.
    """
    folder = tempfile.mkdtemp(prefix="axon-node-", dir="/tmp")  # sockets: a short path
    try:
        yield f"--temp-dir={folder}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def start_node(words: list[str], environment: dict[str, str]) -> subprocess.Popen[str]:
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("RAY_")}
    env = {**inherited, **environment, **PLAIN}

    def start() -> subprocess.Popen[str]:
        return subprocess.Popen(
            node_command(words),
            env=env,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    return started(start)


def node_command(words: list[str]) -> list[str]:
    return [RAY, "start", *words, *SMALL]


def started(start: Callable[[], subprocess.Popen[str]]) -> subprocess.Popen[str]:
    """The process of `node_command`, once its node is there.

    Ray gives a node 30 seconds, too few on a starved machine (ray/_private/node.py): then it is tried again, as a
    private Ray is.
    """
    for _ in range(ATTEMPTS):
        process, said = start(), []
        assert process.stdout
        for line in process.stdout:
            said.append(line)
            if "Ray runtime started" in line:
                return process
        process.wait()
        if not any(TOO_LATE in line for line in said):
            break
    raise AssertionError(f"{process.args}: {''.join(said)}")


def end(nodes: list[subprocess.Popen[str]]) -> None:
    below = set().union(*(descendants(process.pid) for process in nodes))
    for process in reversed(nodes):
        process.terminate()
        process.communicate(timeout=60)
    assert still_running(below, 120) == []


def free_port() -> int:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", 0))
        except OSError as error:
            pytest.skip(f"no port on loopback ({error})")
        return int(probe.getsockname()[1])
