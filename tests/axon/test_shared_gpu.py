"""Processes that share a GPU: each plans its batches with an equal part of it."""

from __future__ import annotations

import pytest
import torch

import axon.room
from axon import AxonSettings, Confidence, DecodeSettings
from axon.blocks import row_blocks
from axon.room import Room
from axon.row_memory import row_bytes
from tests.axon.toy_model import toy_model

ALONE = AxonSettings(gate="never")
SETTINGS = DecodeSettings(gen_length=8, block_length=4, decoder=Confidence(threshold=0.5), axon=ALONE)
GIB = 2**30


@pytest.mark.parametrize(
    ("sharing", "free", "kept", "own", "planned"),
    [
        (1, 60, 20, 18, 62),  # what nobody holds, and what torch has kept for this process
        (2, 60, 20, 18, 22),  # the other's model is not there yet: half of the GPU, with the own model in it
        (2, 30, 20, 18, 22),  # it is there
        (2, 10, 20, 18, 12),  # someone else fills the GPU
        (4, 60, 22, 22, 0),  # the model takes more than a share
    ],
)
def test_who_shares_a_gpu_plans_with_an_equal_part_of_it(
    sharing: int, free: int, kept: int, own: int, planned: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free * GIB, 80 * GIB))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: kept * GIB)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: own * GIB)
    cuda = [torch.device("cuda", 0), torch.device("cuda", 1)]
    assert axon.room.free_memory(cuda, sharing) == int(axon.room.SHARE * planned * GIB)
    assert axon.room.free_memory([torch.device("cpu")], sharing) is None


def test_a_room_asks_for_the_memory_of_its_share(monkeypatch: pytest.MonkeyPatch) -> None:
    model = toy_model()
    each = row_bytes(model.shape, SETTINGS, row_blocks(3, 8, 4, "prompt"), "float32")
    monkeypatch.setattr(axon.room, "free_memory", lambda devices, sharing: 32 * each // sharing)
    assert [Room(None, sharing=n).rows(model, SETTINGS, 3) for n in (1, 2, 4)] == [32, 16, 8]
