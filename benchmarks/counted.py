"""What a piece of code asks of the device, counted without one: kernels it launches, and times that it waits.

Both hold on a machine without a GPU, where a tensor may be on "meta" or on the processor.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

import axon.attention
from axon.chunks import MEMORY_SHARE

# Operators that only describe memory in another way, or take some, and launch nothing.
VIEWS = frozenset(
    {"view", "_unsafe_view", "permute", "transpose", "t", "expand", "unsqueeze", "squeeze"}
    | {"slice", "select", "split", "alias", "detach", "unbind"}
    | {"empty", "empty_like", "empty_strided", "new_empty"}
)
# Methods that need a value, or the number of true ones, on the host. On CUDA each waits for all work before it.
READS = frozenset(
    {"item", "tolist", "__bool__", "__int__", "__float__", "__index__", "cpu", "numpy"}
    | {"nonzero", "argwhere", "masked_select", "unique"}
)

# Operators that end with a number or a shape on the host, however they are called.
ASKING = frozenset(
    {"_local_scalar_dense", "item", "is_nonzero", "equal", "nonzero", "argwhere", "masked_select"}
    | {"_unique", "_unique2", "unique_dim", "unique_consecutive", "bincount"}
)


def on_card(memory: int = 80 * 10**9) -> AbstractContextManager[object]:
    """Within it, column means are computed in chunks sized for a GPU of so many bytes."""
    return patch.object(
        axon.attention,
        "chunk_elements",
        lambda device, bytes_each, cached: memory // (MEMORY_SHARE * bytes_each),
    )


class Counted(TorchDispatchMode):
    """Counts operators by name."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.by_name: Counter[str] = Counter()

    @property
    def total(self) -> int:
        return self.by_name.total()


class Launches(Counted):
    """Those that launch a kernel, under `torch.no_grad()` (which lets composed ones fall apart)."""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        name = func.overloadpacket.__name__
        if name not in VIEWS:
            self.by_name[name] += 1
        return func(*args, **(kwargs or {}))


class Asked(Counted):
    """Those that ask the device for a number, also where other operators of torch call them.

    Not `tolist` and `cpu`, which on a processor copy nothing.
    """

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        name = func.overloadpacket.__name__
        by_mask = (
            "index" in name
            and len(args) > 1
            and isinstance(args[1], list | tuple)
            and _by_mask(tuple(args[1]))
        )
        if name in ASKING or by_mask or func is torch.ops.aten.repeat_interleave.Tensor:
            self.by_name[name] += 1
        return func(*args, **(kwargs or {}))


class Waits(TorchFunctionMode):
    """Counts where the host would wait for a GPU: values it reads, masks it indexes with, data it sends.

    `torch.cuda.set_sync_debug_mode` warns of the same on a GPU. Indexing by a bool tensor asks how many are true, and a
    tensor made on the device from Python data has been copied there when the call returns.
    """

    def __init__(self) -> None:
        super().__init__()
        self.by_name: Counter[str] = Counter()

    @property
    def total(self) -> int:
        return self.by_name.total()

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if name in READS or (name in ("__getitem__", "__setitem__") and _by_mask(args[1])):
            self.by_name[name] += 1
        elif func is torch.tensor and kwargs.get("device") is not None:
            self.by_name["tensor"] += 1
        return func(*args, **kwargs)


def _by_mask(index: object) -> bool:
    parts = index if isinstance(index, tuple) else (index,)
    return any(isinstance(part, Tensor) and part.dtype == torch.bool for part in parts)
