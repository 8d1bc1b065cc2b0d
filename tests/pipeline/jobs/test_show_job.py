"""job=show: a decode of a run, replayed where it can be, and its record alone where not."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pyarrow as pa
import pytest
from rich.console import Console

from axon import CheckpointError
from axon.trace import Event, Trace
from pipeline import open_run
from pipeline.errors import ConfigError
from pipeline.inputs.config import Config
from pipeline.report.data.labels import titles
from pipeline.show import replay
from pipeline.show.choice import find_setting
from pipeline.show.job import show
from pipeline.show.panel import KINDS
from tests.pipeline.conftest import Judge
from tests.pipeline.jobs.a_run import change_slice, config, folder, main, refused

__all__ = ["config", "folder", "refused"]  # fixtures

Words = Callable[..., str]


@pytest.mark.slow
@pytest.mark.parametrize("example", ["3", "test-0-3"])
def test_a_decode_is_shown_step_by_step(example: str, folder: Path) -> None:
    record = open_run(folder).records.set_index("position").loc[3]
    code, shown = main("job=show", f"run={folder}", f"example={example}")
    assert code == 0
    assert "prompt  Q test-0-3:" in shown and "from the record alone" not in shown
    for step in range(1, record["nfe"] + 1):
        assert f"step {step} of {record['nfe']}" in shown
    assert shown.count("revealed by AXON") == len(record["axon_steps"]) + 1  # the legend's
    assert shown.count("0 masks left") == 1


@pytest.mark.slow
def test_one_step_or_some(folder: Path) -> None:
    nfe = int(open_run(folder).records["nfe"].iloc[0])
    assert nfe > 2
    for words, steps in (("2", [2]), (f"2-{nfe}", list(range(2, nfe + 1)))):
        shown = main("job=show", f"run={folder}", f"step={words}")[1]
        assert [step for step in range(1, nfe + 1) if f"step {step} of" in shown] == steps


@pytest.mark.slow
@pytest.mark.parametrize("form", ["svg", "gif", "html"])
def test_a_file_is_written_where_it_is_asked_for(form: str, folder: Path, tmp_path: Path) -> None:
    [setting] = open_run(folder).run.settings
    for word, file in (
        ("", folder / f"show-{setting.id[:8]}-{setting.id[:8]}-0.{form}"),
        (f"out={tmp_path / 'new' / 'file'}", tmp_path / "new" / "file"),
    ):
        names = f"settings=[{setting.id[:6]},{setting}]"
        code, shown = main("job=show", f"run={folder}", names, f"format={form}", *([word] if word else []))
        assert (code, shown.splitlines()) == (0, [str(file)])
        assert file.read_bytes()[:4] == {"svg": b"<svg", "gif": b"GIF8", "html": b"<!do"}[form]


def page(folder: Path, *words: str) -> tuple[list[str], str]:
    """Kinds of all cells, and the note."""
    file = folder / "page.html"
    main("job=show", f"run={folder}", "format=html", f"out={file}", *words)
    text = file.read_text().partition('id="data">')[2].partition("</script>")[0]
    [decode] = json.loads(text)["decodes"]
    return [KINDS[cell[2]] for step in decode["steps"] for cell in step["cells"]], decode["note"]


@pytest.mark.slow
def test_a_replay_that_differs_is_told_and_not_shown(config: Config, folder: Path) -> None:
    kinds, note = page(folder)
    assert "supported" in kinds and not note

    def changed(table: pa.Table) -> pa.Table:
        rows = table.to_pylist()
        rows[0]["tokens"][0] += 1
        return pa.Table.from_pylist(rows, schema=table.schema)

    change_slice(config, "0-4", changed)
    kinds, note = page(folder)
    assert note.startswith("from the record alone: decoded again, its tokens differ")
    assert "supported" not in kinds
    assert not page(folder, "example=1")[1], "the others are as they were"


def test_what_cannot_be_decoded_again_is_shown_from_its_record(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object, **__: object) -> None:
        raise CheckpointError("model.path='x': no such folder")

    monkeypatch.setattr(replay, "load", gone)
    told = "from the record alone: it can't be decoded again here (CheckpointError: model.path='x': no such folder)"
    code, shown = main("job=show", f"run={folder}")
    assert code == 0 and told in " ".join(shown.replace("│", " ").split())
    assert "#" not in shown
    monkeypatch.setattr("pipeline.show.words.locate", gone)
    assert "[#" in main("job=show", f"run={folder}")[1], "without a tokenizer tokens are numbers"


def test_a_token_that_was_written_and_replaced_again_is_shown(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither guessed for a mask nor in the answer: its text is looked for all the same."""
    record = open_run(folder).records.set_index("position").loc[0]
    tokens, between = [int(token) for token in record["tokens"]], 5
    assert between not in tokens and record["nfe"] > 2
    events = (
        *(Event(0, place, token, "reveal", "decoder") for place, token in enumerate(tokens)),
        Event(1, 0, between, "replace", "decoder"),
        Event(2, 0, tokens[0], "replace", "decoder"),
    )
    replayed = replay.Replay(cast(Trace, SimpleNamespace(events=events)), ())
    monkeypatch.setattr(replay.Stage, "_replay", lambda *_: replayed)
    monkeypatch.setattr(replay, "difference", lambda *_: None)
    monkeypatch.setattr("pipeline.show.words.locate", lambda *_, **__: Path("nowhere"))
    code, shown = main("job=show", f"run={folder}")
    assert code == 0 and f"<#{between}>" in shown


def test_an_example_of_another_task_is_not_taken_for_the_records(
    folder: Path, judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = judge.examples
    monkeypatch.setattr(judge, "examples", lambda split, seed, count: real(split, seed + 1, count))
    kinds, note = page(folder)
    assert "judge has another example there now" in note and "supported" not in kinds


WRONG = {
    "setting=zz": "setting=zz: the run has no such setting; give an id or a label, one of {id} ({label})",
    "settings=[zz,{id}]": "settings=zz: the run has no such setting; give an id or a label, one of {id} (",
    "settings=[{id}]": "settings=[{id}]: names 1; write settings=[A,B], or setting=A for one",
    "settings=[a,b] setting=c": "setting=c: settings=[A,B] names both; leave one of them out",
    "example=10": "example=10: {label} has no such record; give a number from 0 to 9, or an id such as test-0-0, ",
    "example=-1": "example=-1: {label} has no such record; give a number from 0 to 9",
    "step=99": "step=99: the decode has steps 1 to {nfe}; give one, or some as 1-{nfe}",
    "step=0": "step=0: the decode has steps 1 to",
    "step=2-1": "step=2-1: the decode has steps 1 to",
    "step=x": "step=x: the decode has steps 1 to",
    f"step={'9' * 5000}": "step=999",
    f"example={'9' * 5000}": "example=999",
    "format=": "format=: must not be empty; give it a value, or leave it out",
    "format=pdf": "format=pdf: unknown; one of terminal, svg, gif, html",
    "out=x": "out=x: the terminal writes no file; add format=svg, gif or html",
    "format=svg out=x.gif": "out=x.gif: holds svg; name it x.svg, or give format=gif",
    "format=gif out=x.png": "out=x.png: holds gif; name it x.gif",
    "format=html step=1": "step=1: a page shows every step; leave it out",
    "format=svg out=/proc/none": "out=/proc/none: can't be written (",
    "limit=2": "limit=2: job=show takes run, setting, settings, example, step, format, out; leave it out",
}


@pytest.mark.slow
def test_wrong_words_are_told_with_the_choices(folder: Path, refused: Words) -> None:
    opened = open_run(folder)
    [setting] = opened.run.settings
    known = {"{id}": setting.id, "{label}": str(setting), "{nfe}": str(opened.records["nfe"].iloc[0])}
    for words, line in WRONG.items():
        for name, value in known.items():
            words, line = words.replace(name, value), line.replace(name, value)
        assert refused("job=show", f"run={folder}", *words.split()).startswith(line)


def test_a_setting_is_named_by_words_that_no_other_has(folder: Path) -> None:
    [one] = open_run(folder).run.settings
    base, fast, slow = (
        replace(one, id=sid * 16, group=group, knobs=knobs)
        for sid, group, knobs in (
            ("a", "base", {"axon.gate": "never", "decoder.threshold": 0.5}),
            ("b", "axon", {"axon.anchors": 1, "decoder.threshold": 0.5}),
            ("c", "axon", {"axon.anchors": 1, "decoder.threshold": 0.55}),
        )
    )
    settings = (base, fast, slow)
    for asked, found in (
        ("base threshold=0.5", base),  # as the report calls it
        ("threshold=0.55", slow),
        ("axon threshold=0.5", fast),
        ("base", base),
        ("base gate=never threshold=0.5", base),
        ("axon anchors=1 threshold=0.55", slow),
        ("cc", slow),
    ):
        assert find_setting("setting", asked, settings, titles(settings)) is found
    for asked, told in (
        (
            "axon",
            r"setting=axon: fits 2 settings; give an id or a label, one of b+ \(axon threshold=0\.5\), c+ ",
        ),
        ("threshold=0.5", r"setting=threshold=0\.5: fits 2 settings"),
        (
            "base threshold=0.55",
            r"setting=base threshold=0\.55: the run has no such setting; give an id or a label",
        ),
    ):
        with pytest.raises(ConfigError, match=f"^{told}"):
            find_setting("setting", asked, settings, titles(settings))


def test_a_decode_is_titled_as_reports_call_its_setting(folder: Path) -> None:
    """Without what its whole group has alike."""
    opened = open_run(folder)
    [own] = opened.run.settings
    knobs = {"axon.gate": "never", "decoder.threshold": 0.5}
    one = replace(own, group="base", knobs=knobs)
    other = replace(one, id="f" * 16, knobs={**knobs, "decoder.threshold": 0.9})
    opened.run = replace(opened.run, settings=(one, other))
    shown = io.StringIO()
    show(opened, {"setting": one.id, "step": "1"}, Console(file=shown, width=100))
    assert "base threshold=0.5 · step 1 of" in shown.getvalue() and "gate=never" not in shown.getvalue()
    for words, line in (
        ({"setting": other.id}, "nothing of base threshold=0.9 is stored"),
        ({"setting": "x"}, one.id),
    ):
        with pytest.raises(ConfigError, match=line) as told:
            show(opened, words, Console(file=shown))
        assert "gate=never" not in str(told.value)


def test_two_settings_have_one_prompt(folder: Path) -> None:
    opened = open_run(folder)
    [one] = opened.run.settings
    other = replace(one, id="f" * 16, task=replace(one.task, seed=9))
    opened.run = replace(opened.run, settings=(one, other))
    with pytest.raises(ConfigError, match=r"^settings=.*: are of different tasks; choose two of one task$"):
        show(opened, {"settings": f"[{one.id},{other.id}]"}, Console(file=io.StringIO()))


def test_a_record_without_a_decode_is_told(
    config: Config, judge: Judge, folder: Path, refused: Words
) -> None:
    def undecoded(table: pa.Table) -> pa.Table:
        rows = table.to_pylist()
        rows[2] |= {
            "tokens": [],
            "revealed_at": [],
            "axon_steps": [],
            "nfe": None,
            "error": "ValueError: too long",
        }
        return pa.Table.from_pylist(rows, schema=table.schema)

    change_slice(config, "0-4", undecoded)
    line = refused("job=show", f"run={folder}", "example=2")
    assert (
        line.startswith("example=test-0-2: was not decoded under ")
        and "(ValueError: too long); choose" in line
    )
