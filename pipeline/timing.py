"""How long settings take: each has its turn in every round, so that a machine that slows down slows all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from time import perf_counter
from typing import Any, TypeVar

from axon import Trace, decode
from axon.models.model import MaskedDiffusionModel
from pipeline.setting import Setting
from pipeline.stopwatch import Stopwatch, synchronize

Name = TypeVar("Name")
Measured = TypeVar("Measured")


def take_turns(
    contenders: Mapping[Name, Callable[[], Measured]], rounds: int
) -> Iterator[tuple[int, Name, Measured]]:
    """Runs every contender once a round, another first each time: (round, name, what it measured).

    Round 0 warms up: memory is taken and kernels are chosen there. `rounds` more follow.
    """
    names = list(contenders)
    for number in range(rounds + 1):
        first = number % len(names)
        for name in (*names[first:], *names[:first]):
            yield number, name, contenders[name]()


@dataclass(frozen=True)
class Spread:
    """The median of some rounds, with the least and the most."""

    middle: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        return cls(median(values), min(values), max(values))


@dataclass
class Contender:
    """A setting that decodes some prompts, so many at once, again and again."""

    setting: Setting
    model: MaskedDiffusionModel
    prompts: list[list[int]]
    seeds: list[int]  # one a prompt
    batch: int
    seconds: list[float] = field(default_factory=list)  # of all prompts, one entry a measured round
    tokens: int = 0  # decoded, all prompts together
    steps: int = 0  # of the batch: calls of the network, whatever rows were in them
    error: str | None = None  # what ended it; it takes no more turns

    def warm_up(self) -> float:
        """Decodes once; how long it took, to go by. Counts tokens and steps, the same in every round."""
        timer = Stopwatch(self.model.device)
        seconds, traces = self._timed(timer)
        self.tokens = sum(trace.tokens_decoded for trace in traces)
        self.steps = timer.entered["model"]
        return seconds

    def turn(self) -> float:
        """Decodes once; its seconds. Nothing is waited for within, as in a run that nobody measures."""
        seconds, _ = self._timed(None)
        self.seconds.append(seconds)
        return seconds

    def attempt(self) -> float:
        """A turn, the first a warming up, or nothing once one of them has failed; its seconds."""
        if self.error is not None:
            return 0.0
        try:
            return self.turn() if self.steps else self.warm_up()
        except Exception as error:  # no memory for the batch, no such kernel: others may have what they need
            self.error = f"{type(error).__name__}: {error}".splitlines()[0]
            return 0.0

    def _timed(self, timer: Stopwatch | None) -> tuple[float, list[Trace]]:
        synchronize(self.model.device)
        start = perf_counter()
        decoded = decode(self.model, self.prompts, self.setting.decode, self.seeds, self.batch, timer=timer)
        synchronize(self.model.device)
        return perf_counter() - start, decoded

    @property
    def per_example(self) -> Spread:
        """Machine seconds an example: a latency at batch 1 only."""
        return Spread.of([seconds / len(self.prompts) for seconds in self.seconds])

    @property
    def per_step(self) -> Spread:
        """Seconds of a step of the batch."""
        return Spread.of([seconds / self.steps for seconds in self.seconds])

    @property
    def tokens_a_second(self) -> Spread:
        return Spread.of([self.tokens / seconds for seconds in self.seconds])

    def ratio(self, base: Contender) -> Spread:
        """Its seconds over the base's, round by round."""
        rounds: Any = zip(self.seconds, base.seconds, strict=True)
        return Spread.of([own / other for own, other in rounds])
