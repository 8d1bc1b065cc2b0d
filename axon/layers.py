"""Layer specifications, such as "last 4": which layers attention is averaged over."""

from __future__ import annotations

import re

_RULE = "'all', 'first N', 'middle N', 'last N', a list '3,5,7' or a range '4-7'"


def resolve_layers(spec: str, num_layers: int) -> tuple[int, ...]:
    """The layer numbers that `spec` names, ascending, for a model of `num_layers` layers.

    `middle N` is the N layers around the centre (the lower one where it cannot be centred).
    Raises ValueError with the value, the rule and the model's layer count.
    """
    layers = _read(spec, num_layers)
    if layers is None:
        raise ValueError(f"axon.attention_layers={spec!r}: unknown; write {_RULE}")
    if not layers or min(layers) < 0 or max(layers) >= num_layers:
        raise ValueError(
            f"axon.attention_layers={spec!r}: names no layer or one the model lacks; "
            f"it has {num_layers} layers, 0 to {num_layers - 1}"
        )
    return tuple(sorted(layers))


def check_layer_spec(spec: object) -> None:
    """Raise ValueError where `spec` has no known form, whatever the model."""
    if not isinstance(spec, str) or _read(spec, 1) is None:
        raise ValueError(f"axon.attention_layers={spec!r}: unknown; write {_RULE}")


def _read(spec: str, num_layers: int) -> set[int] | None:
    """The layers, not checked against the model; None for an unknown form. An impossible count gives -1."""
    text = spec.strip().lower()
    if text == "all":
        return set(range(num_layers))
    if counted := re.fullmatch(r"(first|middle|last)\s+(\d+)", text):
        count = int(counted[2])
        if not 1 <= count <= num_layers:
            return {-1}
        start = {"first": 0, "middle": (num_layers - count) // 2, "last": num_layers - count}[counted[1]]
        return set(range(start, start + count))
    if span := re.fullmatch(r"(\d+)\s*-\s*(\d+)", text):
        return set(range(int(span[1]), min(int(span[2]), num_layers) + 1))
    if re.fullmatch(r"\d+(\s*,\s*\d+)*", text):
        return {int(part) for part in text.split(",")}
    return None
