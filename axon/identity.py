"""What in the settings decides a decode: settings of equal identity decode alike, so that one of them is enough.

A setting that the chosen gate and policy do not read (`anchors` under policy `cover`, `alpha` under any gate but
`cp_alpha`) is not part of it, and a value that can be written in two ways is written in one.
"""

from __future__ import annotations

import inspect
from dataclasses import asdict, fields
from typing import Any

from axon.code_digest import digest
from axon.decoders import Decoder
from axon.gates import gate_of
from axon.layers import resolve_layers
from axon.own_rules import OwnRules
from axon.policies import policy_of
from axon.settings import AxonSettings, DecodeSettings
from axon.sinks import SinkThreshold, multiples

HERE = "axon.decoders."

# Raise a part's number when a change to it can change a token: results stored under the old number then stay apart.
# Decoders, model families and tasks have a number of their own, `version`.
SAMPLER_VERSION = 1
AXON_VERSION = 2  # 2: `density` by graph cut stops by its rule, not by a rounding error

# Read whatever the gate and the policy. Candidates and layers are normalised below.
PARTS = ("decoder", "axon")
FIRST = (
    "gen_length",
    "block_length",
    "temperature",
    "end_of_text",
)  # in every identity, whatever their values
ALWAYS_READ = ("gate", "policy", "max_anchor_steps", "uncertainty_threshold", "combine")


def decode_identity(settings: DecodeSettings, num_layers: int) -> dict[str, Any]:
    """Everything of `settings` that moves a token with a model of `num_layers` layers, as plain data.

    Raises ValueError for layers that the model lacks, and for a file of the decoder's that can't be read.
    """
    decoder, axon = settings.decoder, settings.axon
    fires = axon.gate != "never"
    layers = list(resolve_layers(axon.attention_layers, num_layers)) if settings.reads_attention else []
    chosen = decoder.identity()
    if decoder.needs_attention:  # AXON's layers, with gate never too
        chosen["attention_layers"] = layers
    if decoder.seeks_sinks:  # and its sinks where the decoder names none
        own = chosen.get("tau_sink")
        chosen["tau_sink"] = plain_threshold(axon.tau_sink if own is None else own)
    return {
        "decoder": _one_zero(chosen),
        "axon": _one_zero(axon_identity(axon, layers, settings.block)) if fires else {"gate": "never"},
        **_one_zero(_others(settings)),
        "versions": {
            "loop": SAMPLER_VERSION,  # named so in every stored id
            "decoder": decoder.version,
            "axon": _axon_version(axon) if fires else None,
            **_of_a_package(decoder),
        },
    }


def _of_a_package(decoder: Decoder) -> dict[str, str]:
    """Of a decoder from elsewhere its file and what that does: two may have one name, and nobody raises a version."""
    return {} if type(decoder).__module__.startswith(HERE) else {"package": _package_of(decoder)}


def _package_of(part: object) -> str:
    """The module of its class, and a digest of that."""
    kind = type(part)
    return f"{kind.__module__} {digest(inspect.getmodule(kind))}"


def _axon_version(axon: AxonSettings) -> Any:
    """A number, or with rules of other packages a group of versions."""
    versions = {
        name: {"version": rule.version, "package": _package_of(rule)} for name, rule in _chosen(axon).items()
    }
    return {"axon": AXON_VERSION, **versions} if versions else AXON_VERSION


def _chosen(axon: AxonSettings) -> OwnRules:
    """Of the settings' own rules those that are the gate and the policy."""
    return OwnRules((name, axon.own[name]) for name in (axon.gate, axon.policy) if name in axon.own)


def _one_zero(settings: dict[str, Any]) -> dict[str, Any]:
    """-0.0, which is 0.0 and is written otherwise, as 0.0."""
    return {key: value + 0.0 if isinstance(value, float) else value for key, value in settings.items()}


def _others(settings: DecodeSettings) -> dict[str, Any]:
    """Every further setting. One that came later is left out at its default, so that stored ids stay as they are."""
    found = {
        item.name: getattr(settings, item.name)
        for item in fields(settings)
        if item.name in FIRST or (item.name not in PARTS and getattr(settings, item.name) != item.default)
    }
    if not settings.seeks_sinks:
        found.pop("sink_rows", None)
    return found


def axon_identity(axon: AxonSettings, layers: list[int], block_length: int) -> dict[str, Any]:
    """AXON's settings that are read under their gate and policy."""
    gate = gate_of(axon)
    assert gate is not None, "nothing of AXON is read with gate never"
    read = (*ALWAYS_READ, *gate.settings_read, *policy_of(axon).settings_read(axon))
    own = {name: _one_zero(asdict(rule)) for name, rule in _chosen(axon).items()}
    # Left out at its default, as it came later; and with a gate that always fires steps are interventions.
    same = axon.budget_counts == "interventions" or axon.gate == "always"
    counts = {} if same else {"budget_counts": axon.budget_counts}
    return {
        **{name: getattr(axon, name) for name in read},
        **({"own": own} if own else {}),
        **counts,
        **_candidates(axon, block_length),
        "tau_sink": plain_threshold(axon.tau_sink),
        "attention_layers": layers,
    }


def _candidates(axon: AxonSettings, block_length: int) -> dict[str, Any]:
    """A block has no more candidates than positions; between equal bounds no ratio decides."""
    most = min(axon.max_candidates, block_length)
    least = min(axon.min_candidates, most)
    ratio = {"candidate_ratio": axon.candidate_ratio} if least < most else {}
    return {"min_candidates": least, "max_candidates": most, **ratio}


def plain_threshold(value: SinkThreshold) -> SinkThreshold:
    """ "4.0X" as "4x", to the last digit."""
    relative = multiples(value)
    return value if relative is None else f"{relative!r}".removesuffix(".0") + "x"
