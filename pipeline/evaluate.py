"""One slice of one setting: encode the prompts, decode them in batches, score the answers, make the records.

An example that fails (prompt too long, decoder or scorer error) becomes an unscored record with its error, and the
others are kept. A fault that concerns all examples (no model, no memory, nothing decodes) raises: the setting fails.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch

from axon import Trace, load_model, load_tokenizer
from axon.room import Room
from axon.settings import DecodeSettings
from axon.trace import COUNTS
from pipeline.checkpoint import device_of, locate
from pipeline.config import ModelSettings
from pipeline.decoded import Decoded, decode_rows
from pipeline.environment import device_name
from pipeline.prompt import encode
from pipeline.record import Record
from pipeline.sandbox import Require, shared_sandbox
from pipeline.setting import Setting
from pipeline.stopwatch import Stopwatch
from pipeline.tasks import CodeTask, Example, TaskSettings, get_task, open_task
from pipeline.tasks.candidate import stopped

Prompt = Sequence[int]


@dataclass(frozen=True)
class Loaded:
    """A model and its tokenizer, ready on their device."""

    model: Any
    tokenizer: Any
    settings: ModelSettings

    def encode(self, example: Example, task: TaskSettings) -> list[int]:
        """The prompt's tokens."""
        return encode(self.tokenizer, self.settings, example, task)

    def answer(self, trace: Trace, stops: Sequence[str] = ()) -> str:
        """The text before the first end-of-text or stop, without special tokens; a stop may be one, or contain one."""
        tokens = list(trace.tokens[: trace.tokens_to_eos(self.model.end_token_ids)])
        whole = str(self.tokenizer.decode(tokens, skip_special_tokens=False))
        kept = stopped(whole, stops)
        if kept == whole:
            return str(self.tokenizer.decode(tokens, skip_special_tokens=True))
        for token in self.tokenizer.added_tokens_decoder.values():
            kept = kept.replace(token.content, "") if token.special else kept
        return kept


def load(model: ModelSettings, cores_only: bool = False) -> Loaded:
    """Raises CheckpointError, one line, if it can't be loaded on this machine. `cores_only`: see `device_of`."""
    folder = locate(model.path, model.revision)
    device = device_of(model, cores_only)
    network = load_model(folder, model.dtype, device, model.attention_kernel, model.overrides)
    if model.compile:
        network.compile_network()
    return Loaded(network, load_tokenizer(folder), model)


class Evaluator:
    """Evaluates slices, and keeps the loaded model from one to the next."""

    def __init__(
        self,
        batch_size: int,
        require: Require = "isolated",
        on_example: Callable[[], None] = lambda: None,
        say: Callable[[str], None] = lambda line: None,
        cores_only: bool = False,
    ) -> None:
        self._batch_size = batch_size
        self._require = require  # of the sandbox, where answers are programs
        self._on_example = on_example  # called as each example's decoding ends
        self._say = say  # called with a line that concerns no single example
        self._cores_only = cores_only  # whether GPUs in sight are other processes'
        self._key: ModelSettings | None = None
        self._room = Room(batch_size, say)
        self._loaded: Loaded | None = None
        self._proved: set[str] = set()  # settings under which something has been decoded

    def slice(self, setting: Setting, start: int, stop: int) -> list[Record]:
        """The records of examples start..stop-1, in order. Raises errors that concern all of them."""
        task = open_task(setting.task, self._require)
        if isinstance(task, CodeTask):
            shared_sandbox(self._require)  # if programs can't be run here, nothing is decoded
        first = task.examples(setting.task.split, setting.task.seed, stop)
        check_ids(first)
        examples = first[start:stop]
        if len(examples) < stop - start:
            have = start + len(examples)
            raise ValueError(
                f"limit={stop}: {setting.task.name} has {have} examples in this split; lower limit"
            )
        loaded = self._load(setting.model)
        blanks = [Record(setting.id, task.name, ex.id, start + n) for n, ex in enumerate(examples)]
        records = self._decoded(loaded, setting, examples, blanks)
        with ThreadPoolExecutor() as judges:
            return list(judges.map(partial(_scored, task), examples, records))

    def _load(self, model: ModelSettings) -> Loaded:
        if self._loaded is None or self._key != model:
            self._loaded = None  # frees the old model's memory before the new one is read
            self._loaded, self._key = load(model, self._cores_only), model
            self._room = Room(self._batch_size, self._say)
        return self._loaded

    def _decoded(
        self, loaded: Loaded, setting: Setting, examples: Sequence[Example], blanks: Sequence[Record]
    ) -> list[Record]:
        """The blanks, filled from their traces, or with the error that prevented one."""
        records = list(blanks)
        prompts: dict[int, Prompt] = {}
        for row, example in enumerate(examples):
            try:
                prompts[row] = fitting(loaded, loaded.encode(example, setting.task), setting.decode)
                records[row] = replace(records[row], prompt_tokens=len(prompts[row]))
            except (
                Exception
            ) as error:  # a tokenizer or template may raise anything; it is this example's fault
                records[row] = replace(records[row], error=fault_line(error))
        timer = Stopwatch(loaded.model.device)
        rows = {examples[row].id: row for row in prompts}
        outcomes = decode_rows(
            loaded.model,
            setting,
            {name: prompts[row] for name, row in rows.items()},
            self._room,
            timer,
            self._on_example,
        )
        decoded = sum(isinstance(outcome, Decoded) for outcome in outcomes.values())
        stops = get_task(setting.task.name, setting.task.form).stops
        if decoded:
            self._proved.add(setting.id)
        for name, outcome in outcomes.items():
            row = rows[name]
            if isinstance(outcome, Decoded):
                answer = loaded.answer(outcome.trace, stops)
                records[row] = _filled(records[row], loaded, outcome, answer, timer, 1 / decoded)
            elif setting.id in self._proved:
                records[row] = replace(records[row], error=fault_line(outcome))
            else:
                raise outcome  # nothing ever decoded: the setting's fault
        return records


def check_ids(examples: Sequence[Example]) -> None:
    """Raises ValueError if two share an id: a report would take them for one example."""
    [(name, count)] = Counter(example.id for example in examples).most_common(1) or [("", 0)]
    if count > 1:
        raise ValueError(f"{count} examples have the id {name!r}; the task must give each its own")


def fitting(loaded: Loaded, prompt: Prompt, decode: DecodeSettings) -> Prompt:
    """The prompt, if what is generated fits after it. Raises ValueError."""
    longest = loaded.model.max_length
    if longest is not None and len(prompt) > decode.longest_prompt(longest):
        raise ValueError(
            f"prompt of {len(prompt)} tokens + gen_length {decode.gen_length} exceeds the model's {longest}"
        )
    return prompt


def _filled(
    record: Record, loaded: Loaded, decoded: Decoded, answer: str, timer: Stopwatch, share: float
) -> Record:
    ends, trace = loaded.model.end_token_ids, decoded.trace
    return replace(
        record,
        tokens=tuple(trace.tokens),
        revealed_at=tuple(trace.revealed_at),
        axon_steps=tuple(trace.axon_steps),
        unsupported_steps=trace.unsupported_steps,
        **{name: getattr(trace, name) for name in COUNTS},
        flops=loaded.model.flops(trace),
        nfe=trace.nfe,
        nfe_to_eos=trace.nfe_to_eos(ends),
        tokens_generated=trace.tokens_decoded,
        tokens_to_eos=trace.tokens_to_eos(ends),
        seconds_model=timer.seconds["model"] * share,
        seconds_capture=timer.seconds["capture"] * share,
        seconds_select=timer.seconds["select"] * share,
        seconds_in_batch=decoded.seconds_in_batch,
        seconds_to_first_block=decoded.seconds_to_first_block,
        batch_size=decoded.batch_size,
        device=device_name(loaded.model.device),
        attention_kernel=loaded.settings.attention_kernel,
        torch=torch.__version__,
        answer=answer,
    )


def _scored(task: Any, example: Example, record: Record) -> Record:
    if record.answer is None:
        return record
    try:
        score = task.score(record.answer, example)
        if not 0.0 <= score.value <= 1.0:
            raise ValueError(f"score {score.value} outside 0 to 1")
    except Exception as error:  # a scorer that breaks leaves the example unscored, never a zero
        return replace(record, error=f"scoring: {fault_line(error)}")
    return replace(
        record,
        score=float(score.value),
        extracted=score.extracted,
        metrics=dict(score.metrics),
        sandbox=score.sandbox,
    )


def fault_line(error: Exception) -> str:
    """The error's type and the first line of its message."""
    text = str(error).strip()
    return f"{type(error).__name__}: {text.splitlines()[0] if text else 'no message'}"[:300]
