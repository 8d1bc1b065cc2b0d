"""The terminal's report stays short: of many comparisons the headlines, and where the rest is."""

import io
from dataclasses import replace

import pytest
from rich.console import Console, Group
from rich.table import Table

from pipeline.report import find
from pipeline.report.asked import Asked
from pipeline.report.words import terminal
from pipeline.report.words.told import UNFOLDED
from tests.report.sweep import changed, make_sweep

pytestmark = pytest.mark.slow

DECODERS = ("dawn", "klass")


@pytest.mark.parametrize("count", [UNFOLDED, UNFOLDED + 1])
def test_of_many_comparisons_the_headlines_are_told_and_where_their_evidence_is(count: int) -> None:
    alone, sweep = make_sweep(gain=1.0), make_sweep(gain=1.0)
    for decoder in DECODERS[: count - 1]:
        for sid, setting in alone.settings.items():
            sweep.settings[f"{decoder}-{sid}"] = replace(
                changed(setting, decoder=decoder), id=f"{decoder}-{sid}"
            )
        sweep.rows += [row | {"setting_id": f"{decoder}-{row['setting_id']}"} for row in alone.rows]
    (facet,) = find([sweep.run], sweep.records, asked=Asked()).facets
    console = Console(width=80, record=True, file=io.StringIO())
    assert len(facet.summary.verdicts) == len(facet.matched) == count
    console.print(*terminal._facet("title", facet))
    told = " ".join(console.export_text().split())
    for verdict in facet.summary.verdicts:
        assert verdict.evidence and verdict.short in told
        assert (verdict.evidence in told) == (count == UNFOLDED)
    assert told.count("Quality at matched NFE: ") == (count if count == UNFOLDED else 0)
    assert ("matched_nfe.csv" in told) == ("rests on" in told) == (count > UNFOLDED)


def test_long_names_of_groups_are_whole_in_a_narrow_terminal() -> None:
    """Runs of one sweep are called by their folders, which only the end tells apart."""
    sweep = make_sweep(anchors=(None, 1))
    names = {"base": "lists-confidence-tiny-30-9b074b: base", "AXON": "lists-confidence-tiny-30-d8ba3c: axon"}
    sweep.settings = {sid: replace(own, group=names[own.group]) for sid, own in sweep.settings.items()}
    console = Console(width=80, force_terminal=False, color_system=None)
    with console.capture() as capture:
        console.print(terminal.render(find([sweep.run], sweep.records)))
    shown = capture.get()
    assert "…" not in shown.split("The Pareto front holds")[0]
    assert "tiny-30-9b074b:" in shown and "tiny-30-d8ba3c:" in shown


@pytest.mark.parametrize("width", range(40, 81, 8))
def test_no_line_ends_within_an_interval_or_a_number_of_percent(width: int) -> None:
    sweep = make_sweep(gain=1.0)
    (facet,) = find([sweep.run], sweep.records).facets
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(Group(*(part for part in terminal._facet("title", facet) if not isinstance(part, Table))))
    lines = console.export_text().splitlines()
    assert all(len(line) <= width for line in lines)
    assert not [line for line in lines if line.count("[") != line.count("]") or line.startswith("%")]
    assert facet.summary.verdicts[0].short in " ".join(" ".join(lines).split())
