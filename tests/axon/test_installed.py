"""Decoders, gates and policies of other packages: which are found, and which are refused in a line."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from typing import Any

import pytest

from axon import installed
from axon.decoders import DECODERS
from axon.gates import GATES
from axon.identity import decode_identity
from axon.installed import Installed, Part
from axon.installed_parts import DECODER, GATE, POLICY, all_decoders, all_rules, rule_keys
from axon.policies import POLICIES
from axon.settings import AxonSettings, DecodeSettings

HEAD = """'''A rule.'''
from dataclasses import dataclass
from typing import Literal
from {module} import {base}
from axon.proposal import Proposal

@dataclass(frozen=True, kw_only=True)
class Mine({base}):
"""
OF_A_DECODER = """    name: Literal["mine"] = "mine"
    share: float = 0.5

    def propose(self, state):
        return Proposal(state.masked_BK)
"""
OF_A_GATE = """    share: float = 0.5

    def fires(self, state, settings):
        return state.progress_R < self.share
"""
OF_A_POLICY = """    share: float = 0.5

    def score(self, support, selection, gain_FK, settings):
        return gain_FK
"""
GOOD = {
    DECODER: HEAD.format(module="axon.decoders.base", base="Decoder") + OF_A_DECODER,
    GATE: HEAD.format(module="axon.own_rules", base="OwnGate") + OF_A_GATE,
    POLICY: HEAD.format(module="axon.own_rules", base="OwnPolicy") + OF_A_POLICY,
}
Found = Callable[..., Installed]


@pytest.fixture
def found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """What a file of this text, named so by its package, is found to be; until the test's end it is installed."""

    def of(part: Part, text: str, name: str = "mine", more: Sequence[EntryPoint] = ()) -> Installed:
        (tmp_path / "of_a_test.py").write_text(text)
        sys.modules.pop("of_a_test", None)
        entries = EntryPoints([EntryPoint(name, "of_a_test:Mine", part.group), *more])
        monkeypatch.setattr(installed, "_entries", lambda: entries)
        installed.installed.cache_clear()
        return installed.installed(part)

    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.syspath_prepend(tmp_path)
    yield of
    monkeypatch.undo()
    installed.installed.cache_clear()
    sys.modules.pop("of_a_test", None)


@pytest.mark.parametrize("part", GOOD)
def test_what_a_package_has_is_found_by_its_name(part: Part, found: Found) -> None:
    own = found(part, GOOD[part])
    assert list(own.kinds) == ["mine"] and not own.faults
    assert all_decoders() == {**DECODERS, **(own.kinds if part is DECODER else {})}
    assert all_rules(GATE) == [*GATES, *(own.kinds if part is GATE else {})]
    assert all_rules(POLICY) == [*POLICIES, *(own.kinds if part is POLICY else {})]
    assert rule_keys() == ({} if part is DECODER else {"mine": ["share"]})


OF_ALL = [
    (("import dataclass", "import dataclas"), "can't be imported (ImportError: cannot import name 'dataclas'"),
    (("class Mine", "class Mine("), "can't be imported (SyntaxError: "),
    (("from typing", "import nowhere_at_all\nfrom typing"), "can't be imported (ModuleNotFoundError: "),
    (("from typing", "import sys; sys.exit(0)\nfrom typing"), "can't be imported (SystemExit: 0"),
    (("class Mine", "class Other"), "can't be imported (AttributeError: "),
    (("@dataclass(frozen=True, kw_only=True)\n", ""), "is no frozen dataclass; write @dataclass("),
    (("share: float = 0.5", "share: float"), "has a setting without a default, share; give it one"),
    (("share: float", "share: Unknown"), "can't be imported (NameError: "),
]  # fmt: skip
OF_ONE = [
    (DECODER, ("(Decoder)", ""), "is no class derived from axon.decoders.base.Decoder; derive it"),
    (DECODER, ("def propose", "def proposes"), "has no rule; define propose(self, state)"),
    (DECODER, ("def propose", "async def propose"), "has an async method, propose, which nothing awaits; declare it"),
    (DECODER, ("(self, state)", "(self)"), "has a method that doesn't take what it is given; write"),
    (DECODER, ("(self, state)", "(self, state, more)"), "has a method that doesn't take what it is given"),
    (DECODER, ("    def propose", "    def boosted(self): ...\n\n    def propose"), "has a method that doesn't take"),
    (DECODER, ('Literal["mine"]', "str"), 'has another name than its entry point; write name: Literal["mine"] = '),
    (DECODER, ('= "mine"', '= "yours"'), "has another name than its entry point"),
    (GATE, ("(OwnGate)", ""), "is no class derived from axon.own_rules.OwnGate; derive it"),
    (GATE, ("def fires", "def fire"), "has no rule; define fires(self, state, settings)"),
    (GATE, ("def fires", "async def fires"), "has an async method, fires, which nothing awaits; declare it"),
    (GATE, ("(self, state, settings)", "(self, state)"), "has a method that doesn't take what it is given; write"),
    (POLICY, ("(OwnPolicy)", ""), "is no class derived from axon.own_rules.OwnPolicy; derive it"),
    (POLICY, ("def score", "async def score"), "has an async method, score, which nothing awaits; declare it"),
    (POLICY, ("(self, support, selection, gain_FK, settings)", "(self, support)"), "has a method that doesn't take"),
    (POLICY, ("    def score", "    def cap(self): ...\n\n    def score"), "has a method that doesn't take"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("part", "change", "rule"), [*((part, *own) for part in (DECODER, GATE) for own in OF_ALL), *OF_ONE]
)
def test_a_class_that_breaks_a_rule_is_refused(
    part: Part, change: tuple[str, str], rule: str, found: Found
) -> None:
    assert change[0] in GOOD[part]
    own = found(part, GOOD[part].replace(*change))
    [line] = own.faults.values()
    assert not own.kinds
    assert line.startswith(f"{part.key}='mine': of_a_test:Mine, of an installed package, {rule}")
    assert ";" in line and "\n" not in line
    with pytest.raises(ValueError, match=rf"^{part.key}='mine': "):
        all_decoders() if part is DECODER else AxonSettings(**{part.key.removeprefix("axon."): "mine"})


@pytest.mark.parametrize(
    ("part", "name"), [(DECODER, "confidence"), (GATE, "never"), (POLICY, "cover"), (POLICY, "always")]
)
def test_a_name_that_is_taken_is_refused(part: Part, name: str, found: Found) -> None:
    own = found(part, GOOD[part].replace('"mine"', f'"{name}"'), name=name)
    assert own.faults == {
        name: f"{part.key}={name!r}: of_a_test:Mine, of an installed package, has a name that is taken; rename it"
    }


def test_a_gate_and_a_policy_of_one_name_are_refused(found: Found) -> None:
    """`axon.own.mine` would be settings of both."""
    other = GOOD[GATE].replace("class Mine", "class Other")
    own = found(POLICY, GOOD[POLICY] + other, more=[EntryPoint("mine", "of_a_test:Other", GATE.group)])
    assert "has a name that is taken; rename it" in own.faults["mine"]
    assert list(installed.installed(GATE).kinds) == ["mine"]


@pytest.mark.parametrize("part", GOOD)
def test_its_file_is_part_of_what_its_results_are_filed_under(part: Part, found: Found) -> None:
    def identity(text: str) -> dict[str, Any]:
        kind = found(part, text).kinds["mine"]
        named: dict[str, Any] = {"gate": "never" if part is DECODER else "always"}
        if part is not DECODER:
            named |= {part.key.removeprefix("axon."): "mine"}
        decoder = {"decoder": kind()} if part is DECODER else {}
        return decode_identity(DecodeSettings(block_length=32, **decoder, axon=AxonSettings(**named)), 4)

    first, versions = identity(GOOD[part]), identity(GOOD[part])["versions"]
    package = versions["package"] if part is DECODER else versions["axon"]["mine"]["package"]
    assert package.startswith("of_a_test ")
    assert identity(f"# A word.\n{GOOD[part]}".replace("A rule", "The rule")) == first
    assert identity(GOOD[part] + "\n    more = 1\n") != first
    assert identity(GOOD[part].replace("0.5", "0.25")) != first
    assert "package" not in decode_identity(DecodeSettings(block_length=32), 4)["versions"]
