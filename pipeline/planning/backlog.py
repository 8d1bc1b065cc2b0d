"""What is left to evaluate: handed out to this process or to a cluster's workers, whole settings first.

An assignment is at most an equal share, per worker, of the slices that wait: so the last settings, or the only one, are
shared by all workers, who finish together whatever their speeds (guided self-scheduling; Polychronopoulos and Kuck,
IEEE Trans. Computers C-36, 1987, 1425).

The plan stays open. Once all that was asked for is whole, was stopped or has failed for good, the plan's search is
asked for more, with the outcomes that the store holds. Neither the number of workers, nor the order in which they
finish, nor an interruption can therefore change what a search asks for. Knows nothing of Ray.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import numpy as np

from pipeline.inputs.config import BudgetSettings, ModelSettings, StopSettings
from pipeline.planning.assignment import Assignment
from pipeline.planning.budget import Spent, exhausted, spent
from pipeline.planning.line import NEAREST
from pipeline.planning.pending import outcomes, pending_slices, reachable, sizes
from pipeline.planning.plan import Plan
from pipeline.planning.retry import Losses
from pipeline.planning.setting import Setting
from pipeline.planning.stopping import stand
from pipeline.search import Outcome
from pipeline.storage.store import Contents, Span, Store
from pipeline.storage.totals import Totals, stored_totals

UNBOUNDED = BudgetSettings()
FEW_LINES = 2  # of neighbours, for each worker: of more, none is left alone in the end
FEW_WAITING = (FEW_LINES + 1) * (2 * NEAREST + 1)  # so many settings are of more lines


def _any(setting: Setting) -> bool:
    return True


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
        contents = store.outcomes(plan.settings, limit)
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
        if pending or not _asked_more(plan, outcomes(plan, contents.records)):
            return contents, pending


def _asked_more(plan: Plan, known: Sequence[Outcome]) -> bool:
    """Whether the search asks for a candidate that it has not asked for; its setting may be there as another one's."""
    before = len(plan.asked)
    if plan.extend(known):
        return True
    asked = {repr(candidate) for candidate, _ in plan.asked[:before]} if plan.asked[before:] else set()
    return any(repr(candidate) not in asked for candidate, _ in plan.asked[before:])


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
        neighbours: Callable[[str], tuple[str, ...]] = lambda setting_id: (),
    ) -> None:
        """`asked` is called whenever the search has been asked, with what the store holds by then. `neighbours` names
        the settings whose decodes a setting's may repeat.
        """
        self.over = (
            False  # the search has nothing more to ask for, and all it asked for is settled; or left out
        )
        self.left_out: str | None = None  # why something was left out that was asked for
        self._plan, self._store, self._limit, self._slice_size = plan, store, limit, slice_size
        self._asked, self._rule, self._budget, self._neighbours = asked, rule, budget, neighbours
        self._spent: dict[str, Spent] | None = None  # by setting; None: not known yet, or of no interest
        self._waiting: dict[str, list[Span]] = dict(pending)
        self._taken: dict[tuple[str, Span], Assignment] = {}
        self._begun: dict[tuple[str, Span], int] = {}  # how many losses had been told of by then
        self._tried: dict[str, int] = {}  # up to which example a setting was evaluated, or given up
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

    @property
    def waiting(self) -> int:
        """How many slices nobody works on yet."""
        return sum(map(len, self._waiting.values()))

    def settings_waiting(self) -> list[Setting]:
        """The settings of which something waits."""
        return [self._plan.settings[sid] for sid in self._waiting]

    def take(
        self,
        loaded: ModelSettings | None = None,
        workers: int = 1,
        able: Callable[[Setting], bool] = _any,
    ) -> Assignment | None:
        """The next assignment, for a worker that has this model loaded; None when it must wait or all is over.

        `workers`: among how many what waits is shared. `able`: which settings the worker is thought to be able to
        begin; it gets another only if none of these waits.
        """
        if not self._waiting and not self._taken and not self.over:
            self._ask()
        if self._waiting and (line := self._exhausted()):
            self.left_out = line
            self._waiting.clear()
        if self.left_out:
            self.over = not self._taken
        if not self._waiting:
            return None
        sid = self._next(loaded, able, workers)
        slices = self._waiting[sid]
        share = len(slices)
        # Where as many settings wait, an equal share is no less than this one, and slices need not be counted.
        if len(self._waiting) < workers * len(slices):
            share = math.ceil(sum(map(len, self._waiting.values())) / workers)
        del self._waiting[sid]
        if slices[share:]:
            self._waiting = {sid: slices[share:], **self._waiting}
        setting, own, apart = self._plan.settings[sid], tuple(slices[:share]), sid in self._bereft
        assignment = Assignment(setting, own, apart, self._neighbours(sid))
        self._taken[assignment.key], self._begun[assignment.key] = assignment, self._losses.count
        return assignment

    def finished(self, assignment: Assignment) -> None:
        """All of it is evaluated."""
        self._losses.finished(assignment.setting.id)
        self._settle(assignment, max(stop for _, stop in assignment.slices))

    def failed(self, assignment: Assignment, error: str) -> None:
        """Nothing more is tried of its setting."""
        self._failures[assignment.setting.id] = error
        self._waiting.pop(assignment.setting.id, None)
        self._settle(assignment, self._limit)

    def give_up(self, setting_id: str, error: str) -> None:
        """Nothing more is tried of a setting that waits."""
        self._failures[setting_id] = error
        del self._waiting[setting_id]
        self._tried[setting_id] = self._limit

    def lost(self, assignment: Assignment, reason: str, begun: bool = True) -> Totals:
        """Its worker was lost: what is missing waits again, at the end, or is given up. Returns what is stored of it.

        The store is asked: the last slice may be stored although nobody reported it. `begun`: the worker had taken it
        up, so that the loss may be its fault.
        """
        sid, slices = assignment.setting.id, assignment.slices
        if not begun:
            self._settle(assignment, 0)
            if not self.left_out and sid not in self.failures:
                self._waiting[sid] = [*self._waiting.pop(sid, []), *slices]
            return Totals()
        self._bereft.add(sid)
        contents = self._store.outcomes([sid], self._limit)
        losses = self._begun[assignment.key]
        stored, apart = contents.covered[sid], assignment.apart
        again = self._losses.again(sid, slices, reason, stored, losses, apart)
        self._settle(assignment, max(stop for _, stop in slices))
        if again and not self.left_out and sid not in self._failures:
            self._waiting[sid] = [*self._waiting.pop(sid, []), *again]
        elif sid in self._losses.abandoned:
            self._waiting.pop(sid, None)
        position = contents.records["position"]
        own = np.any([(start <= position) & (position < stop) for start, stop in slices], axis=0)
        return stored_totals(contents.records[own]).get(sid, Totals())

    def reclaim(self, reason: str) -> None:
        """Counts as lost whatever is still taken."""
        for assignment in list(self._taken.values()):
            self.lost(assignment, reason)

    def _settle(self, assignment: Assignment, tried: int) -> None:
        setting_id = assignment.setting.id
        del self._taken[assignment.key], self._begun[assignment.key]
        self._tried[setting_id] = max(tried, self._tried.get(setting_id, 0))
        if self._spent is not None:
            self._spent |= spent(self._store.outcomes([setting_id], self._limit).records)

    def _exhausted(self) -> str | None:
        """A line if the budget is spent."""
        if self._budget == UNBOUNDED:
            return None
        if self._spent is None:
            self._spent = spent(self._store.outcomes(self._plan.settings, self._limit).records)
        return exhausted(self._budget, self._spent.values())

    def _ask(self) -> None:
        contents, self._waiting = advance(
            self._plan, self._store, self._limit, self._slice_size, self._rule, self._tried
        )
        self.over = not self._waiting
        self._asked(contents)

    def _next(self, loaded: ModelSettings | None, able: Callable[[Setting], bool], workers: int) -> str:
        """One that waits of the worker's model; failing that, of the model with the most left per worker."""
        settings = self._plan.settings
        if not any(able(settings[sid]) for sid in self._waiting):
            able = _any
        if (own := self._first(loaded, able, workers)) is not None:
            return own
        left = Counter(settings[sid].model for sid in self._waiting if able(settings[sid]))
        busy = Counter(assignment.setting.model for assignment in self._taken.values())
        chosen = self._first(max(left, key=lambda model: left[model] / (busy[model] + 1)), able, workers)
        assert chosen is not None
        return chosen

    def _first(
        self, model: ModelSettings | None, able: Callable[[Setting], bool], workers: int
    ) -> str | None:
        """The first that waits of a model; but those of whose neighbours one is being decoded, whose decodes they may
        repeat, after the others.

        So neighbours are decoded one after the other. Where few lines are left, the longest comes first (Hu,
        Operations Research 9, 1961, 841): else one of them would be left in the end, of which each worker would decode
        another setting and repeat nothing.
        """
        busy = {assignment.setting.id for assignment in self._taken.values()}
        many = workers == 1 or len(self._waiting) > FEW_WAITING * workers
        first = None
        lines: dict[str, int] = {}  # the first of each, and how many of its neighbours wait
        for sid in self._waiting:
            setting = self._plan.settings[sid]
            if setting.model != model or not able(setting):
                continue
            first = first or sid
            near = self._neighbours(sid)
            if (beside := next((other for other in near if other in lines), None)) is not None:
                lines[beside] += 1
            elif busy.isdisjoint(near):
                lines[sid] = 0
                if many or len(lines) > FEW_LINES * workers:
                    return next(iter(lines))
        return max(lines, key=lambda sid: lines[sid], default=first)
