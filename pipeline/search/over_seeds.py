"""A search whose settings are each evaluated under all seeds of their grid, and judged by the means over these.

A search that took a seed for one more choice would look for the luckiest: it would refine each seed's front where that
one's luck has a jump, and evaluate no setting under all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from pipeline.search.decodes import Decodes
from pipeline.search.space import Ask, Candidate, Outcome, Range, Region, Space

SEED = "seed"


def over_seeds(ask: Ask) -> Ask:
    """The search over all but the seed."""

    def asked(space: Space, outcomes: Sequence[Outcome]) -> Sequence[Candidate]:
        seeds = seeds_by_group(space)
        if not seeds:
            return ask(space, outcomes)
        bare = tuple(_without(region) if region.group in seeds else region for region in space)
        return [
            own
            for candidate in ask(bare, _averaged(outcomes, seeds))
            for own in _under(candidate, seeds.get(candidate.group, ()))
        ]

    return asked


def seeds_by_group(space: Space) -> dict[str, tuple[Any, ...]]:
    """By group the seeds of its grid, where it has several, and nothing depends on them, nor they on anything."""
    found = {}
    for region in space:
        seeds = region.grid.get(SEED, ())
        if isinstance(seeds, Range):
            seeds = seeds.values() if seeds.num else ()
        conditions = {key for own in region.when.values() for key in own} | region.when.keys()
        if len(seeds) > 1 and SEED not in conditions:
            found[region.group] = tuple(seeds)
    return found


def _without(region: Region) -> Region:
    return replace(region, grid={key: own for key, own in region.grid.items() if key != SEED})


def _under(candidate: Candidate, seeds: Sequence[Any]) -> list[Candidate]:
    """The candidate with each of the seeds; as it is where there are none."""
    if not seeds:
        return [candidate]
    return [replace(candidate, knobs={**candidate.knobs, SEED: seed}) for seed in seeds]


def _averaged(outcomes: Sequence[Outcome], seeds: Mapping[str, Sequence[Any]]) -> list[Outcome]:
    """One outcome for the seeds of a candidate, in the order in which they were first asked for.

    The seeds always in the same order: decodes of two candidates are set beside each other by their place.
    """
    found: dict[str, list[Outcome]] = {}
    for outcome in sorted(outcomes, key=lambda own: repr(own.candidate.knobs.get(SEED))):
        candidate = outcome.candidate
        if candidate.group in seeds:
            knobs = {key: value for key, value in candidate.knobs.items() if key != SEED}
            outcome = replace(outcome, candidate=replace(candidate, knobs=knobs))
        key = f"{candidate.group} {sorted(outcome.candidate.knobs.items(), key=lambda item: item[0])!r}"
        found.setdefault(key, []).append(outcome)
    return [_mean(own) if len(own) > 1 else own[0] for own in found.values()]


def _mean(outcomes: Sequence[Outcome]) -> Outcome:
    """Over the seeds of which any example is scored."""
    quality, nfe = (
        [value for own in outcomes if (value := getattr(own, name)) is not None]
        for name in ("quality", "nfe")
    )
    return replace(
        outcomes[0],
        examples=sum(own.examples for own in outcomes),
        scored=sum(own.scored for own in outcomes),
        quality=sum(quality) / len(quality) if quality else None,
        nfe=sum(nfe) / len(nfe) if nfe else None,
        decodes=_joined([own.decodes for own in outcomes]),
    )


def _joined(decodes: Sequence[Decodes | None]) -> Decodes | None:
    """An example under each seed is a decode of its own; None unless all are known of the same examples."""
    known = [own for own in decodes if own is not None]
    if len(known) < len(decodes) or len({len(own.score) for own in known}) > 1:
        return None
    return Decodes(*(np.concatenate(column) for column in zip(*known, strict=True)))
