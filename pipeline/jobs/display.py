"""What a running job shows: one calm live table on a terminal, a plain line every few seconds elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from time import monotonic
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from pipeline.planning.pending import reachable
from pipeline.planning.seeds import joint, pools
from pipeline.planning.setting import Setting, Stop
from pipeline.report.statistics.pareto import front_order
from pipeline.report.words.percent import percent
from pipeline.storage.store import Span
from pipeline.storage.totals import Totals

if TYPE_CHECKING:
    from pipeline.planning.assignment import Assignment

PLAIN_SECONDS = 10.0  # between two plain lines
FRONT_LINES = 6  # of all fronts shown together
FRONTS = 3  # shown at once
LOADING = "loading the model"
Facet = tuple[str, ...]


class Point(NamedTuple):
    """A setting as the best so far are told, and the ids of its seeds."""

    name: str
    ids: tuple[str, ...]


class Display:
    """Follows a job from what is stored already to all settings done. Use as a context.

    Settings that come later, of a search that asks for more, are announced by `asked`, from another thread than the one
    that draws.
    """

    def __init__(
        self,
        console: Console,
        title: str,
        settings: Mapping[str, Setting],
        limit: int,
        stored: Mapping[str, Totals],
    ) -> None:
        self._console, self._title, self._limit = console, title, limit
        self._settings: dict[str, Setting] = {}
        self._points: list[Point] = []
        self._limits: dict[str, int] = {}  # examples of each setting
        self._stored: dict[str, Totals] = {}  # when the search was asked last
        self._parts: dict[str, dict[Span, Totals]] = {}  # what came since, by setting and assignment
        self._totals: dict[str, Totals] = {}  # their sums
        self.asked(settings, stored)
        self._running = 0  # examples decoded in slices that aren't finished
        self._failed: set[str] = set()
        self._notes: set[str] = set()
        self._status = self._last = ""
        self._start = self._printed = monotonic()
        self._first: tuple[float, int] | None = None  # when the first result came, and how many examples then
        display = Live(self, console=console, refresh_per_second=4, transient=True)
        self._live = display if console.is_terminal else None

    def __enter__(self) -> Display:
        self._start = monotonic()
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()
        self._print(self._line())

    def asked(
        self,
        settings: Mapping[str, Setting],
        stored: Mapping[str, Totals],
        more: bool = False,
        stopped: Mapping[str, Stop] = MappingProxyType({}),
    ) -> None:
        """The settings asked for so far, and what is stored of them; `more`: others may follow."""
        # In this order: whoever reads the later ones meanwhile finds everything in the earlier ones.
        self._totals = {sid: stored.get(sid) or self._totals.get(sid) or Totals() for sid in settings}
        self._stored = dict(self._totals)
        self._parts = {}
        self._limits = {
            sid: stopped[sid].n if sid in stopped else reachable(setting, self._limit)
            for sid, setting in settings.items()
        }
        self._stopped = frozenset(stopped)
        self._points = _points(settings)
        self._settings = dict(settings)
        self._more = more

    def status(self, text: str) -> None:
        """What is going on while no results come."""
        self._status = text
        if not self._live:
            self._print(text)

    def note(self, line: str) -> None:
        """Something that stays to be read. Several workers may say the same: it is shown once."""
        if line not in self._notes:
            self._notes.add(line)
            self._print(line)

    def started(self) -> None:
        """A worker has its first setting: it is loading the model."""
        if self._first is None and self._status != LOADING:
            self.status(LOADING)

    def example(self) -> None:
        """One more example is decoded or has failed; its slice isn't stored yet."""
        self._running += 1
        self._status = ""
        self._tick()

    def evaluated(self, assignment: Assignment, totals: Totals, ended: bool = False) -> None:
        """One more slice of an assignment is stored; `totals` covers those of its slices that are.

        `ended`: its worker was lost, and what it left undone will be in another assignment.
        """
        sid, first = assignment.key
        parts = self._parts.setdefault(sid, {})
        parts[first] = totals
        before = self._totals.get(sid, Totals()).examples
        self._totals[sid] = sum(parts.values(), self._stored.get(sid, Totals()))
        if ended:
            self._stored[sid] = self._stored.get(sid, Totals()) + parts.pop(first)
        self._running = max(0, self._running - (self._totals[sid].examples - before))
        self._status = ""
        self._tick()

    def failed(self, setting_id: str) -> None:
        self._failed.add(setting_id)
        self._running = 0
        self._status = ""
        self._tick()

    def __rich__(self) -> RenderableType:
        total = max(1, sum(self._limits.values()))
        bar = ProgressBar(total=total, completed=min(total, self._examples() + self._running), width=None)
        parts: list[RenderableType] = [Text(self._title, style="bold"), Padding(bar, 0), Text(self._line())]
        if len(self._settings) > 1:
            parts += self._fronts()
        return Group(*parts)

    def _fronts(self) -> list[RenderableType]:
        """The fronts of the finished settings, one for each task and model, thinned to a few lines."""
        settings = self._settings
        facets: dict[Facet, list[Point]] = {}
        for point in self._points:
            whole = all(self._whole(sid) and sid not in self._stopped for sid in point.ids)
            if whole and self._sum(point).scored:
                facets.setdefault(_facet(settings[point.ids[0]]), []).append(point)
        if not facets:
            return [Text("best so far: no setting is done yet", style="dim")]
        shown = list(facets)[-FRONTS:]
        several = len({_facet(setting) for setting in settings.values()}) > 1
        return [self._front(facets[facet], several, max(2, FRONT_LINES // len(shown))) for facet in shown]

    def _sum(self, point: Point) -> Totals:
        return sum((self._totals[sid] for sid in point.ids), Totals())

    def _front(self, done: Sequence[Point], named: bool, lines: int) -> RenderableType:
        first = self._settings[done[0].ids[0]]
        totals = [self._sum(point) for point in done]
        score, nfe = (np.array(own) for own in ([t.quality for t in totals], [t.mean_nfe for t in totals]))
        table = Table(box=None, padding=(0, 2, 0, 0))
        table.add_column(f"best so far · {first.task.name} · {first.model_name}" if named else "best so far")
        table.add_column("NFE", justify="right")
        table.add_column("score", justify="right")
        for index in thinned(list(front_order(score, nfe)), lines):
            table.add_row(done[index].name, f"{nfe[index]:.1f}", percent(score[index], 1))
        return table

    def _line(self) -> str:
        examples, total = self._examples() + self._running, sum(self._limits.values())
        finished = sum(self._whole(sid) for sid in self._settings)
        so_far = " so far" if self._more else ""
        parts = [
            f"{finished}/{len(self._settings)} settings{so_far}",
            f"{min(examples, total):,}/{total:,} examples",
        ]
        if self._stopped:
            parts.append(f"{len(self._stopped)} stopped early")
        if self._failed:
            parts.append(f"{len(self._failed)} failed")
        if self._status:
            return " · ".join([*parts, self._status])
        if examples >= total and not self._more:
            parts.append(clock(monotonic() - self._start))
        elif rate := self._rate(examples):
            parts.append(f"{rate:.1f} examples/s")
            if examples < total:  # of a search: until what it has asked for so far is done
                parts.append(f"{clock((total - examples) / rate)} {'for these' if self._more else 'left'}")
        return " · ".join(parts)

    def _rate(self, examples: int) -> float | None:
        """Examples per second since the first result: starting workers and loading the model don't count."""
        if self._first is None or examples <= self._first[1]:
            return None
        return (examples - self._first[1]) / max(monotonic() - self._first[0], 1e-6)

    def _whole(self, setting_id: str) -> bool:
        return self._totals[setting_id].examples >= self._limits[setting_id]

    def _examples(self) -> int:
        return sum(min(self._totals[sid].examples, limit) for sid, limit in self._limits.items())

    def _tick(self) -> None:
        self._first = self._first or (monotonic(), self._examples() + self._running)
        if not self._live and monotonic() - self._printed >= PLAIN_SECONDS:
            self._printed = monotonic()
            self._print(self._line())

    def _print(self, line: str) -> None:
        if line != self._last:
            self._console.print(line, highlight=False, markup=False, soft_wrap=True)
        self._last = line


def _points(settings: Mapping[str, Setting]) -> list[Point]:
    """As in a report, seeds of one setting are one point."""
    ids, known = list(settings), list(settings.values())
    found = []
    for places in pools([(setting.group, setting) for setting in known]):
        own = [known[place] for place in places]
        name = f"{joint(own)} over {len(own)} seeds" if len(own) > 1 else str(own[0])
        found.append(Point(name, tuple(ids[place] for place in places)))
    return found


def _facet(setting: Setting) -> Facet:
    """Only settings of one task and one model are compared."""
    task, model = setting.task, setting.model
    return task.name, task.split, str(task.seed), model.path, model.revision or ""


def thinned(items: Sequence[int], count: int) -> list[int]:
    """At most `count` of the items, the ends among them, evenly spread."""
    if len(items) <= count:
        return list(items)
    return [items[round(n * (len(items) - 1) / (count - 1))] for n in range(count)]


def clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
