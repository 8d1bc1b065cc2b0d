"""A search that asks many times, and a world in which every evaluation is a pure function: for the laws of both."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from pipeline.planning.plan import Plan
from pipeline.planning.setting import Setting
from pipeline.search import Ask, Candidate, Outcome, Space
from pipeline.storage.record import Record
from pipeline.storage.store import Span, Store

THRESHOLD = "decoder.threshold"
WIDTH = 0.1  # thresholds closer than this are not told apart
BISECT = f'sweep.groups={{"g": {{"grid": {{"{THRESHOLD}": {{"low": 0.0, "high": 1.0}}}}}}}}'


def bisecting(good: Callable[[Outcome], bool]) -> Ask:
    """Looks, in every region, for the threshold from which on outcomes are good.

    All outcomes decide: one that is lost, or read too early, leads to other settings.
    """

    def ask(space: Space, outcomes: Sequence[Outcome]) -> Sequence[Candidate]:
        asked = []
        for region in space:
            own = [o for o in outcomes if region.fixed.items() <= o.candidate.knobs.items()]
            if not own:
                asked += [Candidate(region.group, {**region.fixed, THRESHOLD: end}) for end in (0.0, 1.0)]
                continue
            low = max((o.candidate.knobs[THRESHOLD] for o in own if not good(o)), default=0.0)
            high = min((o.candidate.knobs[THRESHOLD] for o in own if good(o)), default=1.0)
            if high - low > WIDTH:
                asked.append(Candidate(region.group, {**region.fixed, THRESHOLD: (low + high) / 2}))
        return asked

    return ask


bisect = bisecting(lambda outcome: (outcome.quality or 0.0) > 0.5)


def record(setting: Setting, position: int) -> Record:
    """Right from a threshold on that depends on the example."""
    threshold: float = setting.decode.decoder.threshold  # type: ignore[union-attr]
    score = float(threshold >= 0.2 + 0.05 * (position % 7))
    nfe = round(20 * threshold) + position % 3
    return Record(setting.id, setting.task.name, f"e{position}", position, nfe=nfe, score=score)


class World:
    """In an evaluator's place, one slice after the other. `before` sees each before it is evaluated, and may raise."""

    def __init__(self, before: Callable[[Setting, int], None] = lambda setting, start: None) -> None:
        self._before = before

    def slices(
        self, setting: Setting, spans: Sequence[Span], known: object
    ) -> Iterator[tuple[Span, list[Record]]]:
        for start, stop in spans:
            self._before(setting, start)
            yield (start, stop), [record(setting, position) for position in range(start, stop)]

    def prove(self, setting_id: str) -> None:
        pass


def left_behind(plan: Plan, store: Store, limit: int) -> dict[str, Any]:
    """What was asked for, in order, and what is stored of it."""
    records = store.load(plan.settings, limit).records
    return {
        "asked": [(candidate.group, dict(candidate.knobs), sid) for candidate, sid in plan.asked],
        "settings": list(plan.settings),
        "records": records[["setting_id", "position", "score", "nfe"]].values.tolist(),
    }
