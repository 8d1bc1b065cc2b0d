"""Stored results of other code under the same version: the command tells of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

from axon.code_digest import digest
from axon.decoders import confidence
from pipeline.evaluation.rule_code import code_of
from pipeline.inputs.config import Config
from pipeline.jobs.outdated import outdated
from pipeline.planning.plan import make_setting
from tests.pipeline.conftest import Judge

RULE = '"""A rule."""\n\n\ndef fires(x):\n    """Above one."""\n    return x > 1  # strictly\n'


def _module(file: Path, text: str) -> ModuleType:
    file.write_text(text)
    module = ModuleType(file.stem)
    module.__file__ = str(file)
    return module


def test_what_a_rule_does_decides_and_not_how_it_is_written(tmp_path: Path) -> None:
    own = digest(_module(tmp_path / "rule.py", RULE))
    alike = '"""Another word."""\n# and a comment\ndef fires(x):\n    return (x\n            > 1)\n'
    assert digest(_module(tmp_path / "docstring.py", RULE.replace("Above one", "More than one"))) == own
    assert digest(_module(tmp_path / "number.py", RULE.replace("> 1", "> 2"))) != own
    assert digest(_module(tmp_path / "layout.py", alike)) != digest(_module(tmp_path / "empty.py", ""))


def test_parts_whose_code_has_changed_are_named_once(
    make_config: Callable[..., Config], judge: Judge
) -> None:
    words = ("task.name=judge", "axon.gate=coverage_gap")
    settings = [make_setting(make_config(*words, f"decoder.threshold={value}")) for value in (0.5, 0.6)]
    plan = {setting.id: setting for setting in settings}
    codes = [code_of(setting) for setting in settings]
    assert codes[0] == codes[1] and [word.partition("=")[0] for word in codes[0].split()] == [
        *("decoder", "gate", "policy", "task")
    ]
    then = codes[0].replace(digest(confidence), "0" * 8)

    def lines(*told: str | None) -> list[str]:
        return outdated(pd.DataFrame({"setting_id": [*plan][: len(told)], "code": told}), plan)

    assert lines(*codes) == lines(None, None) == lines("", codes[1]) == []
    [one], [both] = lines(codes[0], then), lines(then, then)
    assert one.startswith(
        "Warning: the code of decoder confidence (axon/decoders/confidence.py) has changed since 1 setting was"
    )
    assert "2 settings were evaluated: raise its version" in both


@pytest.mark.parametrize("gate", ["never", "always"])
def test_without_axon_its_rules_are_no_part(
    make_config: Callable[..., Config], judge: Judge, gate: str
) -> None:
    code = code_of(make_setting(make_config("task.name=judge", f"axon.gate={gate}")))
    assert ("gate=" in code) == ("policy=" in code) == (gate == "always")
