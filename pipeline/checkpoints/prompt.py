"""How an example becomes the tokens that a model is given: as raw text, after BOS, or through the chat template."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.inputs.config import ModelSettings, PromptStyle
from pipeline.tasks import Example, Form, TaskSettings, forms

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def form_of(task: TaskSettings, prompt: PromptStyle) -> Form:
    """The task's wording: by default `instruct` in a chat, if the task has it, else `completion`."""
    if task.form is not None:
        return task.form
    return "instruct" if prompt == "chat" and "instruct" in forms(task.name) else "completion"


def reads_template(model: ModelSettings) -> bool:
    """Whether keywords of the chat template were given, and there is a chat."""
    return model.prompt == "chat" and bool(model.template)


def encode(
    tokenizer: PreTrainedTokenizerBase, model: ModelSettings, example: Example, task: TaskSettings
) -> list[int]:
    """The prompt's tokens."""
    before = [tokenizer.bos_token_id] if model.prompt == "bos" else []
    ids: list[int] = tokenizer.encode(text_of(tokenizer, model, example, task), add_special_tokens=False)
    return [*before, *ids]


def text_of(
    tokenizer: PreTrainedTokenizerBase, model: ModelSettings, example: Example, task: TaskSettings
) -> str:
    """The prompt's text, few-shot examples first: in the question's text, or as earlier turns of the chat."""
    if model.prompt != "chat":
        return example.text
    turns, opening = example.turns(form_of(task, model.prompt), task.shot_style)
    keywords = {**model.template, "add_generation_prompt": True, "tokenize": False}
    return f"{tokenizer.apply_chat_template(turns, **keywords)}{opening}"


def check_tokenizer(tokenizer: PreTrainedTokenizerBase, model: ModelSettings) -> None:
    """Raises ValueError, one line, if `model` asks for a chat template, a keyword of it or a BOS that isn't there."""
    if model.prompt == "bos" and tokenizer.bos_token_id is None:
        raise ValueError(
            f"model.prompt='bos': the tokenizer of {model.path} names no bos_token; choose model.prompt=raw"
        )
    if model.prompt != "chat":
        return
    if tokenizer.chat_template is None:
        raise ValueError(
            f"model.prompt='chat': the tokenizer of {model.path} has no chat template; choose model.prompt=raw"
        )
    read = _keywords(tokenizer) if model.template else set()
    for key, value in model.template.items():
        if key not in read:
            remedy = f"one of {', '.join(sorted(read))}" if read else "leave it out"
            raise ValueError(
                f"model.template.{key}={value!r}: the chat template of {model.path} never reads it; {remedy}"
            )


def _keywords(tokenizer: PreTrainedTokenizerBase) -> set[str]:
    """The variables that the chat template reads, without those that every template is given."""
    from jinja2 import Environment, TemplateError, meta

    template = tokenizer.get_chat_template()
    try:
        read = meta.find_undeclared_variables(
            Environment(extensions=["jinja2.ext.loopcontrols"]).parse(template)
        )
    except TemplateError:  # of a dialect of its own: transformers renders it, or says why not
        return set()
    given = {"messages", "tools", "documents", "add_generation_prompt", "raise_exception", "strftime_now"}
    return read - given - set(tokenizer.special_tokens_map)
