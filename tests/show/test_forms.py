"""Every form shows the same cells: terminal, svg, gif, page."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path
from typing import get_args
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from axon.trace import Event
from pipeline.errors import ConfigError
from pipeline.show import gif, panel, scene, svg, terminal
from pipeline.show.cells import LEGEND, Kind, captions, cells, visible
from pipeline.show.decode import Decode
from tests.show.decodes import decode

BOTH = [decode(), decode("base", note="from the record alone: so it is")]
STEPS = range(4)


def printed(width: int = 100) -> str:
    shown = io.StringIO()
    terminal.print_steps(BOTH, STEPS, Console(file=shown, width=width))
    return shown.getvalue()


def test_the_terminal_prints_every_step_with_marks_that_need_no_colour() -> None:
    shown = printed()
    assert "↵?1" in shown and "{return a very…}1" in shown and "[<a&b>]" in shown
    assert shown.count("axon anchors=1 · step") == shown.count("base · step") == len(STEPS)
    assert "coverage 0.25 < 0.50 = 1 x progress" in shown
    assert "from the record alone: so it is" in shown
    assert max(map(len, printed(60).splitlines())) <= 60
    side_by_side = [line for line in printed(140).splitlines() if "step 1 of 4" in line]
    assert len(side_by_side) == 1 and "axon anchors=1" in side_by_side[0] and "base" in side_by_side[0]


EDITED = decode(
    "edits",
    events=(
        *(Event(0, place, 9, "reveal", "decoder") for place in range(5)),
        Event(1, 0, 7, "replace", "decoder"),
        Event(1, 1, 8, "replace", "decoder"),
        Event(2, 3, 7, "replace", "decoder"),
        Event(2, 4, -1, "remask", "decoder"),
    ),
)


def test_steps_that_edit_a_full_block_say_so() -> None:
    """Such a step reveals nothing, and no gate is asked in it; the last one changes nothing."""
    told = [captions(EDITED, step) for step in STEPS]
    assert [own[0] for own in told] == [
        "5 tokens revealed by the base decoder; 1 mask left",
        "2 tokens replaced; 1 mask left",
        "1 token masked again; 1 replaced; 2 masks left",
        "no token changed; 0 masks left",
    ]
    assert {own[1] for own in told[1:]} == {"gate coverage_gap not asked: the block is full"}
    assert captions(decode(), 1)[1] == "gate coverage_gap not asked: its budget is spent"
    assert [cell.kind for cell in cells(EDITED, 1)][:3] == ["replaced", "replaced", "before"]


def test_a_position_masked_again_shows_the_token_taken_back_until_the_next_step() -> None:
    assert [(cell.kind, cell.text) for cell in cells(EDITED, 2)][2:5] == [
        ("before", EDITED.text(9)),
        ("replaced", EDITED.text(7)),
        ("remasked", EDITED.text(9)),
    ]
    assert {cell.kind for step in (0, 1, 3, 4) for cell in cells(EDITED, step)}.isdisjoint({"remasked"})


def test_a_legend_explains_what_takes_tokens_back_where_there_is_any() -> None:
    shown = io.StringIO()
    terminal.print_steps([EDITED], STEPS, Console(file=shown, width=200))
    assert "<<a&b>> <↵>" in shown.getvalue() and "~return a very…~" in shown.getvalue()
    for mark, kind in (("<token> replaced", "replaced"), ("~token~ masked again", "remasked")):
        assert mark in shown.getvalue() and mark not in printed(200)
        for drawn, explained in (([EDITED], True), (BOTH, False)):
            texts = [element.text for element in ElementTree.fromstring(svg.draw(drawn, STEPS)).iter()]
            assert (LEGEND[kind] in texts) == explained
        assert [kind, LEGEND[kind]] in panel.legend()


def test_a_picture_strikes_out_what_is_masked_again() -> None:
    root = ElementTree.fromstring(svg.draw([EDITED], STEPS))
    struck = [element.text for element in root.iter() if "text-decoration" in element.attrib]
    assert struck == ["r…"], "cut to the room of what stands there in the end"
    greens = edges(pictures([EDITED]), "remasked")
    assert greens[2] > greens[0] == greens[1] == greens[3] > 0, "the legend's, and the cell's in its step"


def pictures(decodes: Sequence[Decode]) -> list[np.ndarray]:
    """Of a GIF those of the steps."""
    image = Image.open(io.BytesIO(gif.draw(decodes, STEPS)))
    found = []
    for step in STEPS:
        image.seek(step)
        found.append(np.asarray(image.convert("RGB")).astype(int))
    return found


def edges(drawn: Sequence[np.ndarray], kind: Kind) -> list[int]:
    """How many pixels of each picture have the colour of that kind's edge, as nearly as a GIF has it."""
    colour = np.array([int(scene.LOOKS[kind][1][place : place + 2], 16) for place in (1, 3, 5)])
    return [int((np.abs(picture - colour).max(2) < 16).sum()) for picture in drawn]


@pytest.mark.slow
@pytest.mark.parametrize("decodes", [BOTH, [EDITED]])
def test_a_gif_has_each_kind_in_its_colour_however_few_pixels_have_it(decodes: Sequence[Decode]) -> None:
    drawn = pictures(decodes)
    for kind in scene.legend_kinds(decodes, STEPS):
        assert all(edges(drawn, kind)), kind


def test_every_kind_has_a_look_of_its_own_in_every_form() -> None:
    kinds = [*get_args(Kind)]
    assert [*scene.LOOKS] == kinds and [*terminal.STYLES] == kinds and [*panel.KINDS] == kinds
    assert len(set(scene.LOOKS.values())) == len(kinds)
    rules = dict(re.findall(r"^\.decode \.(\w+) \{ (.+) \}$", panel.style(), re.MULTILINE))
    assert len({rules[kind] for kind in kinds}) == len(kinds)


def test_keys_lead_through_the_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    pressed = iter(
        [
            "next",
            "next",
            "next",
            "next",
            "back",
            "home",
            "other",
            "p",
            None,
            None,
            None,
            "p",
            None,
            "end",
            "q",
        ]
    )
    shown: list[int] = []

    @contextmanager
    def keys() -> Iterator[Callable[[float | None], str | None]]:
        yield lambda seconds: next(pressed)

    real = terminal._panels
    monkeypatch.setattr(terminal, "keys", keys)
    monkeypatch.setattr(
        terminal, "_panels", lambda made, step, console: shown.append(step) or real(made, step, console)
    )
    terminal.browse(BOTH, Console(file=io.StringIO(), force_terminal=True, width=80, height=40))
    assert shown == [0, 1, 2, 3, 3, 2, 0, 0, 0, 1, 2, 3, 0, 1, 3]


def test_an_svg_holds_each_cell_of_each_step_as_text() -> None:
    root = ElementTree.fromstring(svg.draw(BOTH, STEPS))
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    for one in BOTH:
        for step in STEPS:
            assert f"{one.title} · step {step + 1} of 4" in texts
            assert {
                visible(cell.text) for cell in cells(one, step) if cell.text and cell.kind != "mask"
            } <= set(texts)
    width, height = (float(root.attrib[name]) for name in ("width", "height"))
    for element in root.iter("{http://www.w3.org/2000/svg}text"):
        assert (
            0
            <= float(element.attrib["x"])
            <= float(element.attrib["x"]) + float(element.attrib["textLength"])
            <= width
        )
        assert 0 <= float(element.attrib["y"]) <= height
    assert LEGEND["axon"] in texts and LEGEND["supported"] in texts
    alone = [element.text for element in ElementTree.fromstring(svg.draw(BOTH[1:], range(1, 2))).iter()]
    assert LEGEND["supported"] not in alone, "a legend explains what is drawn"


def test_an_svg_refuses_more_steps_than_it_holds() -> None:
    with pytest.raises(ConfigError, match=r"^format=svg: the decode has 61 steps; .*step=1-60$"):
        svg.draw(BOTH, range(61))


def test_a_gif_has_a_picture_of_one_size_for_each_step() -> None:
    image = Image.open(io.BytesIO(gif.draw(BOTH, STEPS)))
    assert image.n_frames == len(STEPS)  # type: ignore[attr-defined]
    pictures = []
    for step in STEPS:
        image.seek(step)
        pictures.append(image.convert("RGB").tobytes())
        assert image.size[0] == 880
    assert len(set(pictures)) == len(STEPS)


def cells_of(data: dict[str, object]) -> list[list[list[tuple[str, str]]]]:
    """Text and kind of every cell of every step of every decode, read as panel.js does."""
    found = []
    for one in data["decodes"]:  # type: ignore[attr-defined]
        held: dict[int, str] = {}
        steps = []
        for step in one["steps"]:
            shown = [(held[p], "before") if p in held else ("", "mask") for p in range(one["length"])]
            for position, text, kind, *_ in step["cells"]:
                shown[position] = (one["texts"][text], panel.KINDS[kind])
                held.pop(position, None)
                if panel.KINDS[kind] in panel.STAYS:
                    held[position] = one["texts"][text]
            steps.append(shown)
        found.append(steps)
    return found


def told(decodes: Sequence[Decode]) -> list[list[list[tuple[str, str]]]]:
    return [
        [
            [(visible(cell.text) if cell.text else "", cell.kind) for cell in cells(one, step)]
            for step in STEPS
        ]
        for one in decodes
    ]


@pytest.mark.parametrize("decodes", [BOTH, [EDITED]])
def test_a_panels_data_holds_every_cell(decodes: Sequence[Decode]) -> None:
    data = panel.data(decodes)
    assert cells_of(data) == told(decodes)
    assert [[step["words"] for step in one["steps"]] for one in data["decodes"]] == [
        [captions(one, step) for step in STEPS] for one in decodes
    ]
    assert json.loads(json.dumps(data)) == data


def test_the_script_reads_the_data_as_it_is_written() -> None:
    script = panel.script()
    for name, values in (("KINDS", panel.KINDS), ("STAYS", panel.STAYS)):
        assert f"const {name} = {json.dumps(values)};" in script


def test_a_page_loads_nothing_and_takes_no_text_for_its_own() -> None:
    page = panel.draw(BOTH).decode()
    policy = re.search(r'content="(default-src [^"]+)"', page)
    report = (files("pipeline.report.html.web") / "page.html").read_text()
    assert policy and f'content="{policy[1]}"' in report.replace(" $source", ""), (
        "beside what lies in details/"
    )
    assert set(re.findall(r"https?://[^\"' ]+", page)) == {"http://www.w3.org/2000/svg"}
    assert "<a&b>" not in page and "\\u003ca&b>" in page


class Shown(HTMLParser):
    """Kinds and texts of the cells, and all other text, of a page as a browser has it."""

    def __init__(self) -> None:
        super().__init__()
        self.cells: list[tuple[str, str]] = []
        self.text = ""
        self._kind: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        kind = dict(attrs).get("class") or ""
        self._kind = kind.removeprefix("cell ") if kind.startswith("cell ") else None
        if self._kind:
            self.cells.append(("", self._kind))

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._kind:
            self.cells[-1] = (data, self._kind)

    def handle_endtag(self, tag: str) -> None:
        self._kind = None


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("chromium"), reason="needs Debian's package chromium")
@pytest.mark.parametrize("decodes", [BOTH, [EDITED]])
def test_a_browser_shows_the_step_that_is_asked_for(decodes: Sequence[Decode], tmp_path: Path) -> None:
    (tmp_path / "show.html").write_bytes(panel.draw(decodes))
    flags = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        f"--user-data-dir={tmp_path / 'profile'}",
        "--dump-dom",
    ]
    address = f"file://{tmp_path / 'show.html'}#step=3"
    done = subprocess.run(["chromium", *flags, address], capture_output=True, text=True, timeout=120)
    shown = Shown()
    shown.feed(done.stdout)
    assert shown.cells == [
        (text if len(text) <= (room := max(2, len(last))) else f"{text[: room - 1]}…", kind)
        for one in told(decodes)
        for (text, kind), (last, _) in zip(one[2], one[-1], strict=True)
    ]
    assert f"{decodes[0].title} · step 3 of 4" in shown.text
