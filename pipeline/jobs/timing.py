"""How long settings take. They take turns in every round, so that a machine that slows down slows all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from time import perf_counter
from typing import Any, TypeVar

from axon import Trace, decode
from axon.models.model import MaskedDiffusionModel
from axon.room import give_back
from pipeline.errors import fault_line
from pipeline.evaluation.stopwatch import Stopwatch, synchronize
from pipeline.planning.setting import Setting

Name = TypeVar("Name")
Measured = TypeVar("Measured")


def take_turns(
    contenders: Mapping[Name, Callable[[], Measured]], rounds: int
) -> Iterator[tuple[int, Name, Measured]]:
    """Runs every contender once per round, each round starting with another: (round, name, what it measured).

    Round 0 is a warm-up, in which memory is allocated and kernels are chosen. `rounds` more follow.
    """
    names = list(contenders)
    for number in range(rounds + 1):
        first = number % len(names)
        for name in (*names[first:], *names[:first]):
            yield number, name, contenders[name]()


@dataclass(frozen=True)
class Spread:
    """The median over the rounds, with the minimum and the maximum."""

    middle: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        return cls(median(values), min(values), max(values))


@dataclass
class Contender:
    """A setting that is timed: it decodes the same prompts in every round, at one batch size."""

    setting: Setting
    model: MaskedDiffusionModel
    prompts: list[list[int]]
    seeds: list[int]  # one per prompt
    batch: int
    seconds: list[float] = field(default_factory=list)  # for all prompts, one entry per measured round
    tokens: int = 0  # decoded in a round, over all prompts
    steps: int = 0  # of the batch in a round: model calls, whatever rows are in them
    error: str | None = None  # why it failed; it takes no more turns

    def warm_up(self) -> float:
        """Decodes once and returns the seconds. Counts tokens and steps, which are the same in every round."""
        timer = Stopwatch(self.model.device)
        seconds, traces = self._timed(timer)
        self.tokens = sum(trace.tokens_decoded for trace in traces)
        self.steps = timer.entered["model"]
        return seconds

    def turn(self) -> float:
        """Decodes once and returns the seconds. The device is not synchronized within, as in an ordinary run."""
        seconds, _ = self._timed(None)
        self.seconds.append(seconds)
        return seconds

    def attempt(self) -> float:
        """A turn, the first one a warm-up. Returns its seconds, 0 once a turn has failed."""
        if self.error is not None:
            return 0.0
        try:
            return self.turn() if self.steps else self.warm_up()
        except Exception as error:  # out of memory, no such kernel: other settings may still work
            self.error = fault_line(error)
        give_back()  # what the failed turn held, which the others may need
        return 0.0

    def _timed(self, timer: Stopwatch | None) -> tuple[float, list[Trace]]:
        synchronize(self.model.device)
        start = perf_counter()
        decoded = decode(self.model, self.prompts, self.setting.decode, self.seeds, self.batch, timer=timer)
        synchronize(self.model.device)
        return perf_counter() - start, decoded

    @property
    def per_example(self) -> Spread:
        """Seconds per example: a latency at batch size 1 only."""
        return Spread.of([seconds / len(self.prompts) for seconds in self.seconds])

    @property
    def per_step(self) -> Spread:
        """Seconds per step of the batch."""
        return Spread.of([seconds / self.steps for seconds in self.seconds])

    @property
    def tokens_per_second(self) -> Spread:
        return Spread.of([self.tokens / seconds for seconds in self.seconds])

    def ratio(self, base: Contender) -> Spread:
        """Its seconds divided by the base's, round by round."""
        rounds: Any = zip(self.seconds, base.seconds, strict=True)
        return Spread.of([own / other for own, other in rounds])
