"""Devices that this machine lacks: tensors that say where they are, with numbers on the processor.

An operation on tensors of two devices raises, as it would on GPUs; `Tensor.to` copies. torch itself has one processor
only, and none of its own stand-ins has both numbers and several devices.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_map

from axon import MaskedDiffusionModel

KIND = "fpga"  # a name that torch knows, and starts nothing for


class Placed(Tensor):
    """A tensor with a device of its own telling."""

    place: torch.device

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _called(func, args, kwargs or {})


def placed(tensor: Tensor, place: torch.device) -> Placed:
    made = tensor.as_subclass(Placed)
    made.place = place
    return made


class FakeDevices(TorchFunctionMode):
    """Within it, tensors are made there, too."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _called(func, args, kwargs or {})


def split(model: MaskedDiffusionModel, layers: Sequence[int]) -> MaskedDiffusionModel:
    """The model with its layers on the devices of these numbers, and all else on the first."""
    network = model.network
    for module_name, module in network.named_modules():
        parts = module_name.split(".")
        number = layers[int(parts[2])] if parts[:2] == ["model", "layers"] and len(parts) > 2 else 0
        for owned in (module._parameters, module._buffers):
            for name, tensor in owned.items():
                if tensor is not None:
                    owned[name] = placed(tensor.detach(), torch.device(KIND, number))
    family, length = model._family, model.max_length
    made = MaskedDiffusionModel(
        network, family, model.mask_token_id, model.end_token_ids, length, model.block_size
    )
    return made.eval()


def _called(func: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Any:
    leaves = list(_leaves((args, kwargs)))
    tensors = [leaf for leaf in leaves if isinstance(leaf, Tensor)]
    places = {leaf.place for leaf in tensors if isinstance(leaf, Placed)}
    if func == Tensor.device.__get__ and places:  # type: ignore[attr-defined]
        return places.pop()
    asked = next((leaf for leaf in leaves if isinstance(leaf, torch.device) and leaf.type == KIND), None)
    moves = func is Tensor.to and asked is not None
    assert len(places) < 2, f"{func} of tensors on {places}"
    plain = [leaf for leaf in tensors if not isinstance(leaf, Placed) and leaf.dim()]
    assert not (places and plain), f"{func} of tensors on {places} and on the processor"
    place = asked or next(iter(places), None)
    if moves and places == {asked}:
        moves = False
    if asked is not None:
        args, kwargs = tree_map(lambda leaf: torch.device("cpu") if leaf is asked else leaf, (args, kwargs))
    with torch._C.DisableTorchFunctionSubclass():
        out = func(*args, **kwargs)
        if moves:
            out = out.clone()
        if place is None:
            return out
        if isinstance(out, Tensor):
            return placed(out, place) if _is_new(out) else out
        return tree_map(lambda leaf: placed(leaf, place) if _is_new(leaf) else leaf, out)


def _leaves(value: Any) -> Iterator[Any]:
    """torch's own walk takes most of the time of a decode on such devices."""
    if isinstance(value, list | tuple | dict):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _leaves(part)
    else:
        yield value


def _is_new(leaf: Any) -> bool:
    return isinstance(leaf, Tensor) and not hasattr(leaf, "place")
