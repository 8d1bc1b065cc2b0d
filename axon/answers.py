"""What a rule answers with: of the kind that is read of it, or else an error says whose answer it was.

Only what the host knows is looked at: to ask for a value would wait for the device.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Size


def check_answer(whose: str, answer: Any, shape: Size, logical: bool = False) -> None:
    """A tensor of this shape: bool if `logical`, of floating point otherwise. Raises AssertionError, one line."""
    import torch  # here, so that settings can be checked without torch

    if isinstance(answer, torch.Tensor):
        of_kind = answer.dtype is torch.bool if logical else answer.is_floating_point()
        if of_kind and answer.shape == shape:
            return
    is_now = type(answer).__name__
    if isinstance(answer, torch.Tensor):
        is_now = f"{str(answer.dtype).removeprefix('torch.')} {tuple(answer.shape)}"
    raise AssertionError(f"{whose} is {is_now}; make it {'bool' if logical else 'floats'} {tuple(shape)}")
