"""Everything a user can set, validated once. Other modules see neither the config framework nor raw dictionaries.

`read_config` turns the composed tree (plain data) into a frozen `Config` or raises ConfigError, one line per fault.
The settings classes of the decoders and of AXON are in `axon`, next to the code that reads them. Nothing imported
here may import torch, so that a mistake is reported at once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BeforeValidator, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from axon.decoders import Confidence
from axon.models.overrides import Attention, Overrides
from axon.settings import DecodeSettings
from pipeline.errors import ConfigError, fault_lines, one_of
from pipeline.imported.settings import ImportedSettings
from pipeline.inputs.command_line import RUN_JOBS
from pipeline.inputs.installed_kinds import FAULTS, AnyDecoder, read_own
from pipeline.inputs.names import address, folder_name, local_folder, project_name, store_root
from pipeline.inputs.recipe import RecipeSettings
from pipeline.sandbox import Require
from pipeline.search import OPTUNA, SEARCHES, GroupSettings
from pipeline.tasks import TaskSettings, check_form
from pipeline.tasks.task import STRICT

Count = Annotated[int, Field(ge=1, le=1_000_000)]  # more is a slip, and would exhaust the memory
Text = Annotated[str, Field(min_length=1)]
Job = Literal["run", "plan", "time", "check_task", "import", "dashboard", "report"]
PromptStyle = Literal["raw", "chat", "bos"]


class Keywords(dict[str, Any]):
    """Plain values by key, hashable, as models are compared and looked up by their settings."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self.items()))


def _keywords(given: Mapping[str, Any]) -> Keywords:
    for key, value in given.items():
        if not isinstance(value, bool | int | float | str | None):
            raise ValueError(f"{key} must be text, a number, true, false or null; write one of them")
    return Keywords(given)


def _known_job(given: object) -> object:
    """An error lists all jobs, also those that take no config: they are about runs that exist."""
    if given not in (jobs := (*get_args(Job), *RUN_JOBS)):
        raise ValueError(f"unknown; {one_of(jobs)}")
    return given


Template = Annotated[  # null: no keywords
    Mapping[str, Any],
    BeforeValidator(lambda given: {} if given is None else given),
    AfterValidator(_keywords),
]


@dataclass(frozen=True, config=STRICT)
class ModelSettings:
    """Which model, and its numerics."""

    path: Text  # folder (relative to the working directory, else to this repository) or hub id
    revision: Text | None  # hub only: branch, tag or commit
    dtype: Literal["float32", "bfloat16", "float16"]
    attention_kernel: Literal["sdpa", "eager"]
    device: Literal["auto", "cpu", "cuda"]
    prompt: PromptStyle  # the text as it is, a turn of the chat template, or the text after BOS
    template: Template = Keywords()  # keywords of the chat template, such as enable_thinking
    compile: bool = False  # torch.compile the network
    gpus: Annotated[int, Field(ge=1, le=64)] = 1  # over which its layers are split, where it runs on GPUs
    # In place of what the checkpoint's files say; None: as they say.
    mask_token_id: Annotated[int, Field(ge=0)] | None = None
    end_tokens: Annotated[tuple[int | Text, ...], Field(min_length=1)] | None = None  # numbers or texts
    block_size: Count | None = None  # the block length that it was trained with
    attention: Attention | None = None  # for a format in which both are trained and no key tells them apart
    inert_keys: tuple[Text, ...] = ()  # keys of config.json that are unknown here and change nothing
    family: Text | None = None  # the format that the values beside it are for; None: any

    @property
    def overrides(self) -> Overrides:
        """What the user says in place of the checkpoint's files."""
        return Overrides(
            self.mask_token_id, self.end_tokens, self.attention, self.block_size, self.inert_keys
        )


@dataclass(frozen=True, config=STRICT)
class TradeOffSettings:
    """The decoder's parameter that trades quality for speed, if it has one. A sweep evaluates groups along it."""

    parameter: Text | None
    values: tuple[Any, ...]

    def __post_init__(self) -> None:
        if self.parameter and not self.values:
            raise ValueError(
                "trade_off.values=[]: must have at least 1 entry; add one, or set trade_off.parameter=null"
            )


@dataclass(frozen=True, config=STRICT)
class StopSettings:
    """When a setting that can't be on its comparison's front is evaluated no further (planning/stopping.py)."""

    # Of quality: a setting better by no more than this is not missed.
    margin: Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)] = 0.01
    # The probability that the sweep stops any setting wrongly.
    alpha: Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)] = 0.05


@dataclass(frozen=True, config=STRICT)
class OptunaSettings:
    """Of search optuna."""

    sampler: Literal["tpe", "nsga2"] = "tpe"
    trials: Count = 64  # of each group


@dataclass(frozen=True, config=STRICT)
class SweepSettings:
    """What is compared, and how its settings are found."""

    name: Annotated[str, AfterValidator(folder_name)]
    search: Annotated[str, Field(examples=[*SEARCHES, OPTUNA])]
    along_trade_off: bool  # evaluate every group along its decoder's trade-off parameter
    groups: Annotated[Mapping[Text, GroupSettings], Field(min_length=1)]
    # Of search refine: the uncertain area of an interval.
    tolerance: Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)] = 0.018
    optuna: OptunaSettings = OptunaSettings()
    stop: StopSettings | None = None  # None: every setting is evaluated on all examples
    against: Text | None = None  # a group, or "group (decoder)": what the report compares other fronts with

    def __post_init__(self) -> None:
        if self.search not in (*SEARCHES, OPTUNA):
            raise ValueError(f"sweep.search={self.search!r}: unknown; {one_of([*SEARCHES, OPTUNA])}")
        part = (self.against or "").rpartition(" (")[0]  # of "base (dawn)", whose decoder the plan looks for
        if self.against not in (None, *self.groups) and part not in self.groups:
            names = ", ".join(self.groups)
            raise ValueError(f"sweep.against={self.against!r}: no group of the sweep; one of {names}")


@dataclass(frozen=True, config=STRICT)
class ClusterSettings:
    """Where Ray runs the settings. None: as many workers, or GPUs, as the machine allows."""

    address: Annotated[str, AfterValidator(address)] | None  # None: a private Ray on this machine
    workers: Count | None
    cpus_per_worker: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    gpus_per_worker: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None


@dataclass(frozen=True, config=STRICT)
class BudgetSettings:
    """What a sweep may spend in all, with what the store has of it already. None: no bound."""

    model_calls: Annotated[int, Field(ge=1)] | None = None  # NFE, summed over examples
    hours: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = (
        None  # machine time of all workers' decoding
    )


@dataclass(frozen=True, config=STRICT)
class SandboxSettings:
    """The isolation required to run programs that a model wrote."""

    require: Require


@dataclass(frozen=True, config=STRICT)
class TimingSettings:
    """How thoroughly job=time measures."""

    rounds: Count  # every setting takes one turn per round
    examples: Count  # decoded per turn, rounded up to full batches


@dataclass(frozen=True, config=STRICT)
class WandbSettings:
    mode: Literal["offline", "online", "off"]
    project: Annotated[str, AfterValidator(project_name)]


@dataclass(frozen=True, config=STRICT)
class Decode(DecodeSettings):
    """The library's decode settings, read from plain data. Their keys are top-level keys for users."""

    decoder: AnyDecoder = Field(default_factory=Confidence, discriminator="name")


@dataclass(frozen=True, config=STRICT)
class Config:
    """One job. The keys down to `seed` make up a setting; the rest can't change a token or a score."""

    model: ModelSettings
    task: TaskSettings
    decode: Decode
    seed: int

    job: Annotated[Job, BeforeValidator(_known_job)]
    limit: Count
    batch_size: Count | None  # rows decoded at once, at most; None: as many as memory has room for
    slice_size: Count
    trade_off: TradeOffSettings
    sweep: SweepSettings
    cluster: ClusterSettings
    sandbox: SandboxSettings
    timing: TimingSettings
    wandb: WandbSettings
    out: Annotated[str, AfterValidator(local_folder)]
    store: Annotated[str, AfterValidator(store_root)]
    budget: BudgetSettings = BudgetSettings()
    imported: ImportedSettings = ImportedSettings()  # of job=import
    recipe: RecipeSettings | None = None  # the published result that this job repeats

    def __post_init__(self) -> None:
        check_form(self.task.name, self.task.form, self.model.prompt)
        if self.model.device == "cuda" and self.cluster.gpus_per_worker == 0:
            raise ValueError(
                "cluster.gpus_per_worker=0: workers without a GPU run on cores, but model.device=cuda; leave one out"
            )
        if self.model.gpus > 1 and self.model.compile:
            raise ValueError(f"model.gpus={self.model.gpus}: not with model.compile=true; leave one out")
        if self.trade_off.parameter and self.trade_off.parameter.split(".")[0] not in SETTING_KEYS:
            raise ValueError(
                f"trade_off.parameter={self.trade_off.parameter!r}: can't be swept; a sweep varies keys of "
                f"{', '.join(SETTING_KEYS)}"
            )


DECODE_KEYS = tuple(item.name for item in fields(DecodeSettings))
OPTIONAL = {item.name for item in fields(DecodeSettings) if item.default is None}  # what conf/ need not name
SETTING_KEYS = ("model", "task", *DECODE_KEYS, "seed")
CHOSEN = ("task", "decoder", "axon", "model", "sweep", "cluster", "wandb")  # each by the name of a file

# Composes the same command line with other choices by name: {"decoder": "dawn"} -> plain data.
Compose = Callable[[Mapping[str, str]], Mapping[str, Any]]

_ADAPTER = TypeAdapter(Config)


def read_config(tree: Mapping[str, Any]) -> Config:
    """The validated config of a composed tree. Raises ConfigError with one line per fault.

    The keys of `decode` are top-level keys of the tree. Validation is strict, so that `true` is not 1, and reads JSON,
    from which strict mode still accepts a list for a tuple and a mapping for a dataclass.
    """
    if FAULTS:
        raise ConfigError(FAULTS.values())
    if none := [key for key in CHOSEN if key not in tree]:
        where = "in a file that begins with `# @package _global_` its keys stand below"
        raise ConfigError(f"{key}: missing; give it a value ({where} `{key}:`)" for key in none)
    if missing := [key for key in DECODE_KEYS if key not in tree and key not in OPTIONAL]:
        raise ConfigError(f"{key}: missing; give it a value" for key in missing)
    nested = {key: value for key, value in tree.items() if key not in DECODE_KEYS}
    nested["decode"] = {key: tree[key] for key in DECODE_KEYS if key in tree} | {
        "axon": read_own(tree["axon"])
    }
    try:
        return _ADAPTER.validate_json(json.dumps(nested), strict=True)
    except TypeError:  # YAML has types that JSON lacks
        rule = "must be text, a number, a list or a group of keys; write one of them"
        raise ConfigError(f"{key}={value!r}: {rule}" for key, value in _without_json(tree)) from None
    except ValidationError as error:
        raise ConfigError(fault_lines(error, Config)) from None


def _without_json(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """The values that JSON can't hold, with their keys."""
    if isinstance(value, Mapping):
        for name, held in value.items():
            yield from _without_json(held, f"{key}.{name}".lstrip("."))
    elif isinstance(value, list):
        for number, held in enumerate(value):
            yield from _without_json(held, f"{key}[{number}]")
    elif not isinstance(value, str | int | float | None):
        yield key, value


def to_tree(config: Config) -> dict[str, Any]:
    """Plain data from which read_config makes an equal config."""
    tree: dict[str, Any] = _ADAPTER.dump_python(config, mode="json")
    return {**tree.pop("decode"), **tree}
