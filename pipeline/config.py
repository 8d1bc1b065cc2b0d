"""Everything a user can set, validated once; below this nobody sees the config framework or a raw dictionary.

`read_config` turns the composed tree (plain data) into a frozen `Config` or raises ConfigError, one line per fault.
The decoder's and AXON's settings classes live in `axon`, beside the code they steer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from axon import AxonSettings, DecodeSettings
from axon.decoders import DecoderSettings
from axon.settings import EndOfText
from pipeline.errors import ConfigError, fault_lines
from pipeline.names import address, folder_name, local_folder, project_name, store_root
from pipeline.sandbox import Require
from pipeline.tasks import TaskSettings, get_task
from pipeline.tasks.task import STRICT

Count = Annotated[int, Field(ge=1, le=1_000_000)]  # more is a slip of the hand, and would fill the memory
Text = Annotated[str, Field(min_length=1)]


@dataclass(frozen=True, config=STRICT)
class ModelSettings:
    """Which model, and in what numerics it runs."""

    path: (
        Text  # folder of a checkpoint (relative: to the working directory, else to this repository) or hub id
    )
    revision: Text | None  # hub only: branch, tag or commit
    dtype: Literal["float32", "bfloat16", "float16"]
    attention_kernel: Literal["sdpa", "eager"]
    device: Literal["auto", "cpu", "cuda"]
    prompt: Literal[
        "raw", "chat"
    ]  # the example's text as it is, or as a turn of the tokenizer's chat template


@dataclass(frozen=True, config=STRICT)
class TradeOffSettings:
    """The decoder's parameter that trades quality for speed, if it has one: a sweep draws each group along it."""

    parameter: Text | None
    values: tuple[Any, ...]

    def __post_init__(self) -> None:
        if self.parameter and not self.values:
            raise ValueError(
                "trade_off.values=[]: must have at least 1 entry; add one, or set trade_off.parameter=null"
            )


@dataclass(frozen=True, config=STRICT)
class Group:
    """A family of settings with one name: `set` holds for all of them, `grid` is multiplied out."""

    label: str
    set: Mapping[str, Any] = Field(default_factory=dict)
    grid: Mapping[str, Annotated[tuple[Any, ...], Field(min_length=1)]] = Field(default_factory=dict)


@dataclass(frozen=True, config=STRICT)
class SweepSettings:
    name: Annotated[str, AfterValidator(folder_name)]
    along_trade_off: bool  # evaluate every group at every value of `trade_off`
    groups: Annotated[tuple[Group, ...], Field(min_length=1)]


@dataclass(frozen=True, config=STRICT)
class ClusterSettings:
    """Where Ray runs the settings. null leaves the number to the machine."""

    address: Annotated[str, AfterValidator(address)] | None  # null: a private Ray on this machine
    workers: Count | None
    cpus_per_worker: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    gpus_per_worker: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None


@dataclass(frozen=True, config=STRICT)
class SandboxSettings:
    """What a machine must offer before programs that a model wrote run on it."""

    require: Require


@dataclass(frozen=True, config=STRICT)
class TimingSettings:
    """How thoroughly job=time measures."""

    rounds: Count  # in which every setting has its turn
    examples: Count  # decoded in a turn; as many more as fill the last batch


@dataclass(frozen=True, config=STRICT)
class WandbSettings:
    mode: Literal["offline", "online", "off"]
    project: Annotated[str, AfterValidator(project_name)]


@dataclass(frozen=True, config=STRICT)
class Config:
    """One job. The keys down to `seed` are what a setting is made of; the rest can't move a token or a score."""

    model: ModelSettings
    task: TaskSettings
    decoder: Annotated[DecoderSettings, Field(discriminator="name")]
    axon: AxonSettings
    gen_length: int
    block_length: int
    temperature: float
    end_of_text: EndOfText
    seed: int

    job: Literal["run", "report", "check_task", "time"]
    limit: Count
    batch_size: Count
    slice_size: Count
    trade_off: TradeOffSettings
    sweep: SweepSettings
    cluster: ClusterSettings
    sandbox: SandboxSettings
    timing: TimingSettings
    wandb: WandbSettings
    out: Annotated[str, AfterValidator(local_folder)]
    store: Annotated[str, AfterValidator(store_root)]

    def __post_init__(self) -> None:
        get_task(self.task.name)
        if self.trade_off.parameter and self.trade_off.parameter.split(".")[0] not in SETTING_KEYS:
            raise ValueError(
                f"trade_off.parameter={self.trade_off.parameter!r}: can't be swept; a sweep turns keys of "
                f"{', '.join(SETTING_KEYS)}"
            )
        self.decode_settings()

    def decode_settings(self) -> DecodeSettings:
        """Raises ValueError where the parts don't fit each other, such as a block length that doesn't divide."""
        return DecodeSettings(
            gen_length=self.gen_length,
            block_length=self.block_length,
            temperature=self.temperature,
            end_of_text=self.end_of_text,
            decoder=self.decoder,
            axon=self.axon,
        )


SETTING_KEYS = (
    "model",
    "task",
    "decoder",
    "axon",
    "gen_length",
    "block_length",
    "temperature",
    "end_of_text",
    "seed",
)

_ADAPTER = TypeAdapter(Config)


def read_config(tree: Mapping[str, Any]) -> Config:
    """The validated config of a composed tree. Raises ConfigError with one line per fault.

    Strictly, so that `true` is no 1; by way of JSON, where a strict reader still takes a list for a tuple and a
    group of keys for a dataclass.
    """
    try:
        return _ADAPTER.validate_json(json.dumps(tree), strict=True)
    except TypeError as error:  # YAML has kinds of values that JSON has not
        raise ConfigError(
            [f"a value of the config: {error}; write text, numbers, lists and groups"]
        ) from None
    except ValidationError as error:
        raise ConfigError(fault_lines(error, Config)) from None


def to_tree(config: Config) -> dict[str, Any]:
    """Plain data from which read_config makes an equal config."""
    tree: dict[str, Any] = _ADAPTER.dump_python(config, mode="json")
    return tree
