"""model.compile: compiled where asked for, and another setting (tests/axon/test_compile.py decodes with it)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from pipeline.evaluation.evaluate import load
from pipeline.inputs.config import Config
from pipeline.planning.plan import make_setting

Make = Callable[..., Config]


def test_it_is_compiled_only_where_asked_for(make_config: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = []
    monkeypatch.setattr(torch, "compile", lambda function, **_: compiled.append(function) or function)
    load(make_config().model)
    assert not compiled
    body = load(make_config("model.compile=true").model).model.body
    assert compiled == [body._through]


def test_it_is_another_setting_and_left_out_of_the_id_where_it_is_not_asked_for(make_config: Make) -> None:
    plain, other = make_setting(make_config()), make_setting(make_config("model.compile=true"))
    assert plain.id != other.id
    assert "compile" not in plain.identity["model"] and other.identity["model"]["compile"] is True
