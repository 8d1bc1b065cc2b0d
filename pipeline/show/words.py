"""The texts of a decode that no record holds: the example's question, and each token's. Neither needs torch."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from axon import CheckpointError
from axon.models.description import describe
from axon.models.hub import OUTLINE
from axon.models.overrides import Overrides
from pipeline.checkpoints.checkpoint import locate
from pipeline.checkpoints.prompt import form_of
from pipeline.importing import importing
from pipeline.planning.setting import Setting
from pipeline.show.cells import END
from pipeline.tasks import Example
from pipeline.tasks.first import first_examples

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

# What opening a task or a checkpoint may raise where it isn't here.
REASONS = (CheckpointError, ValueError, OSError, RuntimeError, MemoryError, ImportError)


def question(setting: Setting, example: Example) -> str:
    """Without few-shot examples and what a chat template puts around it."""
    form = form_of(setting.task, setting.model.prompt)
    return example.chat.request if example.chat and form != "completion" else example.prompt


def questions(setting: Setting, examples: int) -> dict[str, str]:
    """Example id -> question, of the task's first; none where the task's rows are not here."""
    try:
        found = first_examples(setting.task, examples)
        return {example.id: question(setting, example) for example in found}
    except REASONS:
        return {}


def token_texts(setting: Setting, tokens: Iterable[int]) -> dict[int, str]:
    """Token -> text; none where the tokenizer is not on this disk. No weights are read, and nothing is downloaded."""
    model = setting.model
    try:
        tokenizer, ends = _tokenizer(
            locate(model.path, model.revision, OUTLINE, cached=True), model.overrides
        )
        texts = {token: str(tokenizer.decode([token], skip_special_tokens=False)) for token in tokens}
    except REASONS:
        return {}
    return texts | dict.fromkeys(texts.keys() & set(ends), END)


@lru_cache(maxsize=4)  # one report asks once per setting
def _tokenizer(folder: Path, overrides: Overrides) -> tuple[PreTrainedTokenizerBase, tuple[int, ...]]:
    """The tokenizer, and the tokens that end a text."""
    with importing():  # transformers, which a report whose texts are there already doesn't wait for
        from axon import load_tokenizer

    return load_tokenizer(folder), describe(folder, overrides).end_token_ids
