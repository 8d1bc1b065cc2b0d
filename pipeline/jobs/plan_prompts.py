"""How long a task's prompts are: tokenised where the tokenizer's files are there, otherwise assumed."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.checkpoints.outline import Outline
from pipeline.checkpoints.prompt import encode
from pipeline.counted import counted
from pipeline.errors import ConfigError, reason
from pipeline.planning.setting import Setting
from pipeline.tasks import TaskSettings
from pipeline.tasks.first import first_examples

SAMPLED = 200  # examples whose prompts are tokenised
ASSUMED_PROMPT = 1000  # tokens, where there is no tokenizer to count them


@dataclass(frozen=True)
class Prompts:
    """The lengths of prompts in tokens. `counted`: of how many examples; 0: assumed."""

    least: int
    mean: float
    most: int
    counted: int

    def __str__(self) -> str:
        if not self.counted:
            return f"{self.most:,} tokens (assumed: the tokenizer's files aren't there)"
        spread = f"{self.least:,} to {self.most:,} tokens, {self.mean:,.0f} on average"
        lengths = f"{counted(self.most, 'token')} each" if self.least == self.most else spread
        return f"{lengths} (tokenised: the first {self.counted:,} examples)"


def count_prompts(setting: Setting, outline: Outline, limit: int) -> Prompts:
    """Raises ConfigError if an example doesn't become a prompt."""
    if outline.tokenizer is None:
        return Prompts(ASSUMED_PROMPT, ASSUMED_PROMPT, ASSUMED_PROMPT, 0)
    task: TaskSettings = setting.task
    try:
        examples = first_examples(task, min(SAMPLED, limit))
    except ValueError as error:
        raise ConfigError([str(error)]) from None
    try:
        sizes = [len(encode(outline.tokenizer, setting.model, example, task)) for example in examples]
    except Exception as error:  # a template or a tokenizer may be anything
        line = f"model.prompt={setting.model.prompt!r}: an example doesn't become a prompt ({reason(error)})"
        raise ConfigError([f"{line}; choose the other form"]) from None
    return Prompts(min(sizes), sum(sizes) / len(sizes), max(sizes), len(sizes))
