"""Which family a config.json belongs to: by `architectures`, and by model_type only where it has none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, get_args

from axon.models.family import CheckpointError, Family
from axon.models.overrides import Attention

# Known formats that revealing masked positions in place, with the networks here, does not decode: by the beginning of
# the architecture's name (or model_type), letters and digits alone.
REFUSED: dict[str, str] = {
    "wedlm": "decodes with causal attention over re-ordered positions in an engine of its own (Tencent/WeDLM)",
    "diffusiongemma": "starts from random tokens and has no mask token: there is nothing to reveal",
    "nemotronlabsdiffusion": "holds three modes of decoding on a Ministral network that is not built here",
    "efficientdlm": "says qwen3, but its block attention is in code of its own that is not built here",
    "rnd1": "is a mixture of experts that is not built here",
    "dreamforcausallm": "is a DreamReasoner, which predicts in place and by blocks, as Dream does not; not built here",
    "infogain": "is a wrapper for a sampler of its own; give the checkpoint that it wraps",
}


def family_of(config: Mapping[str, Any], families: Sequence[Family]) -> Family:
    """Raises CheckpointError for a format that is not known, even where its model_type is: LLaDA-MoE says `llada`."""
    named, kind = config.get("architectures"), config.get("model_type")
    architecture = named[0] if isinstance(named, list) and named else named
    for name in (architecture, kind):
        plain = "".join(letter for letter in str(name).lower() if letter.isalnum())
        if reason := next((reason for start, reason in REFUSED.items() if plain.startswith(start)), None):
            raise CheckpointError(f"config.json: {name}: {reason}; choose another model")
    if named:
        found = [family for family in families if architecture in family.architectures]
        if len(found) > 1:
            names = " and ".join(family.name for family in found)
            raise CheckpointError(
                f"config.json: {architecture}: {names} name this architecture; leave it to one of them"
            )
        if found:
            return found[0]
        known = ", ".join(name for family in families for name in family.architectures)
        raise CheckpointError(f"config.json: architectures={named!r}: unknown; one of {known}")
    for family in families:
        if str(kind).lower() in (family.model_types or (family.name,)):
            return family
    known = ", ".join(name for family in families for name in family.model_types or (family.name,))
    raise CheckpointError(f"config.json: model_type={kind!r}: unknown; one of {known}")


def with_attention(family: Family, attention: Attention | None) -> Family:
    """The family with its attention settled. Raises CheckpointError if it can't be told, or contradicts the family."""
    if family.block_causal is None and attention is None:
        raise CheckpointError(
            f"config.json: {family.name}: does not say how it was trained; give model.attention=bidirectional (mdlm) "
            "or block_causal (bd3lm)"
        )
    if attention not in (None, *get_args(Attention)):
        raise CheckpointError(
            f"model.attention={attention!r}: unknown; one of {', '.join(get_args(Attention))}"
        )
    own: Attention = "block_causal" if family.block_causal else "bidirectional"
    if family.block_causal is not None and attention not in (None, own):
        raise CheckpointError(f"model.attention={attention!r}: {family.name} is {own}; leave it out")
    return replace(family, block_causal=(attention or own) == "block_causal")
