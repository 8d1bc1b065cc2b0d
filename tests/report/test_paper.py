"""Tables for papers: read back by what reads them, whatever the names in them."""

import io
import itertools
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from markdown_it import MarkdownIt
from markdown_it.token import Token

from pipeline.report import find, write_report
from pipeline.report.asked import FORMATS, Asked
from pipeline.report.findings import Findings
from pipeline.report.paper.cells import HEADINGS
from pipeline.report.paper.formats import WRITERS
from pipeline.report.paper.latex import escaped
from pipeline.report.paper.lines import lines_of
from pipeline.report.words.matched_table import matched_texts
from tests.report.comparisons.test_aup import plainly
from tests.report.sweep import GEN_LENGTH, Sweep, changed, make_sweep

EVIL = r"a|b_c & 50% #1 {x} ~^\ $<*`"


@pytest.fixture(scope="module")
def sweep() -> Sweep:
    """Whose base group has a name that every format must escape."""
    made = make_sweep(gain=0.5, faster=0.7)
    made.settings = {
        sid: replace(own, group=EVIL if own.group == "base" else own.group)
        for sid, own in made.settings.items()
    }
    return made


@pytest.fixture(scope="module")
def found(sweep: Sweep) -> Findings:
    return find([sweep.run], sweep.records)


def text_of(found: Findings, name: str) -> str:
    (text,) = WRITERS[name](found.facets).values()
    return text


def test_every_name_that_a_user_may_give_has_a_writer() -> None:
    assert tuple(WRITERS) == FORMATS


@pytest.mark.slow
def test_lines_are_the_fronts_with_both_conventions_and_a_named_reference(found: Findings) -> None:
    (table,) = lines_of(found.facets)
    (facet,) = found.facets
    for method, group in (("AXON", "AXON"), (EVIL, EVIL)):
        on = facet.points[(facet.points["group"] == group) & facet.points["group_front"]]
        own = [line for line in table.lines if line.method == method]
        assert [line.nfe for line in own] == sorted(set(on["nfe"]))
        assert {line.setting_id for line in own} <= set(on["setting_id"])
    base = [line for line in table.lines if line.method == EVIL]
    for line in table.lines:
        assert line.tpf == pytest.approx(GEN_LENGTH / line.nfe)
        assert line.tpf_to_eos == pytest.approx(40 / line.nfe)
        assert line.speed_up == pytest.approx(base[-1].nfe / line.nfe)
        assert line.accuracy.lo <= line.accuracy.estimate <= line.accuracy.hi <= 100
    assert table.against == f"{EVIL} {base[-1].setting}" and table.against in table.caption
    assert base[-1].accuracy.estimate == max(line.accuracy.estimate for line in base)


@pytest.mark.slow
def test_tokens_a_second_are_of_one_machine_only(sweep: Sweep) -> None:
    machine = {"device": "cpu", "attention_kernel": "sdpa", "torch": "2", "batch_size": 8}
    one = sweep.records.assign(**machine)
    two = one.assign(device=np.where(one.index % 2, "cpu", "other"))
    for records, known in ((one, True), (two, False), (sweep.records, False)):
        (table,) = lines_of(find([sweep.run], records).facets)
        assert [not np.isnan(line.tokens_per_second) for line in table.lines] == [known] * len(table.lines)
        assert ("no tokens per second" in table.caption) == (not known)
        assert "neighbouring" not in table.caption
    repeats = one["position"] == 0
    (table,) = lines_of(find([sweep.run], one.assign(decoded_under=np.where(repeats, "other", None))).facets)
    assert f"machine second ({repeats.sum()} decodes are neighbouring settings'" in table.caption


def cells_of(tokens: list[Token]) -> list[list[str]]:
    """The rows of a table."""
    rows: list[list[str]] = []
    for opening, inline in itertools.pairwise(tokens):
        if opening.type == "tr_open":
            rows.append([])
        if opening.type in ("td_open", "th_open"):
            parts = [part.content for part in inline.children or [] if part.type in ("text", "text_special")]
            rows[-1].append("".join(parts))
    return rows


@pytest.mark.slow
def test_markdown_renders_to_the_cells(found: Findings) -> None:
    (table,) = lines_of(found.facets)
    tokens = MarkdownIt("commonmark").enable("table").parse(text_of(found, "markdown"))
    assert all(part.type in ("text", "text_special") for token in tokens for part in token.children or [])
    ends = [place + 1 for place, token in enumerate(tokens) if token.type == "table_close"]
    parts = [tokens[start:end] for start, end in itertools.pairwise([0, *ends])]
    rows, *matched = (cells_of(part) for part in parts)
    assert matched == [
        [list(own.table.columns), *own.table.to_numpy().tolist()] for own in matched_texts(found.facets[0])
    ]
    assert len(matched) == 1 and matched[0][0][-1] == "settings mixed [95 %]"
    assert rows[0] == list(HEADINGS)
    assert [row[:2] for row in rows[1:]] == [[line.method, line.setting] for line in table.lines]
    assert [row[3] for row in rows[1:]] == [f"{line.nfe:.1f}" for line in table.lines]


def test_latex_has_as_many_cells_in_every_row_and_nothing_that_it_would_read(found: Findings) -> None:
    text = text_of(found, "latex")
    (table,) = lines_of(found.facets)
    expected = [(1 + len(table.lines), len(HEADINGS))]
    expected += [(1 + len(own.table), len(own.table.columns)) for own in table.matched]
    bodies = re.findall(r"\\toprule(.*?)\\bottomrule", text, re.DOTALL)
    for body, (count, width) in zip(bodies, expected, strict=True):
        rows = [line for line in body.splitlines() if line.endswith(r"\\")]
        assert len(rows) == count
        unescaped = re.compile(r"(?<!\\)&")
        assert {len(unescaped.findall(row)) for row in rows} == {width - 1}
        bare = re.sub(r"\$-\$(?=\d)|\\(text\w+|ldots)\{\}|\\[&%$#_{}]", "", "".join(rows))
        assert not set(bare.replace(r"\\", "")) & set("%$#_{}~^\\<>|†‡")
    for caption in re.findall(r"\\caption\{(.*?)\}\n\\label", text, re.DOTALL):
        assert not re.search(r"(?<!\\)[%#_&]", caption)
    assert text.count("{") - text.count(r"\{") == text.count("}") - text.count(r"\}")


@pytest.mark.parametrize("character", "\\{}$&#_%~^<>|")
def test_what_latex_reads_is_escaped_once(character: str) -> None:
    assert escaped(f"a{character}b") not in (f"a{character}b", "ab")
    assert escaped(character * 2) == escaped(character) * 2
    assert escaped("plain text, 1.5 [0.1, 0.2]") == "plain text, 1.5 [0.1, 0.2]"


def test_a_number_has_a_minus_in_latex_and_a_name_its_hyphen() -> None:
    told = escaped("-0.1 [-0.3, +0.1], knob=-1, llada-8b, 2026-11-27, -: unknown")
    assert told == "$-$0.1 [$-$0.3, +0.1], knob=$-$1, llada-8b, 2026-11-27, -: unknown"


def test_csv_has_the_numbers(found: Findings) -> None:
    (table,) = lines_of(found.facets)
    read = pd.read_csv(io.StringIO(text_of(found, "csv")))
    assert read["method"].tolist() == [line.method for line in table.lines]
    assert read["accuracy_lo"].tolist() == pytest.approx([line.accuracy.lo for line in table.lines])
    assert set(read["speed_up_against"]) == {table.against}


@pytest.mark.slow
def test_score_and_tpf_share_a_cell_per_task(sweep: Sweep) -> None:
    """Two tasks, one of which lacks a row: a column each, and a dash."""
    both = make_sweep(gain=0.5, faster=0.7)
    for setting_id, setting in list(both.settings.items()):
        if setting.group == "AXON":
            other = replace(changed(setting, task={"name": "lists"}), id=f"lists-{setting_id}")
            both.settings[other.id] = other
            both.rows += [
                row | {"setting_id": other.id, "task": "lists"}
                for row in both.rows
                if row["setting_id"] == setting_id
            ]
    found = find([both.run], both.records)
    head, _, *rows = text_of(found, "score_tpf").split("\n\n")[0].splitlines()
    assert head == r"| Model | Method | arith (Score \| TPF) | lists (Score \| TPF) |"
    base = [row for row in rows if "| base" in row]
    assert base and all(row.endswith(" - |") for row in base)
    assert all(re.search(r"\| \d+\.\d \\\| \d+\.\d\d \|", row) for row in rows)


@pytest.mark.slow
def test_a_setting_on_the_front_of_one_task_has_its_figures_on_all() -> None:
    """Where it is dominated nothing is lacking."""
    both = Sweep()
    for name, right in (("arith", (0.5, 0.9)), ("lists", (0.9, 0.5))):  # on lists the slower one is worse
        one = make_sweep(anchors=(None,), thresholds=(0.3, 0.9), prefix=f"{name}-")
        one.change(task={"name": name})
        for row in one.rows:
            share = right[row["setting_id"].startswith(f"{name}-0.9")]
            both.rows.append(row | {"task": name, "score": float(row["position"] < 60 * share)})
        both.settings |= one.settings
    found = find([both.run], both.records)
    _, _, *rows = text_of(found, "score_tpf").split("\n\n")[0].splitlines()
    cells = [[cell.split(" ")[0] for cell in row.replace("\\|", "").split("| ")[3:]] for row in rows]
    assert cells == [["50.0", "90.0"], ["90.0", "50.0"]]


def test_d3llms_own_reading_of_its_yaml_gives_the_aup_beside_it(found: Findings) -> None:
    """As main.py of its leaderboard reads it: y_max of all methods of the task, and no pair that get_aup refuses."""
    text = text_of(found, "d3llm")
    (facet,) = found.facets
    (methods,) = yaml.safe_load(text).values()
    assert set(methods) == {EVIL, "AXON"}
    y_max = max(y for pairs in methods.values() for _, y in pairs)
    for own in facet.aups:
        pairs = [tuple(pair) for pair in methods[own.side.name]]
        assert pairs == sorted(pairs)
        assert pairs[0][1] - pairs[-1][1] <= 5
        assert plainly(pairs, y_max) == pytest.approx(own.canvas.estimate, rel=1e-4)
        assert f"{own.canvas.estimate:.1f} [{own.canvas.lo:.1f}, {own.canvas.hi:.1f}]" in text
    assert f"y_max {y_max:.4g}" in text and "alpha 3" in text
    assert all(line.startswith(("#", " ", "-", "arith")) for line in text.splitlines())


@pytest.mark.slow
def test_the_files_asked_for_lie_in_the_folder(sweep: Sweep, tmp_path: Path) -> None:
    report = write_report(tmp_path, [sweep.run], sweep.records, [], asked=Asked(formats=FORMATS))
    names = [path.name for path in report.tables]
    assert names == ["table.md", "table.tex", "table.csv", "score_tpf.md", "aup-tiny.yaml"]
    assert all((tmp_path / name).stat().st_size for name in names)
    matched = pd.read_csv(tmp_path / "matched_nfe.csv")
    assert set(matched["front"]) == {"AXON"} and set(matched["against"]) == {EVIL}
