"""Decoders of other packages: which are found, and which are refused in a line."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from axon.decoders import DECODERS, installed
from axon.identity import decode_identity
from axon.settings import AxonSettings, DecodeSettings

GOOD = """'''A rule.'''
from dataclasses import dataclass
from typing import Literal
from axon.decoders.base import Decoder
from axon.proposal import Proposal

@dataclass(frozen=True, kw_only=True)
class Mine(Decoder):
    name: Literal["mine"] = "mine"
    share: float = 0.5

    def propose(self, state):
        return Proposal(state.masked_BK)
"""


@pytest.fixture
def found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """What a file of this text, named so by its package, is found to be."""

    def of(text: str, name: str = "mine", value: str = "of_a_test:Mine") -> installed.Installed:
        (tmp_path / "of_a_test.py").write_text(text)
        sys.modules.pop("of_a_test", None)
        entries = [EntryPoint(name, value, installed.GROUP)]
        monkeypatch.setattr(installed, "entry_points", lambda group: entries)
        return installed.installed.__wrapped__()

    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.syspath_prepend(tmp_path)
    yield of
    sys.modules.pop("of_a_test", None)


def test_a_decoder_of_a_package_is_found_by_its_name(found, monkeypatch: pytest.MonkeyPatch) -> None:
    own = found(GOOD)
    assert list(own.kinds) == ["mine"] and not own.faults
    monkeypatch.setattr(installed, "installed", lambda: own)
    assert installed.all_decoders() == {**DECODERS, "mine": own.kinds["mine"]}


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (("import dataclass", "import dataclas"), "can't be imported (ImportError: cannot import name 'dataclas'"),
        (("class Mine", "class Mine("), "can't be imported (SyntaxError: "),
        (("from typing", "import nowhere_at_all\nfrom typing"), "can't be imported (ModuleNotFoundError: "),
        (("from typing", "import sys; sys.exit(0)\nfrom typing"), "can't be imported (SystemExit: 0"),
        (("class Mine", "class Other"), "can't be imported (AttributeError: "),
        (("(Decoder)", ""), "is no class derived from axon.decoders.base.Decoder; derive it"),
        (("@dataclass(frozen=True, kw_only=True)\n", ""), "is no frozen dataclass; write @dataclass("),
        (("def propose", "def proposes"), "has no rule; define propose(self, state)"),
        (("def propose", "async def propose"), "has an async method, propose, which nothing awaits; declare it"),
        (("(self, state)", "(self)"), "has a method that doesn't take what it is given; write"),
        (("(self, state)", "(self, state, more)"), "has a method that doesn't take what it is given"),
        (("    def propose", "    def boosted(self): ...\n\n    def propose"), "has a method that doesn't take"),
        (('Literal["mine"]', "str"), 'has another name than its entry point; write name: Literal["mine"] = "mine"'),
        (('= "mine"', '= "yours"'), "has another name than its entry point"),
        (("share: float = 0.5", "share: float"), "has a setting without a default, share; give it one"),
        (("share: float", "share: Unknown"), "can't be imported (NameError: "),
    ],
)  # fmt: skip
def test_a_class_that_breaks_a_rule_is_refused(
    change: tuple[str, str], rule: str, found, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert change[0] in GOOD
    own = found(GOOD.replace(*change))
    [line] = own.faults.values()
    assert not own.kinds
    assert (
        line.startswith(f"decoder.name='mine': of_a_test:Mine, of an installed package, {rule}")
        and ";" in line
    )
    monkeypatch.setattr(installed, "installed", lambda: own)
    with pytest.raises(ValueError, match=r"^decoder.name='mine': "):
        installed.all_decoders()


def test_a_name_that_is_taken_is_refused(found) -> None:
    own = found(GOOD.replace('"mine"', '"confidence"'), name="confidence")
    assert own.faults == {
        "confidence": "decoder.name='confidence': of_a_test:Mine, of an installed package, has a name that another "
        "decoder has; rename it"
    }


def test_its_file_is_part_of_what_its_results_are_filed_under(found) -> None:
    def identity(text: str) -> dict[str, object]:
        settings = DecodeSettings(
            block_length=32, decoder=found(text).kinds["mine"](), axon=AxonSettings(gate="never")
        )
        return decode_identity(settings, 4)

    first = identity(GOOD)
    assert first["versions"]["package"].startswith("of_a_test ") and first["decoder"]["name"] == "mine"
    assert identity(f"# A word.\n{GOOD}".replace("A rule", "The rule")) == first
    assert identity(GOOD.replace("masked_BK)", "masked_BK & (state.confidence_BK > 0.5))")) != first
    assert "package" not in decode_identity(DecodeSettings(block_length=32), 4)["versions"]
