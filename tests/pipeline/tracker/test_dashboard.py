"""Two views saved in W&B, here on a small server of our own, and loaded again."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from pipeline.errors import ConfigError
from pipeline.inputs.config import Config, WandbSettings
from pipeline.jobs.dashboard_job import dashboard_job
from pipeline.jobs.start import start_job
from tests.pipeline.conftest import composing
from tests.pipeline.wandb_server import ServedRun, WandbServer

needs_workspaces = pytest.mark.skipif(
    importlib.util.find_spec("wandb_workspaces") is None, reason="the extra `dashboard` is not installed"
)


@pytest.fixture
def config(make_config: Callable[..., Config]) -> Config:
    return replace(make_config(), wandb=WandbSettings("online", "axon"))


def add_setting(server: WandbServer, name: str, **knobs: float) -> None:
    config = {key: {"value": value} for key, value in {"kind": "setting", **knobs}.items()}
    server.runs[name] = ServedRun("axon", name, config=config)


def saved(config: Config) -> list[str]:
    out = StringIO()
    assert dashboard_job(config, Console(file=out)) == 0
    return out.getvalue().split()


def panels(view: Mapping[str, Any]) -> dict[str, Any]:
    """By their type."""
    [section] = json.loads(view["spec"])["section"]["panelBankConfig"]["sections"]
    return {panel["viewType"]: panel["config"] for panel in section["panels"]}


@pytest.mark.slow
@needs_workspaces
def test_two_views_are_saved_and_saving_again_updates_them(
    wandb_server: WandbServer, config: Config, capsys: pytest.CaptureFixture[str]
) -> None:
    import wandb_workspaces.workspaces as ws

    add_setting(wandb_server, "a", knob_threshold=0.3)
    addresses = saved(config)
    assert all(address.startswith(f"{wandb_server.url}/me/axon?nw=") for address in addresses)
    fronts, settings = (ws.Workspace.from_url(address) for address in addresses)
    assert (fronts.name, settings.name) == ("Fronts", "Settings")
    assert fronts.runset_settings.filters == "Config(\"kind\") == 'front'"
    assert settings.runset_settings.filters == "Config(\"kind\") == 'setting'"
    assert fronts.settings.max_runs == 100 and fronts.settings.smoothing_type == "none"

    add_setting(wandb_server, "b", knob_anchors=2)
    assert saved(config) == addresses and len(wandb_server.views) == 2
    assert not capsys.readouterr().err
    by_name = {view["displayName"]: panels(view) for view in wandb_server.views.values()}
    lines, steps = by_name["Fronts"]["Run History Line Plot"], by_name["Fronts"]["Vega2"]
    assert (lines["xAxis"], lines["metrics"]) == ("front_nfe", ["front_quality"])
    assert steps["fieldSettings"] == {"x": "NFE", "y": "quality", "stroke": "front"}
    assert "front_steps_table" in json.dumps(steps["userQuery"])
    axes = [column["accessor"] for column in by_name["Settings"]["Parallel Coordinates Plot"]["columns"]]
    knobs = ["config:knob_anchors.value", "config:knob_threshold.value"]
    assert axes == [*knobs, "summary:nfe", "summary:quality"]
    assert {"Scatter Plot", "Run Comparer"} <= by_name["Settings"].keys()


@pytest.mark.slow
@needs_workspaces
@pytest.mark.parametrize("other", [None, "elsewhere"])
def test_a_project_without_settings_is_told(
    other: str | None, wandb_server: WandbServer, config: Config
) -> None:
    if other is None:
        wandb_server.runs["x"] = ServedRun("axon", "x")
    else:
        wandb_server.runs["x"] = ServedRun(other, "x")
    with pytest.raises(
        ConfigError, match=r"^wandb.project=axon: holds no setting yet; run a sweep with wandb=online"
    ):
        dashboard_job(config, Console(file=StringIO()))


@pytest.mark.slow
@needs_workspaces
def test_a_server_that_refuses_is_told(wandb_server: WandbServer, config: Config) -> None:
    add_setting(wandb_server, "a", knob_threshold=0.3)
    wandb_server.fails = lambda: 403 if wandb_server.views else 0
    out = StringIO()
    assert dashboard_job(config, Console(file=out)) == 1
    [line] = out.getvalue().strip().splitlines()
    assert line.startswith("wandb.project=axon: the views could not be saved (")


def test_what_it_needs_is_told(
    make_config: Callable[..., Config], config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    console = Console(file=StringIO())
    asked = make_config("job=dashboard", "wandb.mode=offline")
    with pytest.raises(ConfigError, match=r"^wandb.mode=offline: job=dashboard saves .*; add wandb=online$"):
        start_job(asked, composing(asked), [], console)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        ConfigError, match=r"^job=dashboard: needs wandb-workspaces; pip install -e '.\[dashboard\]'$"
    ):
        dashboard_job(config, console)
