"""Ray: started for this command or joined, watched while it is used, and shut down or left alone afterwards.

What concerns Ray Tune is in sweep.py, trial.py and tune_search.py, what is changed of Ray itself in private_ray.py.
"""

from __future__ import annotations

import atexit
import json
import logging
import math
import os
import secrets
import socket
import sys
import warnings
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from time import monotonic, sleep
from typing import Any

# Ray reads these when it is imported.
ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_prestart_worker_first_driver": "0",  # early.py says when workers start before they are needed
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # ours stops at once: finished slices are in the store already
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "TUNE_GLOBAL_CHECKPOINT_S": "1000000000",  # nobody reads Tune's record of its trials; writing it takes up to 5 %
    "TUNE_MAX_PENDING_TRIALS_PG": "100000",  # our search counts the workers; Tune would start one after the other
}
os.environ.update(ENVIRONMENT)

import ray  # noqa: E402
import ray._private.services as ray_services  # noqa: E402
import ray._private.worker as ray_worker  # noqa: E402
from ray.exceptions import AuthenticationError  # noqa: E402

from pipeline.environment import REPOSITORY  # noqa: E402
from pipeline.errors import ConfigError  # noqa: E402
from pipeline.inputs.config import ClusterSettings  # noqa: E402
from pipeline.jobs.display import Display  # noqa: E402
from pipeline.stop import FAILED, Lost, Terminated, exit_code  # noqa: E402
from pipeline.workers.aside import Room  # noqa: E402
from pipeline.workers.capacity import Machine, check_room, need_of  # noqa: E402
from pipeline.workers.private_ray import free_resources, silence_workers, small_ray  # noqa: E402
from pipeline.workers.scratch import scratch_folder  # noqa: E402

OBJECT_STORE_BYTES = 100 * 2**20  # only settings and totals pass through it
START_ATTEMPTS = 3
UNSHIPPED = ["outputs", ".git", ".venv", "tests", "**/__pycache__"]
JOB_CONFIG = (
    "RAY_JOB_CONFIG_JSON_ENV_VAR"  # the variable's name, in which `ray job submit` tells its runtime_env
)
LOOK_SECONDS = 2.0  # between two looks at a joined cluster
NODE_SECONDS = 30.0  # a node of this machine may be starting; Ray looks for one for 60, then blames the head
SILENCE_SECONDS = 30.0  # a joined cluster's head may be restarting; after 60 Ray kills this process silently
VITAL = {"gcs_server": "its head process", "raylet": "its node process"}


class Ground:
    """The Ray that a sweep runs on."""

    def __init__(self, cluster: ClusterSettings, scratch: str) -> None:
        self.scratch = scratch  # a folder for Ray's files
        self._cluster = cluster
        self._measure()
        self.lost = False
        self._node: Any = ray_worker._global_node
        self._head = ray.get_runtime_context().gcs_address
        self._me = ray.get_runtime_context().get_node_id()
        self._looked = self._heard = monotonic()

    def check(self) -> None:
        """Raises Lost once nothing more can come from this Ray."""
        try:
            if self._cluster.address is None:
                self._check_own()
            elif monotonic() - self._looked >= LOOK_SECONDS:
                self._check_joined()
                self._looked = monotonic()
        except Lost:
            self.lost = True
            raise

    def _measure(self) -> None:
        """For how many workers there is room, and on how many machines, at the moment. Raises as `check_room`."""
        found, need = _machines(), need_of(self._cluster)
        workers = check_room(self._cluster, list(found.values()))
        self.room = Room(workers, frozenset(node for node, machine in found.items() if need.room(machine)))

    def full(self, apart: Collection[str]) -> list[str]:
        """The names of the machines that have room for a worker, none of it free, but for those of these ids."""
        need, free = need_of(self._cluster), free_resources()
        return [
            str(node["NodeManagerHostname"])
            for node in _nodes()
            if node["NodeID"] not in apart
            and need.room(_machine(node["Resources"]))
            and not need.room(_machine(free.get(node["NodeID"], node["Resources"])))
        ]

    def _check_own(self) -> None:
        for kind, process in self._node.dead_processes():
            if kind in VITAL:
                raise Lost(f"Ray has died ({VITAL[kind]} {kind} ended with code {process.returncode})")

    def _check_joined(self) -> None:
        if not _answers(self._head):
            if monotonic() - self._heard > SILENCE_SECONDS:
                raise Lost(
                    f"The Ray cluster's head at {self._head} hasn't answered for {SILENCE_SECONDS:g} seconds"
                )
            return
        self._heard = monotonic()
        if self._me not in {node["NodeID"] for node in _nodes()}:
            raise Lost("The Ray node on this machine has died")
        try:
            self._measure()
        except ConfigError as error:
            raise Lost(f"The Ray cluster has no room left for a worker ({error})") from None

    def leave(self, code: int) -> None:
        """Shuts a private Ray down, leaves a joined one. `code`: the exit code of this process.

        A Ray that is lost doesn't answer: its processes are killed, and this process, in which Ray would wait for
        them, exits at once.
        """
        with suppress(Lost):
            self.check()
        if not self.lost:
            ray.shutdown()
            return
        self._node.kill_all_processes(check_alive=False, allow_graceful=False)
        atexit.register(_exit_now, code)  # before what Ray has registered


@contextmanager
def ray_for(cluster: ClusterSettings, display: Display) -> Iterator[Ground]:
    """Ray, started or joined. Raises ConfigError if that fails or no machine has room for a worker."""
    logging.getLogger("ray").setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", module=r"ray\.")
    silence_workers()
    with scratch_folder() as scratch:
        ground: Ground | None = None
        code = FAILED
        try:
            if cluster.address is None:
                display.status("starting Ray")
                _start(cluster, scratch, display)
            else:
                # Ray itself says nothing meanwhile.
                waits = "half a minute, where it takes another token or no node runs here"
                display.status(f"joining Ray at {cluster.address} (up to {waits})")
                _join(cluster.address)
            ground = Ground(cluster, scratch)
            yield ground
        except KeyboardInterrupt as stop:
            code = exit_code(stop)
            raise
        except SystemExit as leaving:  # Ray's own answer to SIGTERM while it starts
            raise Terminated from leaving
        finally:
            ground.leave(code) if ground else ray.shutdown()


def _start(cluster: ClusterSettings, scratch: str, display: Display) -> None:
    """A private Ray. It allows itself 30 seconds, too few on a busy machine: so it is tried more than once, and then
    with its agents, in case that a release can't do without them.

    Raises ConfigError if it can't be started. Processes that a failed attempt leaves behind end with this one.
    """
    # A token of our own: Ray would write one to the user's home, and every later `ray start` would require it.
    os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    cores = math.ceil(cluster.workers * cluster.cpus_per_worker) if cluster.workers else os.cpu_count()
    reason = ""
    for attempt in range(START_ATTEMPTS):
        if attempt:
            display.note(f"Ray did not start ({reason}); trying again, with its agents")
        try:
            with small_ray(agents=attempt > 0):
                ray.init(
                    "local",  # or RAY_ADDRESS would count
                    num_cpus=cores,
                    include_dashboard=False,
                    log_to_driver=False,
                    logging_level=logging.CRITICAL,
                    object_store_memory=OBJECT_STORE_BYTES,
                    _temp_dir=f"{scratch}/{attempt}",
                )
            return
        except Exception as error:  # Ray raises a bare Exception if its node is slow to start
            ray.shutdown()
            reason = str(error).strip().splitlines()[0]
    raise ConfigError(
        [f"cluster.address=null: Ray did not start here ({reason}); free some cores, and try again"]
    )


def _join(address: str) -> None:
    """Raises ConfigError if there is no cluster to join, or if this machine is none of its nodes."""
    if address != "auto" or os.environ.get(
        "RAY_ADDRESS"
    ):  # else Ray itself looks here alone, and says so at once
        _await_node(address)
    try:
        with _hushed():
            ray.init(address, log_to_driver=False, logging_level=logging.CRITICAL, runtime_env=_code())
    except (ConnectionError, OSError, RuntimeError, ValueError, AuthenticationError) as error:
        reason = str(error).strip().splitlines()[0]
        if isinstance(error, AuthenticationError):
            reason = "no token; put the cluster's into ~/.ray/auth_token"
        remedy = (
            "start Ray there, export RAY_AUTH_MODE=token if it was started with one, or choose cluster=local"
        )
        raise ConfigError([f"cluster.address={address!r}: can't be joined ({reason}); {remedy}"]) from None


def _await_node(address: str) -> None:
    until = monotonic() + NODE_SECONDS
    while not ray_services.find_node_ids():  # type: ignore[no-untyped-call]
        if monotonic() > until:
            rule = "a sweep is driven from a machine of the cluster, and no Ray node runs on this one"
            remedy = "give the command there, start a node here, or submit a job (deploy/README.md)"
            raise ConfigError([f"cluster.address={address!r}: {rule}; {remedy}"])
        sleep(0.5)


def _code() -> dict[str, Any] | None:
    """This repository, for the workers; None within a job of `ray job submit` that has shipped it already.

    Ray refuses a second working_dir (ray/_private/worker.py: "Failed to merge the Job's runtime env").
    """
    job = json.loads(os.environ.get(JOB_CONFIG, "{}"))
    if (job.get("runtime_env") or {}).get("working_dir"):
        return None
    return {"working_dir": str(REPOSITORY), "excludes": UNSHIPPED}


@contextmanager
def _hushed() -> Iterator[None]:
    """Drops what Ray's C++ code writes to file descriptor 2, such as a line per second while a token is missing."""
    kept, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)


def _exit_now(code: int) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _nodes() -> list[dict[str, Any]]:
    return [node for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]


def _machines() -> dict[str, Machine]:
    """By Ray's id."""
    return {node["NodeID"]: _machine(node["Resources"]) for node in _nodes()}


def _machine(resources: Mapping[str, float]) -> Machine:
    return Machine(resources.get("CPU", 0.0), resources.get("GPU", 0.0))


def _answers(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=LOOK_SECONDS).close()
    except OSError:
        return False
    return True
