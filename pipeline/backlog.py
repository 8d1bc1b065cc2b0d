"""What is left to evaluate: handed out setting by setting, to this process or to a cluster's workers.

The plan stays open. Once all that was asked for is whole, was stopped or has failed for good, the plan's search is
asked for more, with the outcomes that the store holds. Neither the number of workers, nor the order in which they
finish, nor an interruption can therefore change what a search asks for. Knows nothing of Ray.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from types import MappingProxyType

from pipeline.assignment import Assignment
from pipeline.budget import Spent, exhausted, spent
from pipeline.config import BudgetSettings, ModelSettings, StopSettings
from pipeline.pending import outcomes, pending_slices, reachable, sizes
from pipeline.plan import Plan
from pipeline.retry import Losses
from pipeline.stopping import stand
from pipeline.store import Contents, Span, Store
from pipeline.totals import Totals, stored_totals

UNBOUNDED = BudgetSettings()


def advance(
    plan: Plan,
    store: Store,
    limit: int,
    slice_size: int,
    rule: StopSettings | None = None,
    tried: Mapping[str, int] = MappingProxyType({}),
) -> tuple[Contents, dict[str, list[Span]]]:
    """Asks the plan's search for more, until something that it asks for is missing from the store, or it is done.

    Returns what the store holds of all settings, and what is missing; notes in the plan what the rule stops. `tried`:
    up to which example settings were evaluated before: what they lack of that is not tried again. Raises ConfigError
    as `Plan.extend` does.
    """
    while True:
        contents = store.load(plan.settings, limit)
        due = sizes(plan, limit)
        failed = {sid: min(n, due[sid]) for sid, n in tried.items()}
        lacking = pending_slices(failed, contents.covered, slice_size)
        if rule is not None:
            asks = [[plan.settings[sid] for sid in ask] for ask in plan.asks]
            whole = {sid: reachable(setting, limit) for sid, setting in plan.settings.items()}
            standing = stand(asks, contents.records, whole, slice_size, rule, lacking)
            plan.stopped, due = standing.stopped, standing.due
        open_settings = {sid: n for sid, n in due.items() if sid not in lacking}
        pending = pending_slices(open_settings, contents.covered, slice_size)
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
        rule: StopSettings | None = None,
        budget: BudgetSettings = UNBOUNDED,
    ) -> None:
        """`asked` is called whenever the search has been asked, with what the store holds by then."""
        self.over = (
            False  # the search has nothing more to ask for, and all it asked for is settled; or left out
        )
        self.left_out: str | None = None  # why something was left out that was asked for
        self._plan, self._store, self._limit, self._slice_size = plan, store, limit, slice_size
        self._asked, self._rule, self._budget = asked, rule, budget
        self._spent: dict[str, Spent] | None = None  # by setting; None: not known yet, or of no interest
        self._waiting: dict[str, list[Span]] = dict(pending)
        self._taken: dict[str, list[Span]] = {}
        self._tried: dict[str, int] = {}  # up to which example a setting was evaluated, or given up
        self._failures: dict[str, str] = {}
        self._losses = Losses()

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
        if self._waiting and (line := self._exhausted()):
            self.left_out = line
            self._waiting.clear()
        if self.left_out:
            self.over = not self._taken
        if not self._waiting:
            return None
        sid = self._next(loaded)
        slices = self._taken[sid] = self._waiting.pop(sid)
        return Assignment(self._plan.settings[sid], tuple(slices))

    def finished(self, setting_id: str) -> None:
        """All that was assigned of it is evaluated."""
        self._settle(setting_id, max(stop for _, stop in self._taken[setting_id]))

    def failed(self, setting_id: str, error: str) -> None:
        """Nothing more is tried of it."""
        self._failures[setting_id] = error
        self._settle(setting_id, self._limit)

    def lost(self, setting_id: str, reason: str) -> Totals:
        """Its worker was lost: what is missing waits again, at the end, or is given up. Returns what is stored of it.

        The store is asked: the last slice may be stored although nobody reported it.
        """
        slices = self._taken[setting_id]
        contents = self._store.load([setting_id], self._limit)
        again = self._losses.again({setting_id: slices}, {setting_id: reason}, contents.covered)
        self._settle(setting_id, max(stop for _, stop in slices))
        if again and not self.left_out:
            self._waiting |= again
        return stored_totals(contents.records).get(setting_id, Totals())

    def reclaim(self, reason: str) -> None:
        """Counts as lost whatever is still taken."""
        for setting_id in list(self._taken):
            self.lost(setting_id, reason)

    def _settle(self, setting_id: str, tried: int) -> None:
        del self._taken[setting_id]
        self._tried[setting_id] = tried
        if self._spent is not None:
            self._spent |= spent(self._store.load([setting_id], self._limit).records)

    def _exhausted(self) -> str | None:
        """A line if the budget is spent."""
        if self._budget == UNBOUNDED:
            return None
        if self._spent is None:
            self._spent = spent(self._store.load(self._plan.settings, self._limit).records)
        return exhausted(self._budget, self._spent.values())

    def _ask(self) -> None:
        contents, self._waiting = advance(
            self._plan, self._store, self._limit, self._slice_size, self._rule, self._tried
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
