"""Two models on two tasks, really decoded, compared on one page: a facet each, whose toggles work."""

from __future__ import annotations

import io
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from pipeline.evaluation.evaluate import Evaluator
from pipeline.inputs.config import Config, read_config
from pipeline.jobs import run_job, runs_command
from pipeline.runs.run_folder import folder_of
from pipeline.storage.store import Store
from tests.browser.test_page import DRAWN, toggle
from tests.pipeline.conftest import compose_tree, composing, planned, set_key, sliced, write_checkpoint

EXAMPLES = 8
GROUPS = 'sweep.groups={"base": {"set": {"axon.gate": "never"}}, "axon": {"grid": {"axon.anchors": [1, 2]}}}'
pytestmark = pytest.mark.slow


def decoded(config: Config) -> Path:
    """The folder of the sweep, decoded by this process alone: Ray would take longer to start."""
    store, evaluator = Store(config.store), Evaluator(EXAMPLES)
    for setting in planned(config).settings.values():
        store.write_slice(setting.id, 0, EXAMPLES, sliced(evaluator, setting, 0, EXAMPLES))
    assert run_job.run_job(config, composing(config), [], Console(file=io.StringIO())) == 0
    return folder_of(config, planned(config))


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled model on lists, and a random one of LLaDA's layout on arith."""
    out = tmp_path_factory.mktemp("models")
    folders = []
    for words in (["task=lists"], ["task=arith", f"model.path={write_checkpoint(out / 'random')}"]):
        tree = compose_tree(f"out={out}", f"limit={EXAMPLES}", f"slice_size={EXAMPLES}", "wandb=off", *words)
        set_key(tree, GROUPS)
        folders.append(decoded(read_config(tree)))
    shown = io.StringIO()
    words = {"job": "compare", "runs": f"[{folders[0]},{folders[1]}]"}
    assert runs_command.main(words, Console(file=shown, width=100)) == 0
    return Path(shown.getvalue().splitlines()[-1]) / "report.html"


def test_each_model_has_its_facet_and_a_toggle_hides_points_in_both(visit, page_file: Path) -> None:
    points = pd.read_csv(page_file.parent / "points.csv")
    assert points.groupby(["task", "model"]).size().to_dict() == {
        ("arith", "random"): 3,
        ("lists", "tiny"): 3,
    }
    assert (points["n"] == EXAMPLES).all() and points["quality"].notna().all()
    page = visit(page_file)
    facets = page.locator(".facet")
    assert facets.count() == 2

    def drawn() -> list[int]:
        return [
            sum(len(trace["points"]) for trace in facets.nth(number).evaluate(DRAWN)) for number in range(2)
        ]

    assert drawn() == [3, 3]
    toggle(page, "anchors", 2).click()
    assert drawn() == [2, 2]
    base = points.loc[(points["model"] == "random") & ~points["axon"], "group"].item()
    toggle(page, "group", base).click()
    assert drawn() == [2, 1]
    page.get_by_role("button", name="show all").click()
    assert drawn() == [3, 3]
    for number, (task, model) in enumerate((("lists", "tiny"), ("arith", "random"))):
        assert f"{task} · {model}" in facets.nth(number).locator("h2").inner_text()
