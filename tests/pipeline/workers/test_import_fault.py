"""Workers that can't import a file of the repository end a sweep on one machine with one line, at the first try."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from axon.decoders import Confidence
from axon.installed import Part
from axon.installed_parts import DECODER, GATE
from axon.own_rules import OwnGate
from pipeline.stop import Lost, Request
from pipeline.workers.import_fault import import_fault
from pipeline.workers.sweep import Watch, _attended
from pipeline.workers.trial import ASSIGNMENT, KEPT, SETTING
from tests.pipeline.conftest import ROOT

CREATION = f"""Failure # 1 (occurred at 2026-11-27_08-22-07)
The actor died because of an error raised in its creation task, ray::_Inner.__init__() (pid=25870)
  At least one of the input arguments for this task could not be computed:
ray.exceptions.RaySystemError: System error: No module named 'numpi'
traceback: Traceback (most recent call last):
  File "/usr/lib/python3/site-packages/ray/cloudpickle.py", line 3, in loads
  File "{ROOT}/axon/decoders/__init__.py", line 11, in <module>
    from axon.decoders.klass import Klass
  File "{ROOT}/axon/decoders/klass.py", line 78, """
MISSING = f"{CREATION}in <module>\n    import numpi\nModuleNotFoundError: No module named 'numpi'\n"
SYNTAX = f"{CREATION[:-2]}\n    def propose(:\n                ^\nSyntaxError: invalid syntax\n"
OWN = "ray::_Inner.train()\nRuntimeError: axon/sampler.py:3: NameError: x; correct the file, or what it uses there\n"
CRASH = f'ray::_Inner.train()\n  File "{ROOT}/axon/sampler.py", line 9, in until_finish\nRuntimeError: CUDA error: x\n'
HERE = "correct the file, or what it uses in a worker"


@pytest.mark.parametrize(
    ("part", "base", "key"), [(DECODER, Confidence, "decoder.name"), (GATE, OwnGate, "axon.gate")]
)
def test_what_is_installed_and_a_worker_lacks_is_named(
    part: Part, base: type, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = type("Margin", (base,), {"__module__": "my_decoders.margin"})
    monkeypatch.setattr(
        "pipeline.workers.import_fault.installed_kinds", lambda: iter([(part, "margin", kind)])
    )
    error = "System error: x\nModuleNotFoundError: No module named '{}'\n"
    for lacking in ("my_decoders", "my_decoders.margin"):
        assert import_fault(error.format(lacking)) == (
            f"{key}='margin': the package of my_decoders.margin isn't installed where the worker runs; install "
            "it on every machine"
        )
    assert import_fault(error.format("my_dec")) is None


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            MISSING,
            f"axon/decoders/klass.py:78: ModuleNotFoundError: No module named 'numpi'; {HERE}",
        ),
        (SYNTAX, f"axon/decoders/klass.py:78: SyntaxError: invalid syntax; {HERE}"),
        (OWN, "axon/sampler.py:3: NameError: x; correct the file, or what it uses there"),
        (CRASH, None),
        ("The worker died. Worker exit detail: out of memory", None),
        ("", None),
    ],
)
def test_what_could_not_be_imported_is_read_from_rays_error(error: str, told: str | None) -> None:
    assert import_fault(error) == told


@pytest.mark.parametrize("one_machine", [True, False])
@pytest.mark.parametrize("error", [MISSING, CRASH])
def test_it_ends_a_sweep_whose_workers_are_all_here(error: str, one_machine: bool, tmp_path: Path) -> None:
    """On a cluster another machine may have what is missing here."""
    (tmp_path / "error.txt").write_text(error)
    said: list[str] = []
    backlog: Any = SimpleNamespace(lost=lambda *_: None, failures={})
    display: Any = SimpleNamespace(evaluated=lambda *_, **__: None, status=said.append)
    request: Any = SimpleNamespace(check=lambda: None)
    aside: Any = SimpleNamespace(holds=lambda _: False)
    watch = Watch(backlog, display, request, aside, one_machine=one_machine)
    config = {SETTING: "s", ASSIGNMENT: None, KEPT: False}
    watch.on_trial_error(
        0, [], SimpleNamespace(trial_id="t", config=config, error_file=str(tmp_path / "error.txt"))
    )
    if one_machine and error == MISSING:
        with pytest.raises(Lost, match=r"^axon/decoders/klass\.py:78: .*; correct"):
            watch.check()
        assert not said
    else:
        watch.check()
        [line] = said
        assert line.endswith("; trying again what is missing") and ("numpi" in line) == (error == MISSING)


def test_its_line_comes_to_the_user_as_it_is() -> None:
    def trials() -> None:
        raise Lost("axon/decoders/klass.py:78: no")

    ground: Any = SimpleNamespace(check=lambda: None)
    with pytest.raises(Lost, match=r"^axon/decoders/klass\.py:78: no$"):
        _attended(trials, ground, Request())
