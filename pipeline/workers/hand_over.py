"""What Tune does at every hand-over, from a worker's trial to its next, and nobody here needs: left out.

Meanwhile that worker waits, and where workers keep all cores busy another one is held up. tune_search.py puts it in
place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pipeline.workers.private_ray import has

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
