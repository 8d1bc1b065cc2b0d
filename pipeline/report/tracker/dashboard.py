"""Two saved views of a W&B project: the fronts over each other, and the settings by their knobs.

The panels are those of wandb-workspaces (the extra `dashboard`). A view is found again by its name in the project's
list of views, which is ours to choose: saving twice updates it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import wandb
import wandb_workspaces.reports.v2 as wr
import wandb_workspaces.workspaces as ws

from pipeline.report.tracker.fronts import NFE, QUALITY, STEPS

MOST_RUNS = 100  # drawn in one panel; W&B's own default is 10
MOST_READ = 1000  # settings whose knobs are looked at
KNOB = "knob_"
HALVES = ws.SectionLayoutSettings(columns=2, rows=2)


class NothingLogged(Exception):
    """The project has no setting of ours."""


def save_dashboard(project: str) -> list[str]:
    """Saves both views and returns their addresses.

    Raises NothingLogged, and wandb.Error or whatever else W&B raises where it refuses.
    """
    api = wandb.Api()
    entity = str(api.settings["entity"] or api.default_entity)
    knobs = sorted(_knobs(api, f"{entity}/{project}"))
    return [
        _save(_view(entity, project, "Fronts", "front", _front_panels()), "axonfronts0"),
        _save(_view(entity, project, "Settings", "setting", _setting_panels(knobs)), "axonsetting"),
    ]


def _knobs(api: wandb.Api, path: str) -> set[str]:
    """The knobs of the project's latest settings."""
    latest = api.runs(path, {"config.kind": "setting"}, order="-created_at", lazy=False)
    try:
        configs = [run.config for run, _ in zip(latest, range(MOST_READ), strict=False)]
    except ValueError as error:
        if "find project" not in str(error):
            raise
        configs = []
    if not configs:
        raise NothingLogged
    return {key for config in configs for key in config if key.startswith(KNOB)}


def _view(entity: str, project: str, name: str, kind: str, panels: Iterator[wr.Panel]) -> ws.Workspace:
    return ws.Workspace(
        entity=entity,
        project=project,
        name=name,
        sections=[ws.Section(name=name, panels=list(panels), is_open=True, layout_settings=HALVES)],
        settings=ws.WorkspaceSettings(smoothing_type="none", max_runs=MOST_RUNS),
        runset_settings=ws.RunsetSettings(filters=f"Config('kind') == '{kind}'"),
    )


def _front_panels() -> Iterator[wr.Panel]:
    yield wr.LinePlot(
        title="Fronts: quality against NFE",
        x=NFE,
        y=[QUALITY],
        title_x="NFE per example",
        title_y="quality",
        smoothing_type="none",
        max_runs_to_show=MOST_RUNS,
    )
    yield wr.CustomChart(
        query={"summaryTable": {"tableKey": f"{STEPS}_table"}},
        chart_name="wandb/line/v0",
        chart_fields={"x": "NFE", "y": "quality", "stroke": "front"},
        chart_strings={"title": "Quality within an NFE budget"},
    )


def _setting_panels(knobs: list[str]) -> Iterator[wr.Panel]:
    yield wr.ScatterPlot(
        title="Settings: quality against NFE",
        x=wr.SummaryMetric("nfe"),
        y=wr.SummaryMetric("quality"),
    )
    axes = [*(wr.Config(knob) for knob in knobs), wr.SummaryMetric("nfe"), wr.SummaryMetric("quality")]
    yield wr.ParallelCoordinatesPlot(
        title="Knobs",
        columns=[wr.ParallelCoordinatesPlotColumn(axis, axis.name.removeprefix(KNOB)) for axis in axes],
    )
    yield wr.RunComparer(diff_only="split")


def _save(view: ws.Workspace, name: str) -> str:
    """`name`: 11 letters or digits, as W&B's own names; part of the address."""
    view._internal_name = f"nw-{name}-v"
    address = str(view.url)
    with suppress(ValueError):  # it isn't there yet
        view._internal_id = ws.Workspace.from_url(address)._internal_id
    view.save()
    return address
