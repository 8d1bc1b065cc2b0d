"""A W&B run per front: its vertices are the run's history, so that W&B draws the fronts of all runs in one chart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import wandb

from pipeline.planning.setting import Setting
from pipeline.report import Facet
from pipeline.report.statistics.pareto import front_order, hypervolume
from pipeline.report.tracker.content import Content, plain, tags

NFE, QUALITY, STEPS = "front_nfe", "front_quality", "front_steps"
OUTDATED = "outdated_front"


@dataclass(frozen=True)
class Front:
    """The front of one group with one decoder, "" of answers from elsewhere; `vertices`: its distinct points by
    increasing NFE.
    """

    facet: Facet
    group: str
    decoder: str
    points: pd.DataFrame
    vertices: pd.DataFrame

    @property
    def name(self) -> str:
        return front_name(self.facet, self.group, self.decoder)

    @property
    def corners(self) -> list[tuple[float, float]]:
        """(NFE, quality) of the step function: each quality holds until the next vertex."""
        nfe, quality = np.repeat(self.vertices["nfe"], 2)[1:], np.repeat(self.vertices["quality"], 2)[:-1]
        return [(float(x), float(y)) for x, y in zip(nfe, quality, strict=True)]

    @property
    def summary(self) -> dict[str, Any]:
        """The hypervolume as in the report, with its interval where the group has this decoder alone."""
        quality, nfe = (self.points[name].to_numpy(dtype=np.float64) for name in ("quality", "nfe"))
        values = {
            "hypervolume": float(hypervolume(quality, nfe, self.facet.reference_nfe)),
            "best_quality": self.vertices["quality"].max(),
            "points": len(self.vertices),
            "settings": len(self.points),
        }
        whole = (self.facet.points["group"] == self.group) & self.facet.points["complete"]
        if whole.sum() == len(self.points) and (area := self.facet.hypervolumes.get(self.group)):
            values |= {"hypervolume_lo": area.lo, "hypervolume_hi": area.hi}
        return plain(values)


def fronts_of(facet: Facet) -> Iterator[Front]:
    """One per group and decoder that has a complete setting."""
    decoders = pd.Series([decoder_name(setting) for setting in facet.settings], facet.points.index)
    complete = facet.points[facet.points["complete"]]
    for (group, decoder), points in complete.groupby(["group", decoders], sort=False):
        order = front_order(*(points[name].to_numpy(dtype=np.float64) for name in ("quality", "nfe")))
        yield Front(facet, str(group), str(decoder), points, points.iloc[order])


def front_name(facet: Facet, group: str, decoder: str) -> str:
    """What a legend shows; also the config key `front` of the settings that belong to it."""
    return " · ".join(part for part in (group, decoder, facet.task, facet.model) if part)


def decoder_name(setting: Setting) -> str:
    """Empty for answers from elsewhere, of which nobody said how they were decoded."""
    return "" if setting.foreign else str(setting.decode.decoder.name)


def front_content(front: Front, sweep: str) -> Content:
    vertices = front.vertices[["nfe", "quality"]].to_numpy(dtype=np.float64).tolist()
    config = {
        "kind": "front",
        "sweep": sweep,
        "front": front.name,
        "group": front.group,
        **({"decoder": {"name": front.decoder}} if front.decoder else {}),
        "task": {"name": front.facet.task},
        "model": {"name": front.facet.model},
    }

    def log(run: Any) -> None:
        run.define_metric(NFE, hidden=True)
        run.define_metric(QUALITY, step_metric=NFE)
        for nfe, quality in vertices:
            run.log({NFE: nfe, QUALITY: quality})
        run.log({STEPS: _step_chart(front)})

    return Content(
        key=f"front/{front.name}",
        name=front.name,
        kind="front",
        config=config,
        summary=front.summary,
        state=[config, front.summary, vertices],
        tags=tags("front", front.facet.task, front.facet.model, front.decoder, front.group),
        log=log,
        appends=True,
    )


def outdated(content: Content) -> Content:
    """What a front's earlier run becomes when another takes its place: of a kind that no view shows."""
    return Content(
        key=content.key,
        name=f"{content.name} (outdated)",
        kind=content.kind,
        config={**content.config, "kind": OUTDATED},
        summary={},
        state=None,
    )


def _step_chart(front: Front) -> Any:
    """W&B's own line chart, whose panel shows the tables of all visible runs, a line per front."""
    table = wandb.Table(
        columns=["NFE", "quality", "front"], data=[[*corner, front.name] for corner in front.corners]
    )
    return wandb.plot.line(table, "NFE", "quality", stroke="front", title="Quality within an NFE budget")
