"""Workers of a private Ray that start with it: they import what decoding needs while this process still prepares.

Ray's processes read from their environment how many, and what they import (src/ray/raylet/worker_pool.cc: Start,
BuildProcessCommandArgs). Such a worker is taken for a trial only if that asks for no runtime environment of its own
(WorkerFitsForTask; `tune_search.PlainWorkers`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from pipeline.environment import REPOSITORY
from pipeline.inputs.config import ClusterSettings
from pipeline.workers.capacity import check_room, need_of, this_machine

PRELOADED = "pipeline.workers.preload"
# Milliseconds; Ray's own is a second. As soon as cores are set aside for trials, Ray counts workers that have none yet
# as too many, and ends those that had nothing to do for so long (worker_pool.cc, TryKillingIdleWorkers).
IDLE = 24 * 3600 * 1000
# Seconds. Ray answers this process once these workers have registered, and holds the interpreter's lock until then; one
# that it gave up, after 60 seconds by default, never registers, and nobody is told (worker_pool.cc,
# MonitorStartingWorkerProcess). A slow disk, or a pause of the whole job, takes longer.
REGISTER = 24 * 3600


def early_workers(cluster: ClusterSettings, slices: int, threads: int) -> dict[str, str]:
    """The variables by which Ray starts a worker for each of so many slices, if there is room, with so many threads.

    None on a cluster, which is there already, nor where a worker gets a GPU: Ray says which one only with the trial,
    and what is imported before that must not look for GPUs.
    """
    if cluster.address is not None or need_of(cluster).gpus:
        return {}
    count = min(
        slices, cluster.workers or check_room(cluster, [this_machine()])
    )  # else one a core would start
    path = os.environ.get("PYTHONPATH")
    return {
        "RAY_enable_worker_prestart": "1",
        "RAY_worker_maximum_startup_concurrency": str(count),
        "RAY_idle_worker_killing_time_threshold_ms": str(IDLE),
        "RAY_worker_register_timeout_seconds": str(REGISTER),
        "RAY_preload_python_modules": PRELOADED,
        "PYTHONPATH": os.pathsep.join([str(REPOSITORY), *([path] if path else [])]),
        "OMP_NUM_THREADS": str(threads),  # as Ray sets it for a trial, too late for what is imported
    }


@contextmanager
def inherited(variables: Mapping[str, str]) -> Iterator[None]:
    """Within, processes that start find these in their environment."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
