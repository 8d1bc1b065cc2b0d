"""How families differ, on toy networks: from where a position is predicted, and which positions see each other."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from axon.models.layout import Layout
from axon.models.model import MaskedDiffusionModel
from tests.axon.toy_model import MASK, toy_model

PROMPTS, GEN, BLOCK = [[1, 2, 3, 4, 5], [6, 7]], 8, 4
LONGEST = max(map(len, PROMPTS))
families = pytest.mark.parametrize("family", ["llada", "dream", "sdar"])


def _forward(model: MaskedDiffusionModel, tokens_BW: Tensor) -> tuple[Tensor, Layout]:
    layout = model.layout([len(prompt) for prompt in PROMPTS], GEN, BLOCK)
    with torch.inference_mode():
        return model(tokens_BW, layout), layout


def _canvas() -> Tensor:
    rows = [[MASK] * (LONGEST - len(prompt)) + prompt + [MASK] * GEN for prompt in PROMPTS]
    return torch.tensor(rows)


@families
def test_a_position_is_predicted_in_place_or_from_the_one_before(family: str) -> None:
    model = toy_model(family)
    hidden_BWD, layout = _forward(model, _canvas())
    rows, columns = torch.tensor([0, 0, 1, 1]), torch.tensor([0, 7, 3, 9])
    source = {"dream": torch.tensor([0, 6, 3, 8])}.get(
        family, columns
    )  # a row's first position has none before it
    head = model.network.get_submodule("lm_head")
    assert torch.equal(model.logits(hidden_BWD, rows, columns, layout), head(hidden_BWD[rows, source]))


@families
def test_the_content_of_the_padding_is_never_seen(family: str) -> None:
    model = toy_model(family)
    other = _canvas()
    other[1, : LONGEST - 2] = 9
    before, after = _forward(model, _canvas())[0], _forward(model, other)[0]
    assert torch.equal(before[1, LONGEST - 2 :], after[1, LONGEST - 2 :])
    assert torch.equal(before[0], after[0])


@families
@pytest.mark.parametrize("changed", range(LONGEST + GEN))
def test_which_positions_see_each_other(family: str, changed: int) -> None:
    """LLaDA and Dream: all see all. SDAR: the prompt sees itself, a block sees everything up to its own end."""
    model = toy_model(family)
    canvas, other = _canvas(), _canvas()
    other[0, changed] = 8
    different = (_forward(model, canvas)[0][0] - _forward(model, other)[0][0]).abs().amax(1) > 1e-6
    block = [0] * LONGEST + [1 + place // BLOCK for place in range(GEN)]
    seen = [family != "sdar" or block[changed] <= own for own in block]
    assert different.tolist() == seen
