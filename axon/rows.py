"""Rows of a batch enter and leave: one way for every dataclass whose tensors have the batch as first axis.

A field is such a tensor, such a dataclass, or something else, which is left as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from typing import Any, ClassVar, Protocol, TypeVar

import torch
from torch import Tensor


class Dataclass(Protocol):
    """Any of them."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


Rows = TypeVar("Rows", bound=Dataclass)


def join_rows(first: Rows, second: Rows) -> Rows:
    """The rows of `first`, then those of `second`."""
    return _mapped(lambda one, other: torch.cat([one, other]), first, second)


def keep_rows(rows: Rows, places: Tensor | None) -> Rows:
    """The rows at those places, in that order; None: all, as they are."""
    return rows if places is None else _mapped(lambda one: one[places], rows)


def put_rows(rows: Rows, places: Tensor | None, some: Rows) -> Rows:
    """`rows` with those at `places` replaced by `some`; None: all."""
    if places is None:
        return some
    return _mapped(lambda one, other: one.index_copy(0, places, other), rows, some)


def of_rows(values_B: Tensor, rows_R: Tensor | None) -> Tensor:
    """Those of the rows at places `rows_R`; None: of all rows, without a copy."""
    return values_B if rows_R is None else values_B[rows_R]


def places_on(places: list[int], device: torch.device) -> Tensor:
    """Those places, sent to the device without waiting for it."""
    return torch.tensor(places, dtype=torch.long).to(device, non_blocking=True)


def _mapped(change: Callable[..., Tensor], first: Rows, *others: Rows) -> Rows:
    changed: dict[str, Any] = {}
    for field in fields(first):
        values = [getattr(one, field.name) for one in (first, *others)]
        if isinstance(values[0], Tensor):
            changed[field.name] = change(*values)
        elif is_dataclass(values[0]):
            changed[field.name] = _mapped(change, *values)
    return replace(first, **changed)
