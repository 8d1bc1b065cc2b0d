"""Slices of one setting: encode the prompts, decode them as one stream, score the answers, make the records.

An example that fails (prompt too long, decoder or scorer error) becomes an unscored record with its error, and the
others are kept. A fault that concerns all examples (no model, no memory, nothing decodes) raises: the setting fails.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Literal

from axon import Trace, load_model, load_tokenizer, row_seed
from axon.models.description import describe
from axon.padding import MOST_PADDING, sorted_padding
from axon.room import Room, give_back
from axon.settings import DecodeSettings
from axon.waiting import Prompt
from pipeline.checkpoints.checkpoint import locate
from pipeline.checkpoints.devices import check_fits, device_of, gpu_memories
from pipeline.checkpoints.prompt import encode
from pipeline.errors import fault_line
from pipeline.evaluation.decoded import Decoded, outcomes
from pipeline.evaluation.drawn import Drawn
from pipeline.evaluation.example_record import filled
from pipeline.evaluation.judge import Judge
from pipeline.evaluation.open_slices import OpenSlices
from pipeline.evaluation.rule_code import code_of
from pipeline.evaluation.stopwatch import Stopwatch
from pipeline.inputs.config import ModelSettings
from pipeline.planning.setting import Setting
from pipeline.sandbox import Require, shared_sandbox
from pipeline.storage.record import Record
from pipeline.storage.store import Span
from pipeline.tasks import CodeTask, Example, TaskSettings, get_task, open_task
from pipeline.tasks.candidate import stopped

# Prompts are sorted by length among as many batches of them as it takes for little padding, at most so many: of more
# an interruption loses more.
GROUP_BATCHES = 16
NOTHING_KNOWN: Mapping[int, Record] = MappingProxyType({})
HOPELESS = 64  # examples that fail before any is decoded: it is the setting's fault


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
    if device == "cuda":
        check_fits(model, describe(folder, model.overrides), gpu_memories())
    kernel, overrides = model.attention_kernel, model.overrides
    network = load_model(folder, model.dtype, device, kernel, overrides, model.gpus)
    if model.compile:
        network.compile_network()
    return Loaded(network, load_tokenizer(folder), model)


def fitting(loaded: Loaded, prompt: list[int], decode: DecodeSettings) -> list[int]:
    """The prompt, if what is generated fits after it. Raises ValueError."""
    longest = loaded.model.max_length
    if longest is not None and len(prompt) > decode.longest_prompt(longest):
        raise ValueError(
            f"prompt of {len(prompt)} tokens + gen_length {decode.gen_length} exceeds the model's {longest}"
        )
    return prompt


class Evaluator:
    """Evaluates settings, and keeps the loaded model from one to the next."""

    def __init__(
        self,
        batch_size: int | None,
        require: Require = "isolated",
        on_example: Callable[[], None] = lambda: None,
        say: Callable[[str], None] = lambda line: None,
        cores_only: bool = False,
        sharing: int = 1,
    ) -> None:
        # What the last setting needs and was not found, its store first, of which whoever asks for slices makes sure.
        self.lacks: Literal["store", "task", "model"] | None = "store"
        self._batch_size = batch_size
        self._require = require  # of the sandbox, where answers are programs
        self._on_example = on_example  # called as each example's decoding ends
        self._say = say  # called with a line that concerns no single example
        self._cores_only = cores_only  # whether GPUs in sight are other processes'
        self._key: ModelSettings | None = None
        self._sharing = sharing  # so many workers are on each GPU
        self._room = Room(batch_size, say, sharing)
        self._loaded: Loaded | None = None
        self._drawn = Drawn()
        self._judge = Judge()
        self._proved: set[str] = set()  # settings under which something has been decoded

    def slices(
        self, setting: Setting, spans: Sequence[Span], known: Mapping[int, Record] = NOTHING_KNOWN
    ) -> Iterator[tuple[Span, list[Record]]]:
        """Each span with the records of its examples, in order, as soon as the last of them is decoded.

        All are decoded as one stream, so that the batch is full until the stream ends; but not those whose record is
        `known`, by position. Raises errors that concern all examples.
        """
        self.lacks = "task"
        task = open_task(setting.task, self._require)
        if isinstance(task, CodeTask):
            shared_sandbox(self._require)  # if programs can't be run here, nothing is decoded
        examples = self._drawn.first(task, setting.task, max((stop for _, stop in spans), default=0))
        self.lacks = "model"
        loaded = self._load(setting.model)
        self.lacks = None
        opened = OpenSlices()
        timer = Stopwatch(loaded.model.device)
        groups = self._groups(loaded, setting, examples, spans, opened, known)
        if known:
            self._proved.add(setting.id)
        stops = get_task(setting.task.name, setting.task.form).stops
        faults: dict[int, Exception] = {}  # until something is decoded, which proves the setting
        for position, outcome in outcomes(loaded.model, setting.decode, groups, self._room, timer):
            if isinstance(outcome, Decoded):
                self._proved.add(setting.id)
                answer, kernel = loaded.answer(outcome.trace, stops), loaded.settings.attention_kernel
                record = opened.records[position]
                self._settle(opened, filled(record, loaded.model, kernel, outcome, answer))
            else:
                faults[position] = outcome
            if setting.id in self._proved:
                for failed, fault in faults.items():
                    self._settle(opened, replace(opened.records[failed], error=fault_line(fault)))
                faults = {}
            elif len(faults) >= HOPELESS:
                break
            yield from self._judged(task, setting, examples, opened)
        if faults:
            raise next(iter(faults.values()))  # nothing ever decoded: the setting's fault
        yield from self._judged(task, setting, examples, opened)

    def prove(self, setting_id: str) -> None:
        """Something has been decoded under that setting, so that what fails is an example's fault."""
        self._proved.add(setting_id)

    def _groups(
        self,
        loaded: Loaded,
        setting: Setting,
        examples: Sequence[Example],
        spans: Sequence[Span],
        opened: OpenSlices,
        known: Mapping[int, Record],
    ) -> Iterator[list[Prompt]]:
        """The prompts of as many whole slices at a time as packing by length takes."""
        group: list[Prompt] = []
        code = code_of(setting)
        for span in spans:
            own = list(zip(range(*span), examples[slice(*span)], strict=True))
            opened.add(
                span, [Record(setting.id, setting.task.name, ex.id, place, code=code) for place, ex in own]
            )
            for position, example in own:
                if position in known:
                    self._settle(opened, known[position])
                    continue
                record = opened.records[position]
                try:
                    tokens = fitting(loaded, loaded.encode(example, setting.task), setting.decode)
                except (
                    Exception
                ) as error:  # a tokenizer or template may raise anything; it is this example's fault
                    self._settle(opened, replace(record, error=fault_line(error)))
                else:
                    opened.records[position] = replace(record, prompt_tokens=len(tokens))
                    group.append(Prompt(position, tokens, row_seed(setting.seed, example.id)))
            longest = max((len(prompt.tokens) for prompt in group), default=0)
            rows = self._room.rows(loaded.model, setting.decode, longest)
            if enough([len(prompt.tokens) for prompt in group], rows, setting.decode.gen_length):
                yield group
                group = []
        if group:
            yield group

    def _judged(
        self, task: Any, setting: Setting, examples: Sequence[Example], opened: OpenSlices
    ) -> Iterator[tuple[Span, list[Record]]]:
        """The slices that are whole by now, scored."""
        for span, records in opened.whole():
            yield span, self._judge.scored(task, setting.task, examples[slice(*span)], records)

    def _settle(self, opened: OpenSlices, record: Record) -> None:
        opened.settle(record)
        self._on_example()

    def _load(self, model: ModelSettings) -> Loaded:
        if self._loaded is None or self._key != model:
            if self._loaded is not None:
                self._loaded = None
                give_back()  # the old model's memory, before the new one is read
            self._loaded, self._key = load(model, self._cores_only), model
            self._room = Room(self._batch_size, self._say, self._sharing)
        return self._loaded


def enough(lengths: Sequence[int], rows: int, answer: int) -> bool:
    """Whether prompts of such lengths are a group: of batches that pad half of what a stream may, as rows that leave
    and enter one by one pad more than whole batches do.
    """
    if len(lengths) >= GROUP_BATCHES * rows:
        return True
    return len(lengths) >= rows and sorted_padding(lengths, rows, answer) <= MOST_PADDING / 2
