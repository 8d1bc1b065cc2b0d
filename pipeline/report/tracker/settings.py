"""A W&B run per setting: all that identifies it as nested config, its point as summary."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pipeline.planning.setting import Setting
from pipeline.report import Facet
from pipeline.report.comparisons.matchups import distinct_settings
from pipeline.report.data.labels import described_tree, value_text
from pipeline.report.tracker.content import Content, identifier, rows, tags, with_identifiers
from pipeline.report.tracker.fronts import decoder_name, front_name

KNOB = "knob."  # of the points' columns
MOST = 1000  # settings with a run of their own, over all facets: of 20,000 W&B offline would take minutes, online hours


def setting_contents(
    facet: Facet, sweep: str, several_facets: bool, several_runs: bool, most: int
) -> Iterator[Content]:
    """`several_runs`: a setting may have a point in more than one of them.

    Of more settings than `most`, those that matter most (`matchups.distinct_settings`).
    """
    kept = list(range(len(facet.settings)))
    if len(facet.settings) > most:
        kept = [members[0] for members in distinct_settings(facet)["members"].head(most)]
    for index, point in zip(kept, rows(facet.points.iloc[kept]), strict=True):
        setting = facet.settings[index]
        label, group = point["label"], setting.group
        config = setting_config(facet, setting, point, sweep)
        summary = {identifier(key): value for key, value in point.items() if not key.startswith(KNOB)}
        name = group if group == label else f"{group} {label}"
        where = [facet.task, facet.model] if several_facets else []
        yield Content(
            key=f"{point['run']}/{setting.id}" if several_runs else setting.id,
            name=" · ".join([name, *where]),
            kind="setting",
            config=config,
            summary=summary,
            state=[config, summary],
            tags=tags("setting", facet.task, facet.model, decoder_name(setting), group),
        )


def setting_config(facet: Facet, setting: Setting, point: dict[str, Any], sweep: str) -> dict[str, Any]:
    """The setting's identity as it is, its place in the sweep, and its knobs as `knob_<name>`."""
    knobs = {
        identifier(key): value_text(value) if isinstance(value, list | tuple) else value
        for key, value in point.items()
        if key.startswith(KNOB) and value is not None
    }
    # The identity has it only where there is one.
    cache = {} if setting.foreign else {"cache": point["cache"]}
    return {
        **cache,
        **with_identifiers(described_tree(setting)),
        "kind": "setting",
        "sweep": sweep,
        "front": front_name(facet, setting.group, decoder_name(setting)),
        "group": setting.group,
        **knobs,
    }
