"""The model class that lm-eval creates for `--model axon --model_args ...`; its interface is lm_eval.api.model.LM."""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import torch
from lm_eval.api.instance import Instance
from lm_eval.api.model import LM
from lm_eval.models.utils import postprocess_generated_text
from tqdm import tqdm
from transformers import PreTrainedTokenizerBase

from axon import (
    CheckpointError,
    DecodeSettings,
    MaskedDiffusionModel,
    Overrides,
    Trace,
    load_model,
    load_tokenizer,
    row_seed,
)
from axon.checks import check_whole
from axon.models.description import describe
from axon.models.hub import download, is_hub_id
from axon.unknown import unknown
from axon.waiting import Prompt
from lm_eval_axon.arguments import LOG, Request, read_request, read_settings
from lm_eval_axon.tally import Tally
from lm_eval_axon.workers import Workers, device_of

NUMERICS = ("dtype", "attention_kernel")
OVERRIDES = ("mask_token_id", "block_size", "attention")  # in place of what the files say
OF_DEFAULTS = ("llada", "dream")  # whose published values AXON's defaults are


class AxonLM(LM):  # type: ignore[misc]  # lm-eval is untyped
    """A masked diffusion model for lm-eval's generate_until tasks.

    pretrained: a checkpoint folder, or a hub id (with `revision`). dtype, attention_kernel, device: as in
    axon.load_model; the default device is a GPU if there is one. decoder, axon and `others`: see
    arguments.read_settings. family: whose values these are; a checkpoint of another is refused, and without it one that
    AXON's defaults are not for is warned of. batch_size: rows decoded at once, at most; "auto": as many as memory has
    room for. workers: processes that share the prompts, each with the model on a GPU of its own; gpus: over how many
    GPUs the model of each is split.
    seed: for sampling; each answer has its own random numbers, whatever its batch.
    lm-eval's `--use_cache` looks only at the request: give each setting its own cache.
    """

    @classmethod
    def create_from_arg_obj(cls, arg_dict: dict[str, Any], additional_config: Any = None) -> AxonLM:
        """As lm-eval makes a model of `--model_args` and its options. Raises ValueError, one line, for both at once."""
        options = {key: value for key, value in (additional_config or {}).items() if value is not None}
        if twice := [key for key in arg_dict if key in options]:
            [key, *_] = twice
            meant = "with a whole number or auto" if key == "batch_size" else arg_dict[key]
            raise ValueError(
                f"{key}={arg_dict[key]}: lm-eval gives {key} itself; write --{key} {meant}, not in --model_args"
            )
        return cls(**arg_dict, **options)

    def __init__(
        self,
        pretrained: str | None = None,
        decoder: str = "confidence",
        axon: str = "off",
        batch_size: int | str = 1,
        device: str | None = None,
        revision: str | None = None,
        seed: int = 0,
        workers: int | str = 1,
        gpus: int | str = 1,
        family: str | None = None,
        **others: Any,
    ) -> None:
        """Raises ValueError, one line, for an invalid argument; settings are checked before the checkpoint is read."""
        super().__init__()
        numerics = {key: others.pop(key) for key in NUMERICS if key in others}
        numerics["overrides"] = Overrides(**{key: others.pop(key) for key in OVERRIDES if key in others})
        self._settings = read_settings(decoder, axon, others)
        if pretrained is None:
            raise ValueError("pretrained: missing; write --model_args pretrained=FOLDER_OR_HUB_ID")
        rows = None if batch_size == "auto" else _rows(batch_size)
        self._seed = _whole("seed", seed, 0)
        device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        numerics["gpus"] = of_each = _whole("gpus", gpus, 1)
        devices = [device_of(device, number, of_each) for number in range(_whole("workers", workers, 1))]
        folder = _folder(str(pretrained), revision)
        with _lm_evals_names():
            found = describe(folder, numerics["overrides"]).family.name
            _check_family(str(pretrained), found, family, self._settings)
            self._workers = Workers(partial(_on, folder, numerics), devices, rows)
            self.tokenizer: PreTrainedTokenizerBase = load_tokenizer(folder)
        self.model = self._workers.model
        self._settings = self._settings.for_model(self.model.block_size)
        self._device = self.model.device
        self._template: str | None = None  # for chats; None: the tokenizer's own
        self._tallies: defaultdict[tuple[str, DecodeSettings], Tally] = defaultdict(Tally)

    @property
    def max_length(self) -> int:
        return self.model.max_length

    @property
    def tokenizer_name(self) -> str:
        """Part of the key under which lm-eval caches prompts."""
        return str(self.tokenizer.name_or_path).replace("/", "__")

    def chat_template(self, chat_template: bool | str = False) -> str | None:
        """The template for `--apply_chat_template [NAME]`, used from now on. Raises ValueError if it is missing."""
        if chat_template is False:
            return None
        own = self.tokenizer.chat_template
        named = own if isinstance(own, dict) else {"default": own} if own else {}
        name = chat_template if isinstance(chat_template, str) else "default"
        if name not in named:
            choices = f"one of {', '.join(named)}" if named else "leave it out, as it has none"
            raise ValueError(
                f"apply_chat_template={name!r}: the checkpoint's tokenizer has no such template; {choices}"
            )
        self._template = named[name]
        return self._template

    def apply_chat_template(
        self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True
    ) -> str:
        """A chat as one prompt; the last turn is left open if the answer is to continue it."""
        return str(
            self.tokenizer.apply_chat_template(
                chat_history,
                chat_template=self._template,
                tokenize=False,
                add_generation_prompt=add_generation_prompt,
                continue_final_message=not add_generation_prompt,
            )
        )

    def generate_until(self, requests: Sequence[Instance]) -> list[str]:
        """The answers, in the order of the requests. Raises ValueError for a request that cannot be met."""
        parsed = [read_request(request.args[1], self._settings) for request in requests]
        prompts = [self.tokenizer.encode(request.args[0], add_special_tokens=False) for request in requests]
        if found := unknown(self.tokenizer, (str(request.args[0]) for request in requests)):
            LOG.warning(found.told("prompts"))
        seeds = self._seeds(requests)
        by_settings: defaultdict[DecodeSettings, list[int]] = defaultdict(list)
        for row, request in enumerate(parsed):
            by_settings[request.settings].append(row)
        answers: dict[int, str] = {}
        with tqdm(total=len(requests), desc="Running generate_until requests") as bar:
            for settings, rows in by_settings.items():
                waiting = [Prompt(row, prompts[row], seeds[row]) for row in rows]
                for row, trace, batch_size in self._workers.decoded(waiting, settings):
                    answers[row] = self._answer(trace, parsed[row])
                    task = str(requests[row].task_name)
                    self._tallies[task, settings].add(trace, self.model.end_token_ids, batch_size)
                    self.cache_hook.add_partial("generate_until", requests[row].args, answers[row])
                    bar.update()
        for (task, settings), tally in self._tallies.items():
            for line in tally.lines(task, settings):
                LOG.info(line)
        return [answers[row] for row in range(len(requests))]

    def get_model_info(self) -> dict[str, Any]:
        """What lm-eval adds to the `config` of its results: settings and NFE."""
        return {"axon": [tally.entry(*key) for key, tally in self._tallies.items()]}

    def loglikelihood(self, requests: Sequence[Instance]) -> NoReturn:
        raise NotImplementedError(
            "--model axon: a masked diffusion model has no left-to-right likelihood; "
            "choose tasks of output_type generate_until"
        )

    loglikelihood_rolling = loglikelihood

    def _seeds(self, requests: Sequence[Instance]) -> list[int]:
        """A seed for each request, from its example and, if a task repeats examples, from the repetition."""
        seen: Counter[str] = Counter()
        seeds = []
        for request in requests:
            name = f"{request.task_name} {request.doc_id} {request.idx}"
            seeds.append(row_seed(self._seed, f"{name} {seen[name]}"))
            seen[name] += 1
        return seeds

    def _answer(self, trace: Trace, request: Request) -> str:
        """The text before the first end-of-text or stop sequence, of at most `max_tokens` tokens.

        A stop that is a special token (<|im_end|>) is searched for among the tokens, as the text does not contain it.
        """
        special = self.tokenizer.get_added_vocab()
        ends = {*self.model.end_token_ids, *(special[stop] for stop in request.stops if stop in special)}
        tokens = trace.tokens[: min(request.max_tokens, trace.tokens_to_eos(ends))]
        text = self.tokenizer.decode(list(tokens), skip_special_tokens=True)
        return str(postprocess_generated_text(text, list(request.stops), None))


def _folder(pretrained: str, revision: str | None) -> Path:
    folder = Path(os.path.expanduser(pretrained))
    if folder.is_dir() or not is_hub_id(pretrained):
        if revision is not None and folder.is_dir():
            raise CheckpointError(
                f"revision={revision!r}: {pretrained} is a folder, which has no revisions; leave it out"
            )
        return folder
    with _lm_evals_names():
        return download(pretrained, revision and str(revision))


@contextmanager
def _lm_evals_names() -> Iterator[None]:
    """A checkpoint's errors use the names of lm-eval's arguments."""
    try:
        yield
    except CheckpointError as error:
        line = re.sub(r"\bmodel\.(\w+)=", r"\1=", str(error).replace("model.path=", "pretrained="))
        raise CheckpointError(line) from error


def _check_family(pretrained: str, found: str, meant: str | None, settings: DecodeSettings) -> None:
    """Raises CheckpointError for a checkpoint of another family than the values of decoder and AXON are for."""
    if meant not in (None, found):
        raise CheckpointError(
            f"pretrained={pretrained!r}: a checkpoint of {found}, and family={meant}; choose a checkpoint of {meant}, "
            f"or give the values of {found} and family={found}"
        )
    if meant is None and settings.axon.gate != "never" and found not in OF_DEFAULTS:
        LOG.warning(
            f"pretrained={pretrained}: a checkpoint of {found}; AXON's values that are not given are those published "
            f"for {' and '.join(OF_DEFAULTS)}, in conf/model stand those of others; family={found} says they are meant"
        )


def _on(folder: Path, numerics: dict[str, Any], device: str) -> MaskedDiffusionModel:
    return load_model(folder, device=device, **numerics)


def _rows(batch_size: int | str) -> int:
    try:
        return _whole("batch_size", batch_size, 1)
    except ValueError:
        raise ValueError(
            f"batch_size={batch_size!r}: must be a whole number, 1 or more, or auto (as many rows as memory has room "
            "for); choose one"
        ) from None


def _whole(key: str, value: int | str, low: int) -> int:
    """lm-eval passes numbers on its command line as text."""
    number = int(value) if isinstance(value, str) and value.isdecimal() else value
    check_whole(key, number, low)  # type: ignore[arg-type]
    return int(number)
