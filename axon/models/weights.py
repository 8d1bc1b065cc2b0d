"""The weights of a network: checked against what it expects, then converted from a checkpoint's tensors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import torch
from torch import Tensor

from axon.models.conversion import Conversion
from axon.models.family import CheckpointError, Family
from axon.models.family_code import family_code
from axon.models.folder import listed
from axon.models.joined import join_read
from axon.models.stored import StoredTensors

STORED = ("F64", "F32", "F16", "BF16")  # anything else is quantized and means nothing without its scales
Problems = dict[str, dict[str, None]]  # by kind, each named once: a source may go into several tensors


def read_weights(
    folder: Path,
    family: Family,
    expected: Mapping[str, torch.Size],
    dtype: torch.dtype,
    device: torch.device,
    tied: tuple[str, str] | None = None,
    away: Mapping[str, torch.device] = MappingProxyType({}),
) -> dict[str, Tensor]:
    """The expected tensors by transformers' names, every number finite in `dtype`. Raises CheckpointError.

    They are on `device`, but for those that `away` names: each of these goes where it says once it is made. Some may be
    parts of one memory (axon/models/joined.py).

    Of a `tied` pair the first is the second again, and not returned: it need not be stored, and if it is, it must be
    equal.

    Nothing is read until every name, shape and type is right. Tensors are then converted one at a time, wherever
    the shards have their sources, so that memory holds the sources of a single one beside those already converted.
    """
    conversions = _conversions(family, expected)
    weights: dict[str, Tensor] = {}
    broken: dict[str, None] = {}
    with StoredTensors(folder, device) as stored:
        if tied and not any(source in stored.names for source in conversions[tied[0]].sources):
            expected = {name: shape for name, shape in expected.items() if name != tied[0]}
            conversions = {name: conversions[name] for name in expected}
        with family_code(family.name):
            problems = _misfits(expected, conversions, stored, dtype)
        if any(problems.values()):
            raise _refusal(folder, problems, "the checkpoint must match its config.json exactly")
        for name in expected:
            weights[name], culprits = _converted(name, conversions[name], stored, dtype)
            if name in away:
                weights[name] = weights[name].to(away[name])
            join_read(weights, name)
            broken |= dict.fromkeys(
                f"{culprit} in {str(dtype).removeprefix('torch.')}" for culprit in culprits
            )
    if broken:
        remedy = "copy the checkpoint again, or choose another model.dtype"
        raise _refusal(folder, {"NaN or infinite": broken}, remedy)
    if tied and tied[0] in weights and not torch.equal(weights.pop(tied[0]), weights[tied[1]]):
        raise CheckpointError(
            f"model.path={str(folder)!r}: {tied[0]} is stored and differs from {tied[1]}, though the config ties the "
            "two; say in config.json that they are not tied, or remove it from the weights"
        )
    return weights


def _conversions(family: Family, expected: Mapping[str, torch.Size]) -> Mapping[str, Conversion]:
    """One for each expected tensor. Raises CheckpointError where the family has none."""
    with family_code(family.name):
        conversions = family.convert(expected)
    if missing := [name for name in expected if name not in conversions]:
        raise CheckpointError(
            f"family {family.name}: convert does not say what {len(missing)} of {len(expected)} tensors are made of "
            f"({listed(missing)}); add them"
        )
    return conversions


def _converted(
    name: str, conversion: Conversion, stored: StoredTensors, dtype: torch.dtype
) -> tuple[Tensor, list[str]]:
    """The tensor, and the names of what in it is NaN or infinite: the sources if they are, else the tensor itself."""
    sources = {source: stored.read(source).to(dtype) for source in conversion.sources}
    made = _separate(conversion.make(list(sources.values())), sources)
    if _is_finite(made):
        return made, []
    return made, [source for source, tensor in sources.items() if not _is_finite(tensor)] or [name]


def _misfits(
    expected: Mapping[str, torch.Size],
    conversions: Mapping[str, Conversion],
    stored: StoredTensors,
    dtype: torch.dtype,
) -> Problems:
    """What in the checkpoint does not fit the network, found without reading a number."""
    used = {source for conversion in conversions.values() for source in conversion.sources}
    problems: Problems = {kind: {} for kind in ("missing", "surplus", "wrongly shaped", "quantized")}
    problems["surplus"] = dict.fromkeys(name for name in stored.names if name not in used)
    for name in sorted(expected):
        sources = conversions[name].sources
        missing = [source for source in sources if source not in stored.names]
        if missing:
            problems["missing"][name if missing == [name] else f"{name} made from {listed(missing)}"] = None
            continue
        fault = _shape_fault(name, expected[name], conversions[name], stored, dtype)
        if fault:
            problems["wrongly shaped"][fault] = None
        dtypes = {source: stored.stored_dtype(source) for source in sources}
        problems["quantized"] |= {
            f"{source} {kind}": None for source, kind in dtypes.items() if kind not in STORED
        }
    return problems


def _shape_fault(
    name: str, shape: torch.Size, conversion: Conversion, stored: StoredTensors, dtype: torch.dtype
) -> str | None:
    """How the shape of what the sources make differs from the expected one; None if it does not."""
    shapes = {source: stored.shape(source) for source in conversion.sources}
    try:
        made = conversion.make([torch.empty(s, dtype=dtype, device="meta") for s in shapes.values()]).shape
    except (RuntimeError, IndexError, ValueError) as error:  # for shapes or numbers of tensors it can't take
        return f"{name} made from {_by_shape(shapes)}: {str(error).splitlines()[0]}"
    if made == shape:
        return None
    [*_, last] = shapes
    if shapes == {last: made}:
        return f"{last} {list(made)} instead of {list(shape)}"
    return f"{name} {list(made)} instead of {list(shape)}, made from {_by_shape(shapes)}"


def _by_shape(shapes: Mapping[str, torch.Size]) -> str:
    """The names grouped by shape, the rarest first: among many alike it is the odd one that is wrong."""
    groups: dict[torch.Size, list[str]] = {}
    for name, shape in shapes.items():
        groups.setdefault(shape, []).append(name)
    ordered = sorted(groups.items(), key=lambda group: len(group[1]))
    return " and ".join(f"{listed(names, 2)} {list(shape)}" for shape, names in ordered)


def _separate(made: Tensor, sources: Mapping[str, Tensor]) -> Tensor:
    """Contiguous, and not a view of part of a source, which would keep the whole source in memory."""
    place = made.untyped_storage().data_ptr()
    is_part = any(
        made.numel() < source.numel() and source.untyped_storage().data_ptr() == place
        for source in sources.values()
    )
    return made.clone(memory_format=torch.contiguous_format) if is_part else made.contiguous()


def _is_finite(tensor: Tensor) -> bool:
    """Whether no number is NaN or infinite, in one reading and without a copy: the extremes show both."""
    return not tensor.numel() or bool(torch.stack(torch.aminmax(tensor)).isfinite().all())


def _refusal(folder: Path, problems: Problems, remedy: str) -> CheckpointError:
    found = [
        f"{len(named)} {kind} tensors ({listed(list(named))})" for kind, named in problems.items() if named
    ]
    return CheckpointError(f"model.path={str(folder)!r}: {'; '.join(found)}; {remedy}")
