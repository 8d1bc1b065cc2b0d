"""What is left to evaluate: handed out setting by setting, to this process or to a cluster's workers.

The plan stays open. Once all that was asked for is whole or has failed for good, the plan's search is asked for more,
with the outcomes that the store holds. Neither the number of workers, nor the order in which they finish, nor an
interruption can therefore change what a search asks for. Knows nothing of Ray.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Mapping

from pipeline.assignment import Assignment
from pipeline.config import ModelSettings
from pipeline.pending import outcomes, pending_slices
from pipeline.plan import Plan
from pipeline.retry import Losses
from pipeline.store import Contents, Span, Store
from pipeline.totals import Totals, stored_totals


def advance(
    plan: Plan, store: Store, limit: int, slice_size: int, settled: Container[str] = ()
) -> tuple[Contents, dict[str, list[Span]]]:
    """Asks the plan's search for more, until something that it asks for is missing from the store, or it is done.

    Returns what the store holds of all settings, and what is missing. `settled`: settings that are not tried again,
    whatever they lack. Raises ConfigError as `Plan.extend` does.
    """
    while True:
        contents = store.load(plan.settings, limit)
        open_settings = [setting for sid, setting in plan.settings.items() if sid not in settled]
        pending = pending_slices(open_settings, contents, limit, slice_size)
        if pending or not plan.extend(outcomes(plan, contents.records)):
            return contents, pending


class Backlog:
    """Keeps count of what waits and of what is being worked on. Every assignment taken is answered by one of
    `finished`, `failed` and `lost`.
    """

    def __init__(
        self,
        plan: Plan,
        store: Store,
        limit: int,
        slice_size: int,
        pending: Mapping[str, list[Span]],
        asked: Callable[[Contents], None] = lambda contents: None,
    ) -> None:
        """`asked` is called whenever the search has been asked, with what the store holds by then."""
        self.over = False  # the search has nothing more to ask for, and all it asked for is settled
        self._plan, self._store, self._limit, self._slice_size = plan, store, limit, slice_size
        self._asked = asked
        self._waiting: dict[str, list[Span]] = dict(pending)
        self._taken: dict[str, list[Span]] = {}
        self._settled: set[str] = set()
        self._failures: dict[str, str] = {}
        self._losses = Losses()
        self._bereft: set[str] = set()  # settings that have lost a worker

    @property
    def failures(self) -> dict[str, str]:
        """The settings that failed or were given up, each with its error in a line."""
        return self._failures | self._losses.given_up

    @property
    def taken(self) -> int:
        """How many assignments are being worked on."""
        return len(self._taken)

    def take(self, loaded: ModelSettings | None = None) -> Assignment | None:
        """The next assignment, for a worker that has this model loaded; None when it must wait or all is over."""
        if not self._waiting and not self._taken and not self.over:
            self._ask()
        if not self._waiting:
            return None
        sid = self._next(loaded)
        slices = self._taken[sid] = self._waiting.pop(sid)
        return Assignment(self._plan.settings[sid], tuple(slices), apart=sid in self._bereft)

    def finished(self, setting_id: str) -> None:
        del self._taken[setting_id]
        self._settled.add(setting_id)

    def failed(self, setting_id: str, error: str) -> None:
        self._failures[setting_id] = error
        self.finished(setting_id)

    def lost(self, setting_id: str, reason: str) -> Totals:
        """Its worker was lost: what is missing waits again, at the end, or is given up. Returns what is stored of it.

        The store is asked: the last slice may be stored although nobody reported it.
        """
        self._bereft.add(setting_id)
        slices = self._taken[setting_id]
        contents = self._store.load([setting_id], self._limit)
        again = self._losses.again({setting_id: slices}, {setting_id: reason}, contents.covered)
        self.finished(setting_id)
        if again:
            self._settled.remove(setting_id)
            self._waiting |= again
        return stored_totals(contents.records).get(setting_id, Totals())

    def reclaim(self, reason: str) -> None:
        """Counts as lost whatever is still taken."""
        for setting_id in list(self._taken):
            self.lost(setting_id, reason)

    def _ask(self) -> None:
        contents, self._waiting = advance(
            self._plan, self._store, self._limit, self._slice_size, self._settled
        )
        self.over = not self._waiting
        self._asked(contents)

    def _next(self, loaded: ModelSettings | None) -> str:
        """The first that waits of the worker's model; failing that, of the model with the most left per worker."""
        models = {sid: self._plan.settings[sid].model for sid in [*self._waiting, *self._taken]}
        left = Counter(models[sid] for sid in self._waiting)
        workers = Counter(models[sid] for sid in self._taken)
        chosen = loaded if loaded in left else max(left, key=lambda model: left[model] / (workers[model] + 1))
        return next(sid for sid in self._waiting if models[sid] == chosen)
