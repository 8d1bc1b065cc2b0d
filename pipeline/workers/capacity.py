"""How many workers fit on the machines, given what a worker needs.

A worker's cores and GPUs must be on the same machine. Nothing here depends on Ray.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from pipeline.checkpoints.devices import gpu_count, has_gpu
from pipeline.errors import ConfigError
from pipeline.inputs.config import ClusterSettings, ModelSettings

SLACK = 1e-9  # ten times 0.1 is a whole GPU


@dataclass(frozen=True)
class Machine:
    cpus: float
    gpus: float

    def __str__(self) -> str:
        return f"{_count(self.cpus, 'core')} and {_count(self.gpus, 'GPU')}"


@dataclass(frozen=True)
class Need:
    """What one worker takes."""

    cpus: float
    gpus: float

    def __str__(self) -> str:
        return str(Machine(self.cpus, self.gpus))

    def room(self, machine: Machine) -> int:
        """How many such workers fit on the machine. A fraction of a GPU lies on one GPU."""
        by_cpus = int(machine.cpus / self.cpus + SLACK)
        if not self.gpus:
            return by_cpus
        shared = int(machine.gpus) * self.sharing
        return min(by_cpus, shared if self.gpus <= 1 else int(machine.gpus / self.gpus + SLACK))

    @property
    def sharing(self) -> int:
        """How many such workers a GPU may have."""
        return max(1, int(1 / self.gpus + SLACK)) if self.gpus else 1


def widened(cluster: ClusterSettings, models: Iterable[ModelSettings]) -> ClusterSettings:
    """With as many GPUs for each worker as the largest of the models is split over, if workers have GPUs at all."""
    most = max((model.gpus for model in models), default=1)
    least = (1.0 if has_gpu() else 0.0) if cluster.gpus_per_worker is None else cluster.gpus_per_worker
    return replace(cluster, gpus_per_worker=float(most)) if most > 1 and 0 < least < most else cluster


def unsplit(cluster: ClusterSettings, models: Iterable[ModelSettings]) -> list[str]:
    """A line for each `model.gpus` above 1 that changes nothing, as no worker of this machine uses a GPU."""
    on_cores = cluster.address is None and not need_of(cluster).gpus
    counts = {model.gpus for model in models if model.gpus > 1 and (on_cores or model.device == "cpu")}
    why = "changes nothing, since no GPU is used here: the model is on the processor as a whole"
    return [f"model.gpus={count}: {why}" for count in sorted(counts)]


def need_of(cluster: ClusterSettings) -> Need:
    """Raises ConfigError for a number of GPUs that a process can't be given."""
    gpus = cluster.gpus_per_worker
    if gpus is None:
        gpus = 1.0 if has_gpu() else 0.0
    if gpus > 1 and gpus != int(gpus):
        line = f"cluster.gpus_per_worker={gpus:g}: more than one GPU must be a whole number; round it"
        raise ConfigError([line])
    return Need(cluster.cpus_per_worker, gpus)


def this_machine() -> Machine:
    return Machine(os.cpu_count() or 1, gpu_count())


def check_room(cluster: ClusterSettings, machines: Sequence[Machine]) -> int:
    """How many workers fit on all machines together. Raises ConfigError, with what they have, if none fits."""
    need = need_of(cluster)
    if room := sum(need.room(machine) for machine in machines):
        return room
    where = "this machine has" if cluster.address is None else "the cluster's machines have"
    have = ", ".join(sorted({str(machine) for machine in machines})) or "nothing"
    raise ConfigError([f"{_excess(need, machines)}; {where} {have}; {_remedy(cluster, need, machines)}"])


def _excess(need: Need, machines: Sequence[Machine]) -> str:
    """Key, value and rule for what exceeds every machine: the GPUs, the cores, or both together."""
    if need.gpus > max((machine.gpus for machine in machines), default=0):
        return f"cluster.gpus_per_worker={need.gpus:g}: no machine has that many GPUs"
    if need.cpus > max((machine.cpus for machine in machines), default=0):
        return f"cluster.cpus_per_worker={need.cpus:g}: no machine has that many cores"
    return f"cluster.cpus_per_worker={need.cpus:g}: no machine has {need} together"


def _remedy(cluster: ClusterSettings, need: Need, machines: Sequence[Machine]) -> str:
    if need.gpus and not any(machine.gpus for machine in machines):
        lower = "set cluster.gpus_per_worker=0 to run on cores"
    elif need.gpus > 1:
        lower = "lower it, and model.gpus where that asks for as many"
    else:
        lower = "lower it"
    if cluster.address is None:
        return lower
    return f"{lower}, or add machines first (a sweep doesn't wait for a cluster to grow)"


def _count(number: float, noun: str) -> str:
    return f"{number:g} {noun}{'s' * (number != 1)}" if number else f"no {noun}s"
