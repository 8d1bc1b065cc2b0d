"""What Tune does at every hand-over, from a worker's trial to its next, and nobody here needs: left out.

Meanwhile that worker waits, and where workers keep all cores busy another one is held up. A release that lacks a name
is left as it is (private_ray.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pipeline.workers.capacity import Need
from pipeline.workers.private_ray import change, has

from ray.tune import PlacementGroupFactory  # isort: skip  # sweep.py imports cluster.py first

MAKING = "ray.tune.experiment.config_parser"  # where Tune makes a trial of what a search suggests
READ = "max_failures"  # all that it reads of the command line which it writes and parses for that


def unasked(trial: Any) -> Any:
    """Tune's trials; but they don't ask their worker, twice each, for figures to show until it has a result."""

    class Unasked(trial):  # type: ignore[misc]
        def set_ray_actor(self, ray_actor: Any) -> None:
            self.temporary_state.ray_actor = ray_actor

    return Unasked if has("ray.tune.experiment.trial", "_TemporaryTrialState") else trial


def short_line(written: Callable[[Mapping[str, Any]], Any]) -> Callable[[Mapping[str, Any]], Any]:
    """Tune's own, of what is read again alone: it would write out the whole config, the setting included."""
    return lambda spec: written({key: value for key, value in spec.items() if key == READ})


change(MAKING, "Trial", unasked)
change(MAKING, "_to_argv", short_line)


class Cores(PlacementGroupFactory):
    """What each worker gets, the same object for all trials: Tune compares them ten times a trial, which takes long if
    they are copies.
    """

    @classmethod
    def of(cls, need: Need) -> Cores:
        return cls([{"CPU": need.cpus, "GPU": need.gpus}])

    def __deepcopy__(self, memo: object) -> Cores:
        return self  # nothing of it changes
