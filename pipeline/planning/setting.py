"""A setting: everything that can move a token or a score, with its id, and its group and knobs in the sweep."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from pydantic.dataclasses import dataclass

from pipeline.inputs.config import Decode, ModelSettings
from pipeline.inputs.dotted import flatten
from pipeline.tasks.task import STRICT, TaskSettings

ALONE = "setting"  # the group of what is evaluated without a sweep, as in conf/sweep/none.yaml


@dataclass(frozen=True, config=STRICT)
class Setting:
    """One setting of a run, the same object from the plan to the page.

    `id` is a hash of `identity`, so that equal settings share their files, whichever sweep asked for them. `group` and
    `knobs` (dotted key -> value) are its place in the sweep. `trade_off` is the dotted key of the decoder's parameter
    that trades quality for speed; None if there is none.
    """

    id: str
    identity: Mapping[str, Any]
    group: str
    knobs: Mapping[str, Any]
    model: ModelSettings
    task: TaskSettings
    decode: Decode
    seed: int
    trade_off: str | None = None

    def __str__(self) -> str:
        turned = " ".join(f"{key.rpartition('.')[2]}={value}" for key, value in self.knobs.items())
        return f"{self.group} {turned}".strip()

    @property
    def uses_axon(self) -> bool:
        """Gate `never` means the base decoder alone."""
        return self.decode.axon.gate != "never"

    @property
    def foreign(self) -> bool:
        """Whether its answers are from elsewhere (job=import): `decode` then says nothing but gen_length."""
        return "foreign" in self.identity

    @property
    def frame(self) -> dict[str, Any]:
        """What two settings must share to be compared: all but AXON, the trade-off parameter and the seed.

        AXON is left out at every depth: its version is recorded too.
        """
        apart = {"seed", self.trade_off}
        if not self.decode.decoder.seeks_sinks:
            apart.add("sink_rows")  # AXON alone reads it
        shared = {
            key: value
            for key, value in flatten(self.identity).items()
            if "axon" not in key.split(".") and key not in apart
        }
        return shared | {"cache": self.decode.cache}  # which at its default is in no identity

    @property
    def model_name(self) -> str:
        return model_name(self.model)


@dataclass(frozen=True, config=STRICT)
class Stop:
    """Why a setting was evaluated no further: its mean differences from a witness on the first `n` examples."""

    by: str  # the witness's id
    n: int
    quality: float
    nfe: float


def model_name(model: ModelSettings) -> str:
    """The last part of the model's path or hub id."""
    return model.path.rstrip("/").rsplit("/", 1)[-1]


def setting_id(identity: Mapping[str, Any]) -> str:
    """16 hex digits: a hash of the identity's canonical JSON."""
    text = json.dumps(identity, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
