"""Settings that differ in nothing but the seed: several draws of one setting's decodes."""

from __future__ import annotations

import json
from collections.abc import Hashable, Sequence
from dataclasses import replace

from pipeline.planning.setting import Setting
from pipeline.search.over_seeds import SEED as SEED


def pools(settings: Sequence[tuple[Hashable, Setting]]) -> list[list[int]]:
    """The places of the settings that are one point, each with what keeps it from others' beside it.

    By rising seed, a point in the place of its first. Nobody says which seed answers from elsewhere had.
    """
    if len({setting.seed for _, setting in settings}) < 2:  # spares the common sweep its identities' texts
        return [[place] for place in range(len(settings))]
    found: dict[Hashable, list[int]] = {}
    for place, (apart, setting) in enumerate(settings):
        alone = setting.foreign or setting.identity.get(SEED) is None
        found.setdefault((apart, place if alone else way(setting)), []).append(place)
    return [sorted(own, key=lambda place: settings[place][1].seed) for own in found.values()]


def joint(settings: Sequence[Setting]) -> Setting:
    """One setting for those of a pool: with the first's id, all seeds, and the knobs that they share but the seed.

    As in a plan, a knob on which equal settings differ has no effect.
    """
    first = settings[0]
    knobs = {
        key: value
        for key, value in first.knobs.items()
        if key != SEED and all(own.knobs.get(key, own) == value for own in settings)
    }
    seeds = [own.seed for own in settings]
    return replace(first, identity={**first.identity, SEED: seeds}, knobs=knobs)


def seeds_of(setting: Setting) -> list[int]:
    """The seeds of a joint setting; none of any other."""
    seeds = setting.identity.get(SEED)
    return list(seeds) if isinstance(seeds, list) else []


def way(setting: Setting) -> str:
    """The setting without its seed."""
    return json.dumps({key: value for key, value in setting.identity.items() if key != SEED}, sort_keys=True)
