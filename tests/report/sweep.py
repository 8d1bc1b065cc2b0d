"""A simulated sweep: every group along a threshold, with luck per example shared by all settings (pairs are pairs)."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from zlib import crc32

import numpy as np
import pandas as pd

from axon import AxonSettings
from axon.decoders import DECODERS
from axon.identity import decode_identity
from pipeline.environment import Environment, Hardware
from pipeline.inputs.config import Decode, ModelSettings
from pipeline.planning.setting import Setting
from pipeline.runs.run import FORMAT, Run
from pipeline.tasks import TaskSettings

GEN_LENGTH = 64
THRESHOLDS = (0.3, 0.5, 0.7, 0.9)
TRADE_OFF = "decoder.threshold"
LAYERS = 8
HARDWARE = Hardware("Linux", None, cores=2, memory=None, device="cpu", gpus=(), cuda_driver=None)
ENVIRONMENT = Environment(None, None, None, "3.11", {}, HARDWARE)
MODEL = ModelSettings("models/tiny", None, "float32", "sdpa", "cpu", "raw")
TASK = TaskSettings("arith", "test", 0)


@dataclass
class Sweep:
    settings: dict[str, Setting] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)

    @property
    def records(self) -> pd.DataFrame:
        return pd.DataFrame(self.rows)

    @property
    def run(self) -> Run:
        return make_run(list(self.settings.values()))

    def change(self, **changes: Any) -> None:
        """Of every setting; see `changed`."""
        self.settings = {sid: changed(setting, **changes) for sid, setting in self.settings.items()}

    def drop(self, *setting_ids: str) -> None:
        """Settings and their records."""
        for setting_id in setting_ids:
            del self.settings[setting_id]
        self.rows = [row for row in self.rows if row["setting_id"] in self.settings]


def make_run(settings: list[Setting], name: str = "sweep", title: str = "title", limit: int = 10_000) -> Run:
    return Run(
        format=FORMAT,
        name=name,
        title=title,
        command="python launch.py",
        status="done",
        error=None,
        failures={},
        config={},
        space=(),
        settings=tuple(settings),
        asked=len(settings),
        limit=limit,
        examples={setting.id: limit for setting in settings},
        store="store",
        environment=ENVIRONMENT,
        started=datetime(2026, 1, 1, tzinfo=UTC),
        finished=None,
        seconds=None,
    )


def make_setting(
    setting_id: str, threshold: float, anchors: int | None, trade_off: str | None = TRADE_OFF
) -> Setting:
    """As the plan makes it; `anchors` None is the base decoder alone."""
    axon = AxonSettings(gate="never") if anchors is None else AxonSettings(anchors=anchors)
    decode = Decode(
        gen_length=GEN_LENGTH,
        block_length=32,
        decoder=DECODERS["confidence"](threshold=threshold),
        axon=axon,
    )
    knobs = {TRADE_OFF: threshold} | ({} if anchors is None else {"axon.anchors": anchors})
    group = "base" if anchors is None else "AXON"
    return identified(Setting(setting_id, {}, group, knobs, MODEL, TASK, decode, seed=0, trade_off=trade_off))


def identified(setting: Setting, content: str = "c0ffee00aa") -> Setting:
    """With the identity that the plan gives it; `content`: the hash of the model's weights."""
    decode = decode_identity(setting.decode, LAYERS)
    task, model = setting.task, setting.model
    rows = {"content": "beef01", "shots": task.shots, "shot_style": task.shot_style} if task.shots else {}
    rows |= {
        key: value for key in ("form", "shot_draw") if (value := getattr(task, key)) not in (None, "same")
    }
    return replace(
        setting,
        identity={
            "model": {
                "content": content,
                "dtype": model.dtype,
                "attention_kernel": model.attention_kernel,
                "prompt": model.prompt,
            },
            "task": {"name": task.name, "version": 1, "split": task.split, "seed": task.seed, **rows},
            **decode,
            "versions": {**decode["versions"], "model": 1},
            "seed": setting.seed if setting.decode.temperature > 0 else None,
        },
    )


def changed(
    setting: Setting,
    *,
    seed: int | None = None,
    model: dict[str, Any] | None = None,
    task: dict[str, Any] | None = None,
    content: str = "c0ffee00aa",
    decoder: str | None = None,
    **decode: Any,
) -> Setting:
    """The setting with some fields of its parts changed, and its identity accordingly."""
    if decoder is not None:
        own = {"tau_low" if decoder == "dawn" else "threshold": setting.decode.decoder.threshold}
        decode["decoder"] = DECODERS[decoder](**own)
        setting = replace(setting, trade_off="decoder.tau_low" if decoder == "dawn" else setting.trade_off)
    return identified(
        replace(
            setting,
            seed=setting.seed if seed is None else seed,
            model=replace(setting.model, **(model or {})),
            task=replace(setting.task, **(task or {})),
            decode=replace(setting.decode, **decode),
        ),
        content,
    )


def make_record(setting_id: str, position: int, score: float | None, nfe: int | None) -> dict[str, Any]:
    return {
        "setting_id": setting_id,
        "task": "arith",
        "example_id": f"arith-{position}",
        "position": position,
        "axon_steps": [0, 2],
        "tokens": [crc32(setting_id.encode())] * GEN_LENGTH,  # no two settings decode alike
        "revealed_at": list(range(GEN_LENGTH)),
        "gate_checks": 3,
        "nfe": nfe,
        "nfe_to_eos": nfe,
        "tokens_generated": GEN_LENGTH,
        "tokens_to_eos": 40,
        "seconds_model": 0.1,
        "seconds_capture": 0.01,
        "seconds_select": 0.01,
        "answer": "7",
        "extracted": "7",
        "score": score,
        "metrics": [("strict", score / 2)] if score is not None else [],  # as Parquet returns a map
        "error": None if score is not None else "failed",
    }


def make_sweep(
    gain: float = 0.0,
    faster: float = 1.0,
    examples: int = 60,
    anchors: tuple[int | None, ...] = (None, 1, 2),
    thresholds: tuple[float, ...] = THRESHOLDS,
    seed: int = 0,
    trade_off: str | None = TRADE_OFF,
    prefix: str = "",
) -> Sweep:
    """AXON's log-odds of a correct answer are `gain` above the base's, its NFE `faster` times as high."""
    luck = np.random.default_rng(seed).normal(0, 1.5, examples)
    sweep = Sweep()
    for own in anchors:
        for threshold in thresholds:
            setting_id = f"{prefix}{threshold}-{own}"
            sweep.settings[setting_id] = make_setting(setting_id, threshold, own, trade_off)
            odds = 3.5 * threshold - 0.8 + (0.0 if own is None else gain)
            nfe = 8 + 30 * threshold**2
            for position in range(examples):
                steps = round((nfe + luck[position]) * (1 if own is None else faster))
                score = float(odds + luck[position] > 0)
                sweep.rows.append(make_record(setting_id, position, score, steps))
    return sweep
