"""A record shown: decoded again under its setting to see inside, and the record alone where that can't be done.

What a replay saw is shown only if its tokens and steps equal the record's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from axon import Trace, decode, row_seed
from pipeline.errors import ConfigError, fault_line
from pipeline.evaluation.evaluate import Loaded, fitting, load
from pipeline.planning.setting import Setting
from pipeline.show.decode import Decode
from pipeline.show.frames import Seen, events_of_record, frames
from pipeline.show.witness import Witness
from pipeline.show.words import REASONS, question, token_texts
from pipeline.tasks import Example
from pipeline.tasks.first import first_examples

COMPARED = ("tokens", "revealed_at", "axon_steps", "unsupported_steps", "nfe")


@dataclass(frozen=True)
class Replay:
    """The record's example decoded again."""

    trace: Trace
    seen: tuple[Seen, ...]


class Stage:
    """Makes decodes of records to be shown; keeps the model from one to the next."""

    def __init__(self) -> None:
        self._loaded: Loaded | None = None

    def show(self, setting: Setting, title: str, record: pd.Series) -> Decode:
        """`title`: what the setting is called. Raises ConfigError for a record without tokens."""
        if not len(record["tokens"]):
            line = f"example={record['example_id']}: was not decoded under {title} ({record['error']})"
            raise ConfigError([f"{line}; choose another"])
        prompt, note, replayed = "", None, None
        try:
            example = _example(setting, record)
            prompt = question(setting, example)
            replayed = self._replay(setting, example)
            note = difference(replayed.trace, record)
        except REASONS as error:
            note = f"it can't be decoded again here ({fault_line(error)})"
        tokens = tuple(int(token) for token in record["tokens"])
        steps, nfe = _steps(record), int(record["nfe"])
        if replayed is None or note:
            made = frames(tokens, events_of_record(tokens, *steps), nfe)
        else:
            made = frames(tokens, replayed.trace.events, nfe, replayed.seen)
        written = {token for frame in made for token in frame.tokens if token is not None}
        guessed = {token for frame in made if frame.seen for token in frame.seen.guesses.values()}
        return Decode(
            title=title,
            prompt=prompt,
            frames=made,
            texts=_texts(setting, written | guessed),
            answer=record["answer"],
            gate=setting.decode.axon.gate,
            score=None if pd.isna(record["score"]) else float(record["score"]),
            note=f"from the record alone: {note}" if note else None,
        )

    def _replay(self, setting: Setting, example: Example) -> Replay:
        if self._loaded is None or self._loaded.settings != setting.model:
            self._loaded = None
            self._loaded = load(setting.model)
        loaded = self._loaded
        prompt = fitting(loaded, loaded.encode(example, setting.task), setting.decode)
        witness = Witness(setting.decode.axon)
        seeds = [row_seed(setting.seed, example.id)]
        [trace] = decode(loaded.model, [prompt], setting.decode, seeds, 1, watcher=witness)
        return Replay(trace, tuple(witness.seen))


def difference(trace: Trace, record: pd.Series) -> str | None:
    """Where a replay departs from its record, in words; None where all is equal."""
    for name in COMPARED:
        then = record[name]
        if then is None or (name == "unsupported_steps" and not isinstance(then, Iterable)):
            continue  # recorded before the column existed
        now: Any = getattr(trace, name)
        if (tuple(then) != tuple(now)) if name != "nfe" else int(then) != now:
            return f"decoded again, its {name} differ, so that what is seen inside may not be what was decided then"
    return None


def _steps(record: pd.Series) -> tuple[Sequence[int], Sequence[int], Sequence[int]]:
    unsupported = record["unsupported_steps"]
    columns = (record["revealed_at"], record["axon_steps"], () if unsupported is None else unsupported)
    first, second, third = ([int(step) for step in column] for column in columns)
    return first, second, third


def _example(setting: Setting, record: pd.Series) -> Example:
    position = int(record["position"])
    found = first_examples(setting.task, position + 1)
    if len(found) <= position or found[position].id != record["example_id"]:
        raise ValueError(f"task {setting.task.name} has another example there now")
    return found[position]


def _texts(setting: Setting, tokens: set[int]) -> dict[int, str]:
    """What is shown for each token: its text, or its number where there is no tokenizer here."""
    return {token: f"#{token}" for token in tokens} | token_texts(setting, tokens)
