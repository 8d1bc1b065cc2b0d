"""Search by Optuna's multi-objective samplers, by ask and tell: quality is maximised, NFE minimised.

Every group has its own study and as many trials. A study is replayed from its beginning whenever it is asked: the same
seed and the same outcomes give the same trials, so a search resumed from the store asks for what an uninterrupted one
would have. Trials come in rounds, as their results do; those of a round don't know of each other.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pipeline.search.space import Ask, Candidate, Dimension, Outcome, Range, Region, Space, existing

if TYPE_CHECKING:
    import optuna

ROUND = 8  # trials of a group that are asked for at once
LOG_FROM = 100  # a trade-off parameter whose ends have at least this ratio is searched by ratio
REGION = "region"
Known = Mapping[str, Outcome]  # by the candidate's text
Defaults = Callable[[Region], Mapping[str, Any]]  # the values of the region's keys in the composed configs


def optuna_search(sampler: str, trials: int, defaults: Defaults) -> Ask:
    """`sampler`: tpe or nsga2. Raises ValueError, one line, where Optuna is not installed."""
    try:
        import optuna
    except ImportError:
        raise ValueError(
            "search=optuna: needs the package optuna; pip install 'axon-sweeps[optuna]'"
        ) from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    samplers: dict[str, Callable[[], optuna.samplers.BaseSampler]] = {
        "tpe": lambda: optuna.samplers.TPESampler(seed=0, n_startup_trials=2 * ROUND),
        "nsga2": lambda: optuna.samplers.NSGAIISampler(seed=0, population_size=2 * ROUND),
    }

    def ask(space: Space, outcomes: Sequence[Outcome]) -> Sequence[Candidate]:
        known = {_text(outcome.candidate): outcome for outcome in outcomes}
        groups = dict.fromkeys(region.group for region in space)
        asked: dict[str, Candidate] = {}
        for group in groups:
            regions = [region for region in space if region.group == group]
            study = optuna.create_study(directions=["maximize", "minimize"], sampler=samplers[sampler]())
            for candidate in _replayed(study, regions, known, trials, defaults):
                asked.setdefault(_text(candidate), candidate)
        return list(asked.values())

    return ask


def _replayed(
    study: optuna.Study, regions: Sequence[Region], known: Known, trials: int, defaults: Defaults
) -> Iterator[Candidate]:
    """The candidates of the first round that lacks outcomes; none when all trials have theirs."""
    for number, region in enumerate(regions):
        study.enqueue_trial(_parameters(number, region, defaults(region)))
    done = 0
    while done < trials:
        asked = [study.ask() for _ in range(min(ROUND, trials - done))]
        candidates = [_candidate(trial, regions) for trial in asked]
        lacking = [candidate for candidate in candidates if _text(candidate) not in known]
        if lacking:
            yield from lacking
            return
        for trial, candidate in zip(asked, candidates, strict=True):
            _tell(study, trial, known[_text(candidate)])
        done += len(asked)


def _tell(study: optuna.Study, trial: optuna.Trial, outcome: Outcome) -> None:
    import optuna

    if outcome.quality is None or outcome.nfe is None:
        study.tell(trial, state=optuna.trial.TrialState.FAIL)
    else:
        study.tell(trial, [outcome.quality, outcome.nfe])


def _candidate(trial: optuna.Trial, regions: Sequence[Region]) -> Candidate:
    number = trial.suggest_categorical(REGION, tuple(range(len(regions)))) if len(regions) > 1 else 0
    region = regions[number]
    knobs = dict(region.fixed)
    for key in _ordered(region):
        # A key that doesn't exist under the values drawn so far is not drawn: equal settings are one.
        if key in existing({**knobs, key: None}, region.when):
            knobs[key] = _drawn(trial, f"{number} {key}", key == region.along, region.grid[key])
    return Candidate(region.group, knobs)


def _drawn(trial: optuna.Trial, name: str, along: bool, dimension: Dimension) -> Any:
    """A value of the key. Along the trade-off parameter any number between the ends of those given."""
    if along and isinstance(dimension, tuple) and _continuous(dimension):
        low, high = min(dimension), max(dimension)
        dimension = Range(float(low), float(high), log=bool(low > 0 and high / low >= LOG_FROM))
    if isinstance(dimension, Range):
        if dimension.whole:
            return trial.suggest_int(name, int(dimension.low), int(dimension.high), log=dimension.log)
        drawn = trial.suggest_float(name, dimension.low, dimension.high, log=dimension.log)
        return min(dimension.high, max(dimension.low, float(f"{drawn:.4g}")))
    return dimension[trial.suggest_categorical(name, tuple(range(len(dimension))))]


def _parameters(number: int, region: Region, values: Mapping[str, Any]) -> dict[str, Any]:
    """A region's own values, as far as they lie in its space, as Optuna's parameters."""
    found: dict[str, Any] = {REGION: number}
    for key, dimension in region.grid.items():
        value, name = values.get(key), f"{number} {key}"
        if isinstance(dimension, Range):
            inside = isinstance(value, (int, float)) and dimension.low <= value <= dimension.high
        elif key == region.along and _continuous(dimension):
            inside = isinstance(value, (int, float)) and min(dimension) <= value <= max(dimension)
        else:
            inside = value in dimension
            value = dimension.index(value) if inside else None
        if inside:
            found[name] = value
    return found


def _continuous(dimension: tuple[Any, ...]) -> bool:
    """Whether the values stand for all numbers between them: whole numbers, such as steps, are chosen among those."""
    if not all(isinstance(value, int | float) and not isinstance(value, bool) for value in dimension):
        return False
    finite = all(abs(value) <= sys.float_info.max for value in dimension)
    return finite and len(set(dimension)) > 1 and not all(isinstance(value, int) for value in dimension)


def _ordered(region: Region) -> list[str]:
    """The keys of the grid, after those that their conditions look at."""
    found: list[str] = []

    def add(key: str) -> None:
        for other in region.when.get(key, {}):
            if other in region.grid:
                add(other)
        if key not in found:
            found.append(key)

    for key in region.grid:
        add(key)
    return found


def _text(candidate: Candidate) -> str:
    return repr((candidate.group, sorted(candidate.knobs.items(), key=lambda item: item[0])))
