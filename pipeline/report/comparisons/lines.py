"""The lines of a report: settings of one group that differ in their trade-off parameter and seed alone."""

from collections.abc import Sequence

import pandas as pd

from pipeline.planning.setting import Setting
from pipeline.report.data.labels import assigned, knob_names, varying
from pipeline.report.statistics.sides import Side, make_sides


def lines_of(points: pd.DataFrame, settings: Sequence[Setting]) -> list[Side]:
    """Sides of settings that are equal in all but the trade-off parameter and the seed, in their order."""
    return make_sides(points, settings, _ways(settings))


def _ways(settings: Sequence[Setting]) -> list[str]:
    """Each setting's decoder where its group has several, and its knobs that vary but for the trade-off parameter."""
    names, keys = knob_names(settings), varying(settings)
    decoders: dict[str, set[str]] = {}
    for setting in settings:
        decoders.setdefault(setting.group, set()).add(setting.decode.decoder.name)
    ways = []
    for setting in settings:
        several, apart = len(decoders[setting.group]) > 1, {"decoder", "seed", setting.trade_off}
        texts = assigned(setting, [key for key in keys[setting.group] if key not in apart], names)
        ways.append(" ".join([setting.decode.decoder.name, *texts] if several else texts))
    return ways
