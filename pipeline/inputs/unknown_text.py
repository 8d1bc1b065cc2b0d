"""Prompts that a model's tokenizer can't write."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress

from axon.unknown import unknown, unknown_token
from pipeline.checkpoints.checkpoint import Checkpoint, open_model
from pipeline.checkpoints.outline import Outline
from pipeline.checkpoints.prompt import text_of
from pipeline.inputs.config import ModelSettings
from pipeline.planning.setting import Setting
from pipeline.tasks.first import first_examples


def unknown_texts(
    settings: Iterable[Setting],
    limit: int,
    open_: Callable[[ModelSettings], Checkpoint | Outline] = open_model,
) -> list[str]:
    """A line for each model and task of which a prompt, among the first `limit`, holds what the tokenizer lacks.

    Of a tokenizer that knows every text, as most do, no example is looked at.
    """
    lines = []
    for model, task in dict.fromkeys((setting.model, setting.task) for setting in settings):
        tokenizer = open_(model).tokenizer
        if tokenizer is None or unknown_token(tokenizer) is None:
            continue
        texts: list[str] = []
        for example in first_examples(task, limit):
            with suppress(Exception):  # a template may raise anything; its example's record says what
                texts.append(text_of(tokenizer, model, example, task))
        if found := unknown(tokenizer, texts):
            lines.append(f"model.path={model.path!r}: {found.told(f'prompts of {task.name}')}")
    return lines
