"""What a running job shows: one calm live table on a terminal, a plain line every few seconds elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from time import monotonic
from types import TracebackType

import numpy as np
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from pipeline.report.pareto import front_order
from pipeline.setting import Setting
from pipeline.totals import Totals

PLAIN_SECONDS = 10.0  # between two plain lines
FRONT_LINES = 6
LOADING = "loading the model"


class Display:
    """Follows a job from what is stored already to all settings done. Use as a context."""

    def __init__(
        self,
        console: Console,
        title: str,
        settings: Mapping[str, Setting],
        limit: int,
        stored: Mapping[str, Totals],
    ) -> None:
        self._console, self._title, self._settings, self._limit = console, title, settings, limit
        self._totals = {sid: stored.get(sid, Totals()) for sid in settings}
        self._running = 0  # examples decoded in slices that aren't finished
        self._failed: set[str] = set()
        self._status = self._last = ""
        self._start = self._printed = monotonic()
        self._first: tuple[float, int] | None = (
            None  # when the first result came, and how many examples it was
        )
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

    def status(self, text: str) -> None:
        """What is going on while no results come."""
        self._status = text
        if not self._live:
            self._print(text)

    def started(self) -> None:
        """A worker has its first setting: it is loading the model."""
        if self._first is None and self._status != LOADING:
            self.status(LOADING)

    def example(self) -> None:
        """One more example is decoded in a slice that isn't finished."""
        self._running += 1
        self._status = ""
        self._tick()

    def slice(self, setting_id: str, done: Totals) -> None:
        self._totals[setting_id] += done
        self._running = 0
        self._status = ""
        self._tick()

    def stored(self, setting_id: str, done: Totals) -> None:
        """What the store has of a setting after all, whatever was reported."""
        self._totals[setting_id] = done
        self._tick()

    def failed(self, setting_id: str) -> None:
        self._failed.add(setting_id)
        self._running = 0
        self._tick()

    def __rich__(self) -> RenderableType:
        total = max(1, self._limit * len(self._settings))
        bar = ProgressBar(total=total, completed=min(total, self._examples() + self._running), width=None)
        parts: list[RenderableType] = [Text(self._title, style="bold"), Padding(bar, 0), Text(self._line())]
        if len(self._settings) > 1:
            parts.append(self._front())
        return Group(*parts)

    def _front(self) -> RenderableType:
        """The front of the settings done so far, thinned to a few lines."""
        done = [sid for sid, t in self._totals.items() if t.examples >= self._limit and t.scored]
        score = np.array([self._totals[sid].score / self._totals[sid].scored for sid in done])
        nfe = np.array([self._totals[sid].nfe / self._totals[sid].scored for sid in done])
        table = Table(box=None, padding=(0, 2, 0, 0))
        table.add_column("best so far")
        table.add_column("NFE", justify="right")
        table.add_column("score", justify="right")
        for index in thinned(list(front_order(score, nfe)), FRONT_LINES):
            table.add_row(str(self._settings[done[index]]), f"{nfe[index]:.1f}", f"{score[index]:.1%}")
        return table if done else Text("best so far: no setting is done yet", style="dim")

    def _line(self) -> str:
        examples, total = self._examples() + self._running, self._limit * len(self._settings)
        finished = sum(t.examples >= self._limit for t in self._totals.values())
        parts = [f"{finished}/{len(self._settings)} settings", f"{min(examples, total):,}/{total:,} examples"]
        if self._failed:
            parts.append(f"{len(self._failed)} failed")
        if self._status:
            return " · ".join([*parts, self._status])
        if examples >= total:
            parts.append(clock(monotonic() - self._start))
        elif rate := self._rate(examples):
            parts += [f"{rate:.1f} examples/s", f"{clock((total - examples) / rate)} left"]
        return " · ".join(parts)

    def _rate(self, examples: int) -> float | None:
        """Examples a second since the first result: starting workers and loading the model don't count."""
        if self._first is None or examples <= self._first[1]:
            return None
        return (examples - self._first[1]) / max(monotonic() - self._first[0], 1e-6)

    def _examples(self) -> int:
        return sum(min(t.examples, self._limit) for t in self._totals.values())

    def _tick(self) -> None:
        self._first = self._first or (monotonic(), self._examples() + self._running)
        if not self._live and monotonic() - self._printed >= PLAIN_SECONDS:
            self._printed = monotonic()
            self._print(self._line())

    def _print(self, line: str) -> None:
        if line != self._last:
            self._console.print(line, highlight=False, markup=False, soft_wrap=True)
        self._last = line


def thinned(items: Sequence[int], count: int) -> list[int]:
    """At most `count` of the items, the ends among them, evenly spread."""
    if len(items) <= count:
        return list(items)
    return [items[round(n * (len(items) - 1) / (count - 1))] for n in range(count)]


def clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
