"""model.compile: the network is compiled, decodes with attention captured, and is another setting."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from conftest import sliced

from pipeline.evaluation.evaluate import Evaluator, load
from pipeline.inputs.config import Config
from pipeline.planning.plan import make_setting

Make = Callable[..., Config]


def compiled(config: Config) -> bool:
    body = load(config.model).model.body
    return bool(body._compiled_call_impl is not None)


def test_it_is_compiled_only_where_asked_for(make_config: Make) -> None:
    assert not compiled(make_config())
    assert compiled(make_config("model.compile=true"))


def test_it_is_another_setting_and_left_out_of_the_id_where_it_is_not_asked_for(make_config: Make) -> None:
    plain, other = make_setting(make_config()), make_setting(make_config("model.compile=true"))
    assert plain.id != other.id
    assert "compile" not in plain.identity["model"] and other.identity["model"]["compile"] is True


@pytest.mark.slow
def test_a_compiled_network_decodes_as_the_plain_one(make_config: Make) -> None:
    """Attention is read, prompts differ in length, and rows leave: every shape that a decode has."""
    words = ("axon.gate=always", "axon.attention_layers=all")
    settings = [make_setting(make_config(*words, *more)) for more in ((), ("model.compile=true",))]
    plain, fast = ([record.tokens for record in sliced(Evaluator(3), own, 0, 5)] for own in settings)
    torch.compiler.reset()
    assert plain == fast
