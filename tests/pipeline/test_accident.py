"""An error that nobody worded for a user is told with its place in the repository; one that somebody did is not."""

from __future__ import annotations

import argparse
import importlib
import inspect
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from wandb.sdk.lib.exit_hooks import ExitHooks

from axon import CheckpointError, Confidence
from axon.installed_parts import DECODER
from axon.reads import Undeclared
from pipeline import accident
from pipeline.accident import exit_as_error, without_frames
from pipeline.errors import fault_line
from pipeline.evaluation.evaluate import Evaluator
from pipeline.inputs.config import Config
from pipeline.planning.plan import make_setting
from tests.pipeline.conftest import Judge, sliced

HERE = "tests/pipeline/test_accident.py"


def slipped() -> None:
    int("three")


def misspelt() -> None:
    json.nothing_like_it  # noqa: B018


def within_a_library() -> None:
    json.loads("{")


def nothing_said() -> None:
    assert not HERE


def worded() -> None:
    raise ValueError(
        "prompt of 402 tokens",
    )


def undeclared() -> None:
    raise Undeclared("declare it")


def refused() -> None:
    raise CheckpointError("no such folder")


def absent() -> None:
    Path("/nothing/here").read_text()


def memory() -> None:
    bytearray(1 << 60)


def memory_of_torch() -> None:
    torch.empty(1 << 60, dtype=torch.uint8)


def left_by_pythons_own() -> None:
    exit(3)


def left_by_sys() -> None:
    sys.exit(3)


def caught(code: Callable[[], None]) -> Exception:
    with pytest.raises(Exception) as found:
        code()
    return found.value


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (slipped, "ValueError: invalid literal for int() with base 10: 'three'"),
        (misspelt, "AttributeError: module 'json' has no attribute 'nothing_like_it'"),
        (nothing_said, "AssertionError: assert not 'tests/pipeline/test_accident.py'"),
    ],
)
def test_an_accident_has_its_place(code: Callable[[], None], message: str) -> None:
    line = inspect.getsourcelines(code)[1] + 1
    assert fault_line(caught(code)) == f"{message} ({HERE}:{line})"


@pytest.mark.parametrize("hooked", [False, True], ids=["as it is", "as W&B has it"])
@pytest.mark.parametrize("code", [left_by_pythons_own, left_by_sys])
def test_either_exit_is_an_error_with_its_place(
    code: Callable[[], None], hooked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "exit", sys.exit)  # and back, as is the other
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    if hooked:
        ExitHooks().hook()
    with pytest.raises(SystemExit) as leaving:
        code()
    error = exit_as_error(leaving.value)
    assert error is not None
    assert fault_line(error).startswith("RuntimeError: exit(3) was called, which would end all decoding")
    assert fault_line(error).endswith(f"({place(code)})")


def test_a_librarys_exit_is_its_own() -> None:
    with pytest.raises(SystemExit) as leaving:
        argparse.ArgumentParser(add_help=False).parse_args(["--nothing"])
    assert exit_as_error(leaving.value) is None


@pytest.mark.parametrize(
    "code", [worded, undeclared, refused, absent, memory, memory_of_torch, within_a_library]
)
def test_what_was_worded_for_a_reader_is_left_as_it_is(code: Callable[[], None]) -> None:
    assert HERE not in fault_line(caught(code))


def test_a_decoder_of_a_package_that_slips_is_told_with_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not with the line of the sampler that called it."""
    (tmp_path / "of_theirs").mkdir()
    (tmp_path / "of_theirs/mine.py").write_text("class Mine:\n    def propose(self):\n        return 1 / 0\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    kind = importlib.import_module("of_theirs.mine").Mine
    monkeypatch.setattr(accident, "installed_kinds", lambda: iter([(DECODER, "mine", kind)]))
    error = caught(lambda: kind().propose())
    assert fault_line(error) == "ZeroDivisionError: division by zero (of_theirs/mine.py:3)"
    del sys.modules["of_theirs"], sys.modules["of_theirs.mine"]


def test_torch_says_itself_that_there_is_no_memory() -> None:
    """As CUDA's own error, it is of no fault in the code that asked for it."""
    error = caught(memory_of_torch)
    assert type(error) is RuntimeError and "can't allocate memory" in fault_line(error)


def test_the_place_outlives_the_frames() -> None:
    error = without_frames(caught(slipped))
    assert error.__traceback__ is None
    assert (
        fault_line(error) == f"ValueError: invalid literal for int() with base 10: 'three' ({place(slipped)})"
    )
    assert fault_line(without_frames(caught(worded))) == "ValueError: prompt of 402 tokens"
    assert fault_line(KeyError("never raised")) == "KeyError: 'never raised'"


def place(code: Callable[[], None]) -> str:
    return f"{HERE}:{inspect.getsourcelines(code)[1] + 1}"


def test_a_decoder_of_ones_own_that_slips_is_told_with_its_place(
    make_config: Callable[..., Config], judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    def propose(self: Confidence, state: object) -> object:
        return state.mask_BK  # type: ignore[attr-defined]

    monkeypatch.setattr(Confidence, "propose", propose)
    setting = make_setting(make_config("task.name=judge"))
    line = inspect.getsourcelines(propose)[1] + 1
    with pytest.raises(AttributeError) as found:
        sliced(Evaluator(4), setting, 0, 4)
    assert fault_line(found.value).endswith(f"has no attribute 'mask_BK' ({HERE}:{line})")
