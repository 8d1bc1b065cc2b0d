"""Settings made of nothing but their identities, as a store keeps them: without the sweep that asked for them.

What an identity leaves out has no effect on a decode (what a gate doesn't read, where the model's files were), and is
at its default here. The model is called by the hash of its content.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields, replace
from typing import Any

from pydantic import TypeAdapter, ValidationError

from pipeline.environment import PROJECT
from pipeline.inputs.config import DECODE_KEYS, Decode, ModelSettings
from pipeline.inputs.dotted import flatten
from pipeline.inputs.trade_offs import usual_trade_offs
from pipeline.planning.setting import Setting, setting_id
from pipeline.report.data.labels import value_text
from pipeline.runs.later import unknown_part
from pipeline.tasks import TaskSettings

DIGITS = 8  # of a content's hash: enough to tell models apart
NO_KNOBS = (  # told by the group or the facet
    *("decoder.name", "axon.gate", "axon.policy", "foreign.name", "foreign.answers"),
    *("model.content", "model.path", "model.family"),
    *("task.name", "task.version", "task.split", "task.seed", "task.content"),
)
APART = ("decoder", "axon", "versions", "model", "task", "seed")  # the other keys are of Decode itself

_DECODE, _MODEL, _TASK = TypeAdapter(Decode), TypeAdapter(ModelSettings), TypeAdapter(TaskSettings)


def identified_setting(sid: str, identity: Mapping[str, Any]) -> Setting:
    """The setting with this id, whose group is named by decoder, gate and policy. It has no knobs.

    Raises ValueError, one line, for what is no identity of a setting that this version knows.
    """
    if setting_id(dict(identity)) != sid:
        raise ValueError("its id doesn't belong to its identity")
    try:
        model, task = _model(identity["model"]), _task(identity["task"])
        decode = _foreign_decode() if "foreign" in identity else _decode(identity)
        group = f"{identity['foreign']['name']} (imported)" if "foreign" in identity else _group(decode)
    except ValidationError as error:
        if unknown := unknown_part(error):
            why = "a later version, or changed code, decoded it"
            mend = f"{unknown.first}update {PROJECT} to read it"
            raise ValueError(f"not of this version ({unknown.what}): {why}; {mend}") from None
        fault = error.errors()[0]
        place = ".".join(str(step) for step in fault["loc"])
        raise ValueError(f"this version can't read it ({place}: {fault['msg']})") from None
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"this version can't read it ({type(error).__name__}: {error})") from None
    trade_off = None if "foreign" in identity else usual_trade_offs().get(decode.decoder.name)
    return Setting(sid, dict(identity), group, {}, model, task, decode, identity.get("seed") or 0, trade_off)


def with_knobs(settings: Sequence[Setting]) -> list[Setting]:
    """The same settings with those of their values as knobs in which settings of one group differ."""
    values = [_values(setting) for setting in settings]
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for setting, own in zip(settings, values, strict=True):
        groups.setdefault(setting.group, []).append(own)
    knobs = dict.fromkeys(key for own in groups.values() for key in _differing(own))
    return [
        replace(setting, knobs={key: _knob(own[key]) for key in knobs if key in own})
        for setting, own in zip(settings, values, strict=True)
    ]


def told_apart(settings: Sequence[Setting]) -> list[str]:
    """What each may be called among the others, by decoder, gate and policy, and what differs between those alike."""
    return [str(own) for own in with_knobs([replace(own, group=_group(own.decode)) for own in settings])]


def _values(setting: Setting) -> dict[str, Any]:
    """What a setting reads, by key: what its identity says, and leaves out only because it is at its default."""
    found: dict[str, Any] = {}
    if not setting.foreign:
        decode = {name: getattr(setting.decode, name) for name in DECODE_KEYS if name not in APART}
        found = flatten({**decode, "task": asdict(setting.task), "model": asdict(setting.model)})
    if setting.uses_axon:
        found["axon.budget_counts"] = setting.decode.axon.budget_counts
    found |= flatten(setting.identity)
    return {key: value for key, value in found.items() if key not in NO_KNOBS}


def _differing(settings: Sequence[Mapping[str, Any]]) -> Iterable[str]:
    """Not what some of them don't read, whatever the others' value."""
    keys = dict.fromkeys(key for own in settings for key in own)
    return [key for key in keys if len({str(own[key]) for own in settings if key in own}) > 1]


def _knob(value: Any) -> Any:
    return value_text(value) if isinstance(value, list) else value


def _group(decode: Decode) -> str:
    """`dawn`, or with AXON `dawn + coverage_gap/fixed`."""
    name, axon = decode.decoder.name, decode.axon
    return name if axon.gate == "never" else f"{name} + {axon.gate}/{axon.policy}"


def _decode(identity: Mapping[str, Any]) -> Decode:
    decoder, axon = dict(identity["decoder"]), dict(identity["axon"])
    layers = decoder.pop("attention_layers", [])  # AXON's, of a decoder that reads attention, too
    if layers := axon.get("attention_layers", layers):
        axon["attention_layers"] = ",".join(map(str, layers))
    rest = {key: value for key, value in identity.items() if key not in APART}
    return _DECODE.validate_json(json.dumps({**rest, "decoder": decoder, "axon": axon}), strict=True)


def _foreign_decode() -> Decode:
    return _DECODE.validate_python({"block_length": 256, "axon": {"gate": "never"}})


def _model(identity: Mapping[str, Any]) -> ModelSettings:
    known = {field.name for field in fields(ModelSettings)}
    given = {key: value for key, value in identity.items() if key in known}
    plain = {
        "revision": None,
        "dtype": "float32",
        "attention_kernel": "sdpa",
        "device": "auto",
        "prompt": "raw",
    }
    named = {"path": str(identity["content"])[:DIGITS]}
    return _MODEL.validate_json(json.dumps({**plain, **named, **given}), strict=True)


def _task(identity: Mapping[str, Any]) -> TaskSettings:
    known = {field.name for field in fields(TaskSettings)}
    given = {key: value for key, value in identity.items() if key in known}
    return _TASK.validate_json(json.dumps(given), strict=True)
