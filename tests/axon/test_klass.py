"""KLASS keeps the log-probabilities of the generated positions once, and reads them a few positions at a time."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

import axon.forward
from axon import AxonSettings, DecodeSettings, Klass, MaskedDiffusionModel, decode
from axon.decoders.klass import KlassState
from tests.axon.toy_model import VOCAB

PROMPTS = [[1, 2, 3], [4, 5], [6, 7, 8, 9], [10]]
GEN = 12


def settings(**klass: float) -> DecodeSettings:
    return DecodeSettings(
        GEN,
        4,
        decoder=Klass(threshold=0.3, kl_threshold=0.5, **klass),
        axon=AxonSettings(gate="never"),  # type: ignore[arg-type]
    )


class Largest(TorchDispatchMode):
    """The most elements of any tensor that is made, by dtype."""

    def __init__(self) -> None:
        super().__init__()
        self.of: dict[torch.dtype, int] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = func(*args, **(kwargs or {}))
        if isinstance(found, torch.Tensor):
            self.of[found.dtype] = max(self.of.get(found.dtype, 0), found.numel())
        return found


@pytest.mark.parametrize("room", [1, VOCAB, 4 * VOCAB, 10 * VOCAB, 10**6])
def test_how_many_positions_are_read_at_once_changes_no_trace(
    room: int, model: MaskedDiffusionModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = decode(model, PROMPTS, settings())
    assert any(trace.nfe < GEN for trace in whole), "some positions settle"
    monkeypatch.setattr(axon.forward, "CACHED_ELEMENTS", room)
    assert decode(model, PROMPTS, settings()) == whole


def test_no_copy_of_all_positions_is_made_in_float64(
    model: MaskedDiffusionModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(axon.forward, "CACHED_ELEMENTS", 4 * VOCAB)  # one position of four rows
    with torch.inference_mode(False), torch.no_grad(), Largest() as largest:
        decode(model, PROMPTS, settings())
    block, every = len(PROMPTS) * 4 * VOCAB, len(PROMPTS) * GEN * VOCAB
    assert largest.of[torch.float64] <= block < every


def test_the_state_is_of_generated_positions_alone() -> None:
    state = Klass().new_state(3, GEN, 4, VOCAB, torch.device("cpu"))
    assert isinstance(state, KlassState)
    assert state.log_probs_BGV.shape == (3, GEN, VOCAB) and state.log_probs_BGV.dtype == torch.float32
