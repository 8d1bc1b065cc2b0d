"""How large a page is, besides the plotting library: it is opened on phones, and attached to letters."""

from __future__ import annotations

from importlib.resources import files

import numpy as np
import pytest

from pipeline.report import find
from pipeline.report.html import payload
from pipeline.report.html.details import READ, Details, write
from pipeline.report.html.page import render
from tests.report.sweep import make_sweep

pytestmark = pytest.mark.slow

PICTURE = b"p" * 150_000  # front.png of 200 settings has about so many
MB = 1_000_000


def findings_of(settings: int, examples: int):
    """Scores and NFE at random, so that nothing of them compresses or is alike."""
    thresholds = tuple(np.linspace(0.1, 0.99, settings // 5).round(4).tolist())
    sweep = make_sweep(examples=1, anchors=(None, 1, 2, 3, 4), thresholds=thresholds)
    rng = np.random.default_rng(0)
    for row in sweep.rows:
        row |= {"tokens": [row["tokens"][0], 1], "revealed_at": [0, 1], "axon_steps": []}
    records = sweep.records.loc[np.repeat(np.arange(settings), examples)].reset_index(drop=True)
    position = np.tile(np.arange(examples), settings)
    nfe = rng.integers(1, 64, len(records))
    records = records.assign(
        position=position,
        example_id=[f"arith-{own}" for own in position],
        score=rng.integers(0, 2, len(records)).astype(float),
        nfe=nfe,
        nfe_to_eos=nfe,
    )
    return find([sweep.run], records)


@pytest.mark.parametrize(
    "settings, examples, most", [(40, 200, 0.6), pytest.param(200, 1000, 1.8, marks=pytest.mark.slow)]
)
def test_a_page_stays_small(settings: int, examples: int, most: float) -> None:
    """A small sweep in 1.5 MB was asked for, and 200 settings on 1,000 examples in 8 MB with the library."""
    found = findings_of(settings, examples)
    questions = {f"arith-{position}": "how many apples? " * 30 for position in range(examples)}
    page = render(found, lambda: [PICTURE], [], Details(questions={found.facets[0].name: questions}))
    library = (files("plotly") / "package_data" / "plotly.min.js").stat().st_size
    assert len(found.points) == settings
    assert (len(page.encode()) - library) / MB < most


def test_a_setting_more_takes_little() -> None:
    """Of 20,000 a page is opened, too."""
    few, many = (
        len(render(findings_of(count, 10), lambda: [PICTURE], [], Details()).encode()) for count in (20, 80)
    )
    assert (many - few) / 60 < 900


def test_a_setting_is_loaded_by_itself_and_is_small(tmp_path) -> None:
    """A click loads two of these: at 1,000 examples of 256 tokens under 4 MB, which a disk reads at once."""
    examples, length = 50, 256
    sweep = make_sweep(examples=examples, anchors=(None,), thresholds=(0.3, 0.9))
    rng = np.random.default_rng(0)
    for row in sweep.rows:
        tokens, steps = rng.integers(0, 126_000, length).tolist(), rng.permutation(length).tolist()
        row |= {"tokens": tokens, "revealed_at": steps, "answer": "a worked answer " * 40}
    records = sweep.records
    of_setting = records.reindex(columns=READ).groupby(records["setting_id"]).get_group
    told = write(tmp_path, find([sweep.run], records), lambda _, setting: of_setting(setting))
    assert len(told.decodes) == 2
    for name in told.decodes.values():
        size = (tmp_path / payload.FOLDER / f"{name}.js").stat().st_size
        assert size / examples * 1000 / MB < 4
