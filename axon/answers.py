"""What a rule answers with: of the kind that is read of it, or else an error says whose answer it was.

Only what the host knows is looked at: to ask for a value would wait for the device.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from torch import Size

Kind = Literal["bool", "floats", "numbers"]


def check_answer(whose: str, answer: Any, shape: Size, kind: Kind = "floats") -> None:
    """A tensor of this shape and kind (numbers: ints or floats). Raises AssertionError, one line."""
    import torch  # here, so that settings can be checked without torch

    is_now = type(answer).__name__
    if isinstance(answer, torch.Tensor):
        logical, floats = answer.dtype is torch.bool, answer.is_floating_point()
        of_kind = {"bool": logical, "floats": floats, "numbers": not logical}[kind]
        if of_kind and answer.shape == shape:
            return
        is_now = f"{str(answer.dtype).removeprefix('torch.')} {tuple(answer.shape)}"
    raise AssertionError(f"{whose} is {is_now}; make it {kind} {tuple(shape)}")
