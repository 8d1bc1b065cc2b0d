"""`python -m axon.laws`: passes what is here, and finds in broken decoders and rules the law that each breaks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

from axon.decoders import Confidence, Decoder
from axon.gates import GateState
from axon.installed import Installed
from axon.installed_parts import DECODER, GATE, POLICY
from axon.laws import __main__ as command
from axon.laws.cases import cases
from axon.laws.network import MASK, VOCAB
from axon.own_rules import OwnGate, OwnPolicy
from axon.policies import Support
from axon.proposal import Proposal
from axon.selection import Selection
from axon.settings import AxonSettings
from axon.state import StepState
from axon.token_counts import TokenCounts

Run = Callable[..., tuple[int, list[str]]]


@dataclass(frozen=True, kw_only=True)
class Broken(Decoder):
    """Reveals by a threshold, but for a fault."""

    name: str = "broken"
    threshold: float = 0.5
    fault: str = "none"
    leeway_of: ClassVar[str | None] = "threshold"

    def most_steps(self, *arguments: Any, **named: Any) -> int:
        return 1 if self.fault == "steps" else super().most_steps(*arguments, **named)

    def propose(self, state: StepState) -> Proposal:
        sure_BK = state.confidence_BK >= self.threshold
        if self.fault == "batch":
            sure_BK = sure_BK[:1].expand_as(sure_BK)
        if self.fault == "prompt":
            return Proposal(sure_BK | ~state.masked_BK)
        if self.fault == "random":
            sure_BK = torch.rand(sure_BK.shape) > 0.5
        if self.fault == "error":
            raise ZeroDivisionError("no such\nthing")
        if self.fault == "row":  # what a row does depends on how many there are
            sure_BK = sure_BK & (len(sure_BK) % 2 == 0)

        def by_threshold() -> Tensor:
            return state.masked_BK if self.fault != "leeway" else state.masked_BK & (state.confidence_BK > 2)

        return Proposal(state.masked_BK & sure_BK, by_threshold=by_threshold)


@dataclass(frozen=True, kw_only=True)
class BrokenGate(OwnGate):
    """Fires where few positions would be revealed, but for a fault."""

    fault: str = "none"

    def fires(self, state: GateState, settings: AxonSettings) -> Tensor:
        few_R = state.proposal_RK.sum(1) <= 1
        if self.fault == "never":
            return few_R & False
        if self.fault == "batch":
            return few_R.any().expand_as(few_R)
        if self.fault == "proposal":  # what it is shown is what will be revealed
            state.proposal_RK |= state.masked_RK
            return few_R & False
        if self.fault == "settings":
            return state.progress_R < settings.alpha
        return state.coverage_R < 0.5 if self.fault == "attention" else few_R


@dataclass(frozen=True, kw_only=True)
class BrokenPolicy(OwnPolicy):
    """Takes the least confident first, or another one in a batch."""

    alone: bool = True

    def score(
        self, support: Support, selection: Selection, gain_FK: Tensor, settings: AxonSettings
    ) -> Tensor:
        if self.alone:
            return -support.confidence_FK
        return support.confidence_FK * (-1) ** len(gain_FK)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Exit code and lines, of few cases, with `broken` parts as if they were installed."""
    parts = {
        DECODER: {"broken": Broken},
        GATE: {"broken_gate": BrokenGate},
        POLICY: {"broken_policy": BrokenPolicy},
    }
    monkeypatch.setattr("axon.installed.installed", lambda part: Installed(parts[part], {}))
    threads = torch.get_num_threads()

    def of(*words: str) -> tuple[int, list[str]]:
        code = command.main([*words, "--cases=8"])
        torch.set_num_threads(threads)
        shown = capsys.readouterr()
        return code, [*shown.out.splitlines(), *shown.err.splitlines()]

    return of


@pytest.mark.slow
def test_a_decoder_that_keeps_the_laws_passes_and_is_said_how_much_it_did(run: Run) -> None:
    code, (head, *lines, last) = run("broken", "threshold=0.3")
    assert code == 0 and head.startswith("Broken(name='broken', threshold=0.3") and "8 cases" in head
    assert lines == [f"ok      {law}" for law in command.LAWS]
    assert float(last.split()[0]) > 1 and last.endswith(" tokens a step without AXON")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "law", "what"),
    [
        ("prompt", "every step keeps the rules", "its proposal breaks a rule of axon/proposal.py"),
        ("steps", "every step keeps the rules", "most_steps"),
        ("batch", "a batch decodes as its rows", "a row decodes otherwise in "),
        ("row", "a batch decodes as its rows", "a row decodes otherwise in "),
        ("random", "at temperature 0 seeds change nothing", "a seed changes what draws nothing; declare needs_seeds"),
        ("leeway", "within the leeway", "is in the leeway of 0.5, and decodes otherwise"),
        ("error", "every step keeps the rules", "ZeroDivisionError: no such thing"),
    ],
)  # fmt: skip
def test_a_broken_law_is_named_with_its_case(
    fault: str, law: str, what: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    [whole] = [known for known in command.LAWS if known.startswith(law)]
    monkeypatch.setattr(command, "LAWS", {whole: command.LAWS[whole]})
    code, (_, line, *told) = run("broken", f"fault={fault}")
    assert code == 1 and line == f"BROKEN  {whole}"
    assert what in " ".join(told) and "case: seed " in told[2]
    if fault == "error":
        assert "test_laws_command.py" in told[1] and "raise ZeroDivisionError" in told[1]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["broken_gate", "broken_policy"])
def test_a_rule_that_keeps_the_laws_passes_and_is_said_how_often_gates_fired(
    name: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        command, "LAWS", {}
    )  # those of all decoders, which take long: tests/pipeline/test_own_package.py
    code, (head, *lines, last) = run(name)
    assert code == 0 and head.startswith(f"{name.removeprefix('broken_')} Broken") and "8 cases" in head
    assert lines == [f"ok      {law}" for law in command.LAWS_OF_RULES]
    assert last.startswith("the gates fired in ") and last.endswith(" anchors each")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "law", "what"),
    [
        (("broken_gate", "fault=batch"), "a batch decodes as its rows", "a row decodes otherwise in "),
        (("broken_gate", "fault=proposal"), "a row in which its gate never fires", "a row in which the gate never"),
        (("broken_gate", "fault=settings"), "settings of AXON that are not declared", "; declare it in settings_read"),
        (("broken_gate", "fault=attention"), "every step keeps the rules", "gate broken_gate uses what it does not"),
        (("broken_policy", "alone=False"), "a batch decodes as its rows", "a row decodes otherwise in "),
    ],
)  # fmt: skip
def test_a_law_that_a_rule_breaks_is_named(
    words: tuple[str, ...], law: str, what: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    laws = command.LAWS | command.LAWS_OF_RULES
    [whole] = [known for known in laws if known.startswith(law)]
    monkeypatch.setattr(command, "LAWS", {whole: laws[whole]})
    monkeypatch.setattr(command, "LAWS_OF_RULES", {})
    code, (_, line, *told) = run(*words)
    assert code == 1 and line == f"BROKEN  {whole}" and what in " ".join(told)


def test_a_gate_that_never_fires_is_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "LAWS", {})
    monkeypatch.setattr(command, "LAWS_OF_RULES", {})
    code, (_, line) = run("broken_gate", "fault=never")
    assert code == 0 and line.startswith("the gates fired in 0 of ")
    assert line.endswith("so little was tried; give it values under which they do")


@pytest.mark.slow
def test_a_rule_that_never_acts_is_told(run: Run) -> None:
    code, lines = run("left_to_right")
    assert code == 0 and "no two at once, so little was tried; give it values" in lines[-1]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("nothing",), "NAME='nothing': no such decoder, gate or policy; give one of fixed_steps, "),
        (("confidence", "gamma=1"), "gamma=1: no setting of confidence; write KEY=VALUE with one of its keys: thres"),
        (("confidence", "threshold"), "threshold: no setting of confidence; write KEY=VALUE"),
        (("confidence", "threshold=2"), "decoder.threshold=2: must lie in [0, 1]; choose a value there"),
        (("broken_gate", "most=1"), "most=1: no setting of broken_gate; write KEY=VALUE with one of its keys: fault"),
        (("cover", "anchors=1"), "anchors=1: no setting of cover; write KEY=VALUE with one of its keys: none"),
        (("fixed_steps", "steps=3"), "decoder.steps=3: must be a multiple of the 2 blocks"),
    ],
)  # fmt: skip
def test_wrong_input_is_one_line(words: tuple[str, ...], line: str, run: Run) -> None:
    code, lines = run(*words)
    assert code == 2 and len(lines) == 1 and lines[0].startswith(line)


def test_a_table_of_more_tokens_than_the_networks_have_is_no_broken_law(run: Run, tmp_path: Path) -> None:
    table = tmp_path / "counts.json"
    table.write_text(TokenCounts(100, {5: 3, VOCAB: 4}).text())
    code, lines = run("pc_sampler", f"token_counts={table}")
    assert code == 2 and len(lines) == 1
    assert f"counts a token {VOCAB}, and the model has {VOCAB} tokens; give" in lines[0]
    assert lines[0].endswith(f"(the laws' networks have {VOCAB}: a table of such tokens will do)")


def test_cases_are_always_the_same_and_of_every_kind() -> None:
    tried, again = ([*cases(Confidence(), command.CASES)] for _ in range(2))
    assert [(str(one), one.prompts, one.setting) for one in tried] == [
        (str(one), one.prompts, one.setting) for one in again
    ]
    assert {one.family for one in tried} == {"llada", "dream", "sdar"}
    assert len({one.setting.axon for one in tried}) > 4
    assert {one.setting.temperature > 0 for one in tried} == {True, False}
    for one in tried:
        firsts = [prompt[0] for prompt in one.prompts]
        assert len({*firsts}) == len(firsts) > 1
        assert all(MASK not in prompt for prompt in one.prompts)
