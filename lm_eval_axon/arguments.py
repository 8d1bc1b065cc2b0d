"""lm-eval's arguments -> settings of `axon`.

`--model_args` names the decoder, AXON's gate and their parameters as launch.py does:
``decoder=dawn,decoder.tau_low=0.7,axon=coverage_gap,axon.anchors=2,gen_length=256``. Everything else keeps `axon`'s
defaults, which are those for LLaDA and Dream (conf/model/sdar_8b_chat.yaml has those for SDAR).

A task's generation_kwargs (or `--gen_kwargs`) come with each request and take precedence over the model's arguments.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

from lm_eval.models.utils import normalize_gen_kwargs
from lm_eval.utils import warning_once

from axon import AxonSettings, DecodeSettings
from axon.checks import check_whole
from axon.installed_parts import GATE, all_decoders, all_rules, rule_keys

LOG = logging.getLogger("lm_eval.axon")  # a child of lm-eval's logger: its handler, its level

OWN = "axon.own."  # settings of packages' gates and policies, by the rule's name
# lm-eval's names for the same thing
LENGTHS = ("max_gen_toks", "max_new_tokens", "max_tokens", "max_completion_tokens")
KWARGS = ("until", "do_sample", "temperature", "top_p", *LENGTHS)
WITHOUT_EFFECT = {"num_beams": 1}  # tasks set this, too, at a value without effect

Chosen = TypeVar("Chosen")


@dataclass(frozen=True)
class Request:
    """How one prompt is decoded, and how much of the answer is kept."""

    settings: DecodeSettings
    stops: tuple[str, ...]  # the answer ends before the first of these
    max_tokens: int  # of the answer


def read_settings(decoder: str, axon: str, parameters: Mapping[str, Any]) -> DecodeSettings:
    """The settings in `--model_args`. Raises ValueError, one line, for an invalid key or value."""
    kind = _choose("decoder", decoder, all_decoders())
    gate = _choose("axon", axon, {"off": "never"} | {name: name for name in all_rules(GATE)})
    known = [f"decoder.{field.name}" for field in fields(kind) if field.name != "name"]
    known += [f"axon.{field.name}" for field in fields(AxonSettings) if field.name not in ("gate", "own")]
    known += [f"{OWN}{name}.{key}" for name, keys in rule_keys().items() for key in keys]
    known += [field.name for field in fields(DecodeSettings) if field.name not in ("decoder", "axon")]
    parts: defaultdict[str, dict[str, Any]] = defaultdict(dict)
    for key, value in parameters.items():
        part, _, name = key.rpartition(".")
        if key not in known:
            raise ValueError(
                f"{key}={value!r}: unknown with decoder={decoder}; {_hint(key)}one of {_siblings(key, known)}"
            )
        # lm-eval reads 3 as a number, which here is a list with a single layer
        parts[part][name] = str(value) if name == "attention_layers" else value
    own = {part.removeprefix(OWN): values for part, values in parts.items() if part.startswith(OWN)}
    of_axon = AxonSettings(gate=gate, own=own, **parts["axon"])
    return DecodeSettings(decoder=kind(**parts["decoder"]), axon=of_axon, **parts[""])


def _siblings(key: str, known: Sequence[str]) -> str:
    """The parameters that this one may stand for: of its name in another part, else of its part, else all."""
    part, _, name = key.rpartition(".")
    of_name = [other for other in known if other.endswith(f".{name}")]
    of_part = [other for other in known if other.rpartition(".")[0] == part]
    return ", ".join(of_name or of_part or known)


def _hint(key: str) -> str:
    """Which decoders have it."""
    part, _, name = key.rpartition(".")
    kinds = all_decoders().items() if part == "decoder" else ()
    having = [f"decoder={own}" for own, kind in kinds if name in {field.name for field in fields(kind)}]
    return f"{', '.join(having)} {'has' if len(having) == 1 else 'have'} it; " if having else ""


def read_request(kwargs: Mapping[str, Any], settings: DecodeSettings) -> Request:
    """A request's generation_kwargs applied to the model's `settings`. Raises ValueError rather than ignore any.

    max_gen_toks (or an alias) sets the canvas, rounded up to a multiple of block_length; the answer is then cut at
    max_gen_toks tokens. `do_sample` false means temperature 0, even if a temperature is given (lm-eval's rule).
    """
    for key, value in kwargs.items():
        if key not in KWARGS and WITHOUT_EFFECT.get(key) != value:
            remedy = f"give --gen_kwargs {key}=1" if key in WITHOUT_EFFECT else f"one of {', '.join(KWARGS)}"
            raise ValueError(
                f"generation_kwargs {key}={value!r}: not supported by masked diffusion decoding; {remedy}"
            )
    asked = normalize_gen_kwargs({"temperature": settings.temperature, **kwargs}, settings.gen_length)
    if asked["do_sample"] and not asked["temperature"]:
        raise ValueError(
            "generation_kwargs do_sample=True: needs a temperature above 0; give --gen_kwargs temperature=..."
        )
    max_tokens, block = asked["max_gen_toks"], settings.block
    check_whole("generation_kwargs max_gen_toks", max_tokens, 1)
    canvas = -(-max_tokens // block) * block
    if canvas != settings.gen_length:
        warning_once(
            LOG, f"max_gen_toks={max_tokens} of the task overrides gen_length: {canvas} positions are decoded"
        )
    temperature = float(asked["temperature"])
    # A limit of the model's arguments goes with the sampling that the task takes back; one of the task is refused then.
    top_p = kwargs.get("top_p", settings.top_p if temperature else None)
    decoding = replace(
        settings, gen_length=canvas, temperature=temperature, top_p=None if top_p == 1 else top_p
    )
    return Request(decoding, tuple(asked["until"]), max_tokens)


def _choose(key: str, name: str, choices: Mapping[str, Chosen]) -> Chosen:
    if name not in choices:
        raise ValueError(f"{key}={name!r}: unknown; one of {', '.join(choices)}")
    return choices[name]
