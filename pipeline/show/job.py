"""job=show: a decode of a run, step by step, on the terminal or as a file."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from rich.console import Console

from pipeline.errors import ConfigError, one_of, reason
from pipeline.inputs.digits import read_digits
from pipeline.inputs.word_list import read_list
from pipeline.inputs.word_path import read_path
from pipeline.jobs.console import say
from pipeline.report.data.labels import titles
from pipeline.runs.opened import OpenedRun
from pipeline.show.choice import find_example, find_setting
from pipeline.show.decode import Decode
from pipeline.stop import DONE

FORMATS = ("terminal", "svg", "gif", "html")
STEP = re.compile(r"(\d+)(?:-(\d+))?")
MOST = 2  # decodes that fit beside each other


def show(opened: OpenedRun, words: Mapping[str, str], console: Console) -> int:
    """Raises ConfigError, one line, for a setting, example, step or format that there is not."""
    form = words.get("format", "terminal")
    if form not in FORMATS:
        raise ConfigError([f"format={form}: unknown; {one_of(FORMATS)}"])
    if form == "terminal" and "out" in words:
        raise ConfigError([f"out={words['out']}: the terminal writes no file; add format=svg, gif or html"])
    if form == "html" and "step" in words:
        raise ConfigError([f"step={words['step']}: a page shows every step; leave it out"])
    settings = opened.run.settings
    named = titles(settings)
    chosen = [find_setting(key, asked, settings, named) for key, asked in _asked(words)]
    if chosen[0].task != chosen[-1].task:
        raise ConfigError([f"settings={words['settings']}: are of different tasks; choose two of one task"])
    example = words.get("example", "0")
    records = [find_example(example, one.id, named[one.id], opened.records) for one in chosen]
    ids = "-".join(setting.id[:8] for setting in chosen)
    own = opened.path / f"show-{ids}-{records[0]['position']}.{form}"
    file = read_path("out", words.get("out") or own)
    if file.suffix.lower() not in ("", f".{form}") and form != "terminal":
        others = [one for one in FORMATS if file.suffix.lower() == f".{one}"]
        remedy = "".join(f", or give format={one}" for one in others)
        raise ConfigError([f"out={words['out']}: holds {form}; name it {file.stem}.{form}{remedy}"])
    from pipeline.show.replay import Stage  # torch and transformers take seconds to import

    stage = Stage()
    with console.status("decoding again"):
        decodes = [stage.show(one, named[one.id], own) for one, own in zip(chosen, records, strict=True)]
    steps = chosen_steps(words.get("step"), max(len(decode.frames) for decode in decodes))
    if form == "terminal":
        _on_terminal(decodes, steps if "step" in words else None, console)
        return DONE
    _write(_drawn(form, decodes, steps), file)
    for decode in decodes:
        if decode.note:
            say(console, f"{decode.title}: {decode.note}")
    say(console, str(file))
    return DONE


def chosen_steps(asked: str | None, count: int) -> range:
    """`3` or `2-5`, counted from 1; None: all. Raises ConfigError."""
    if asked is None:
        return range(count)
    found = STEP.fullmatch(asked)
    # A number of more digits than are read is no step either.
    first, last = (read_digits(text) or 0 for text in (found[1], found[2] or found[1])) if found else (0, 0)
    if not 1 <= first <= last <= count:
        raise ConfigError(
            [f"step={asked}: the decode has steps 1 to {count}; give one, or some as 1-{count}"]
        )
    return range(first - 1, last)


def _asked(words: Mapping[str, str]) -> list[tuple[str, str]]:
    """The word that names each setting, with its value."""
    if "settings" not in words:
        return [("setting", words.get("setting", ""))]
    if "setting" in words:
        raise ConfigError([f"setting={words['setting']}: settings=[A,B] names both; leave one of them out"])
    named = read_list(words, "settings")
    if len(named) != MOST:
        line = f"settings={words['settings']}: names {len(named)}; write settings=[A,B], or setting=A for one"
        raise ConfigError([line])
    return [("settings", name) for name in named]


def _on_terminal(decodes: Sequence[Decode], steps: range | None, console: Console) -> None:
    from pipeline.show import terminal

    if steps is None and console.is_terminal and sys.stdin.isatty():
        terminal.browse(decodes, console)
    else:
        count = max(len(decode.frames) for decode in decodes)
        terminal.print_steps(decodes, range(count) if steps is None else steps, console)


def _drawn(form: str, decodes: Sequence[Decode], steps: range) -> bytes:
    from pipeline.show import gif, panel, svg

    makers: dict[str, Callable[[], bytes]] = {
        "svg": lambda: svg.draw(decodes, steps),
        "gif": lambda: gif.draw(decodes, steps),
        "html": lambda: panel.draw(decodes),
    }
    return makers[form]()


def _write(content: bytes, file: Path) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    except OSError as error:
        raise ConfigError(
            [f"out={file}: can't be written ({reason(error)}); choose another with out=..."]
        ) from None
