"""A file of one's own that Python can't import ends the command with one line: file, line, what is wrong, remedy."""

from __future__ import annotations

import runpy
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from axon.own_code import faulty_file, of_ours
from pipeline.workers.trial import _what_decodes
from tests.forked import Forked, forking
from tests.lm_eval.harness import IN_OUR_FOLDER
from tests.pipeline.conftest import ROOT

TINY = ROOT / "assets/tiny"
TASK = "job=check_task", "task=arith", "limit=1"
CORRECT = "correct the file, or what it uses there"
INSTALL = "correct the name, or run it where that is installed (source .venv/bin/activate)"


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a command needs of the repository."""
    here = tmp_path_factory.mktemp("own") / "copy"
    for folder in ("axon", "pipeline", "conf", "lm_eval_axon"):
        shutil.copytree(ROOT / folder, here / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "launch.py", here)
    return here


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "added", "words", "told"),
    [
        ("axon/decoders/klass.py", "def propose(:", ("--help",), f"SyntaxError: invalid syntax; {CORRECT}"),
        ("axon/decoders/klass.py", "import numpi", (), f"ModuleNotFoundError: No module named 'numpi'; {INSTALL}"),
        ("axon/decoders/klass.py", "check_range('a', 2, 0, 1)", (), f"choose a value there; {CORRECT}"),
        ("pipeline/tasks/arith.py", "class Mine(Arith): score = scoer", TASK, f"'scoer' is not defined; {CORRECT}"),
        ("pipeline/tasks/arith.py", "  x = 1", TASK, f"does not match any outer indentation level; {CORRECT}"),
        ("pipeline/tasks/arith.py", "from axon.sinks import Sink", TASK, f"; {CORRECT}"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_imported_is_told(
    file: str, added: str, words: tuple[str, ...], told: str, copy: Path
) -> None:
    line = told_of(copy, file, added, "launch.py", *words)
    assert line.endswith(told)


@pytest.fixture(scope="module")
def forked() -> Iterator[Forked]:
    """Commands that have imported of others' packages what takes longest."""
    with forking("torch", "transformers.modeling_utils", ours=False) as found:
        yield found


@pytest.mark.slow
@pytest.mark.parametrize("command", ["axon.verify", "lm_eval_axon"])
def test_the_other_commands_tell_it_too(command: str, copy: Path, forked: Forked) -> None:
    words = ["-m", command, "cases.json", "--checkpoint", str(TINY)]
    if command == "lm_eval_axon":
        lm_eval = pytest.importorskip("lm_eval")
        folder = str(Path(lm_eval.__file__).with_name("tasks") / "gsm8k")
        words = ["-c", IN_OUR_FOLDER, "--model", "axon", "--model_args", f"pretrained={TINY}"]
        words += ["--tasks", "gsm8k", "--include_path", folder]
    line = told_of(copy, "axon/decoders/klass.py", "def propose(:", *words, forked=forked)
    assert line.endswith(f"SyntaxError: invalid syntax; {CORRECT}")


def test_the_command_of_lm_eval_tells_that_lm_eval_is_not_there(copy: Path) -> None:
    (copy / "lm_eval").mkdir()
    (copy / "lm_eval/__init__.py").touch()
    try:
        done = subprocess.run(
            [sys.executable, "-m", "lm_eval_axon", "--help"], cwd=copy, capture_output=True, text=True
        )
    finally:
        shutil.rmtree(copy / "lm_eval")
    [line] = done.stderr.splitlines()
    assert done.returncode == 2
    assert line.startswith("lm_eval_axon/__main__.py:") and line.endswith(INSTALL)


@pytest.mark.slow
def test_who_imports_the_check_of_a_port_gets_the_error_itself(copy: Path, forked: Forked) -> None:
    file = copy / "axon/decoders/klass.py"
    text = file.read_text()
    file.write_text(f"{text}\nimport numpi\n")
    code = "try: import axon.verify\nexcept ModuleNotFoundError as error: print(error.name)"
    try:
        done = forked.run(["-c", code], copy)
    finally:
        file.write_text(text)
    assert done == (0, "numpi\n", "")


def told_of(copy: Path, file: str, added: str, *command: str, forked: Forked | None = None) -> str:
    """The one line that a command says of a file whose last line is wrong, lm-eval's log apart; its exit code is 2."""
    text = (copy / file).read_text()
    (copy / file).write_text(f"{text}\n{added}\n")
    try:
        if forked:
            code, shown, errors = forked.run(command, copy)
        else:
            done = subprocess.run([sys.executable, *command], cwd=copy, capture_output=True, text=True)
            code, shown, errors = done.returncode, done.stdout, done.stderr
    finally:
        (copy / file).write_text(text)
    [line] = [one for one in errors.splitlines() if " INFO " not in one]
    assert (code, shown) == (2, "")
    assert line.startswith(f"{file}:{len(text.splitlines()) + 2}: ")
    return line


@pytest.mark.slow
def test_a_task_of_another_name_than_its_file_has_is_told(copy: Path) -> None:
    file = copy / "pipeline/tasks/__init__.py"
    text = file.read_text()
    file.write_text(text.replace('"arith", "Arith"', '"arith", "Arihmetic"'))
    try:
        done = subprocess.run([sys.executable, "launch.py"], cwd=copy, capture_output=True, text=True)
    finally:
        file.write_text(text)
    assert done.returncode == 2
    assert done.stderr.startswith("pipeline/tasks/__init__.py:")
    assert done.stderr.endswith(
        f"ImportError: cannot import name 'Arihmetic' from 'pipeline.tasks.arith'; {CORRECT}\n"
    )


def test_a_package_is_nobodys_own_file_wherever_its_environment_lies() -> None:
    assert of_ours(str(ROOT / "axon/lazy.py"))
    assert not of_ours(str(ROOT / ".venv/lib/python3.11/site-packages/torch/nn/modules/module.py"))
    assert not of_ours(str(ROOT.parent / "another.py"))


def test_other_errors_keep_their_traceback() -> None:
    def slipped() -> None:
        int("three")

    for code in (slipped, lambda: compile("x = = 1", "<text>", "exec")):
        with pytest.raises((ValueError, SyntaxError)) as found:
            code()
        assert faulty_file(found.value) is None


def test_a_worker_that_cannot_import_what_decodes_says_which_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pipeline.evaluation.evaluate", None)
    with pytest.raises(
        RuntimeError, match=r"^pipeline/workers/trial\.py:\d+: ModuleNotFoundError: .*; correct"
    ):
        _what_decodes()
    runpy.run_module("pipeline.workers.preload")  # it starts all the same, to say so
