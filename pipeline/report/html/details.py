"""What a page loads on demand: the answers and decodes of each setting, and the questions of each facet."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd

from pipeline.planning.setting import Setting
from pipeline.report.comparisons.matchups import distinct_settings
from pipeline.report.facet import Facet
from pipeline.report.findings import Findings
from pipeline.report.html import payload
from pipeline.show.cells import visible

MOST = 50_000  # records whose decodes are written, over all facets: about 30 MB at 256 tokens each
TRACE = ("tokens", "revealed_at", "axon_steps", "unsupported_steps")
TEXTS = ("answer", "extracted", "error")
READ = ("example_id", *TRACE, "nfe", *TEXTS)

# Name of a run, id of a setting -> its records, with the columns of READ.
Rows = Callable[[str, str], pd.DataFrame]


class Words(Protocol):
    """Texts that no record holds; `pipeline.show.words` is one."""

    def questions(self, setting: Setting, examples: int) -> Mapping[str, str]:
        """Example id -> question, of the task's first; none where they are unknown here."""
        ...

    def token_texts(self, setting: Setting, tokens: Iterable[int]) -> Mapping[int, str]:
        """Token -> text; none where they are unknown here."""
        ...


@dataclass(frozen=True)
class Details:
    """What was written, by its files' names, and the texts that the page itself needs."""

    decodes: Mapping[tuple[str, str], str] = field(default_factory=dict)  # run, setting -> name
    asked: Mapping[str, str] = field(default_factory=dict)  # facet -> name
    questions: Mapping[str, Mapping[str, str]] = field(
        default_factory=dict
    )  # facet -> example id -> question
    in_run: bool = False  # whether the page lies in the folder of its one run, which commands then name


def write(
    folder: Path, findings: Findings, rows: Rows, words: Words | None = None, in_run: bool = False
) -> Details:
    """Writes `folder`/details, and removes its files of an earlier report. Raises OSError if it can't.

    Of settings that decode identically the first stands for all. Beyond MOST records those are left out that matter
    least (`matchups.distinct_settings`).
    """
    decodes, asked = dict[tuple[str, str], str](), dict[str, str]()
    questions: dict[str, Mapping[str, str]] = {}
    for facet in findings.facets:
        room = MOST // len(findings.facets)
        for point in distinct_settings(facet).to_dict("records"):
            room -= point["n"]
            if room < 0:
                break
            key = (str(point["run"]), str(point["setting_id"]))
            setting = facet.settings[point["members"][0]]
            decodes[key] = _write_decodes(folder, setting, _records(rows(*key)), words)
        name, questions[facet.name] = _write_questions(folder, facet, words)
        if questions[facet.name]:
            asked[facet.name] = name
    payload.keep(folder, {*decodes.values(), *asked.values()})
    return Details(decodes, asked, questions, in_run)


def _write_questions(folder: Path, facet: Facet, words: Words | None) -> tuple[str, dict[str, str]]:
    """The file's name, and its questions: of an earlier report, where there is one. No file where none is known."""
    setting, examples = facet.settings[0], facet.sample.examples
    name = payload.named("questions", setting.identity["task"], setting.model.prompt, examples)
    stored: dict[str, str] | None = payload.read(folder, name)
    if stored is not None or words is None or not examples:
        return name, stored or {}
    found = words.questions(setting, 1 + max(position for position, _ in examples))
    known = {example_id: found[example_id] for _, example_id in examples if example_id in found}
    if known:
        payload.write(folder, name, known)
    return name, known


def _write_decodes(folder: Path, setting: Setting, known: dict[str, list[Any]], words: Words | None) -> str:
    """The file's name. Texts are looked up only where there is no such file yet."""
    name = payload.named("decodes", setting.identity["model"]["content"], known)
    if payload.exists(folder, name):
        return name
    tokens = {token for own in known.values() for token in own[0] or ()}
    texts = words.token_texts(setting, sorted(tokens)) if words else {}
    if not texts:  # under another name, so that they are looked up again the next time
        name = payload.named("decodes without texts", known)
    payload.write(
        folder,
        name,
        {"records": known, "texts": {token: visible(text) for token, text in texts.items()}},
    )
    return name


def _records(rows: pd.DataFrame) -> dict[str, list[Any]]:
    """Example id -> the values of TRACE, NFE, and those of TEXTS."""
    columns = [
        rows["example_id"].astype(str),
        *([_numbers(own) for own in rows[name]] for name in TRACE),
        [None if pd.isna(own) else int(own) for own in rows["nfe"]],
        *([own if isinstance(own, str) else None for own in rows[name]] for name in TEXTS),
    ]
    return {example_id: values for example_id, *values in zip(*columns, strict=True)}


def _numbers(values: Any) -> list[int] | None:
    """None where the column was added later."""
    if isinstance(values, np.ndarray):
        return [int(value) for value in values.tolist()]
    return list(values) if isinstance(values, (list, tuple)) else None
