"""One thread: these models are too small to gain from more, and other work may share the machine."""

from __future__ import annotations

import pytest
import torch

from axon import MaskedDiffusionModel
from tests.axon.toy_model import toy_model

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def model() -> MaskedDiffusionModel:
    return toy_model()
