"""Wrong input: one clear line a fault, exit code 2, no traceback, and Ray isn't even imported."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, write_checkpoint

import launch

CASES = {
    "misspelt key": ("axon.gaet=always", "axon.gaet: unknown key; did you mean axon.gate? one of"),
    "misspelt group": ("decodr=dawn", "decodr: unknown key; did you mean decoder? one of"),
    "appended key": ("+axon.foo=1", "axon.foo: unknown key; one of"),
    "key of another decoder": ("decoder.tau_low=0.5", "decoder.tau_low: unknown key; one of name, threshold"),
    "unknown choice": ("decoder=fastest", "decoder=fastest: unknown; one of confidence, dawn, "),
    "unknown gate": ("axon.gate=coverage", "axon.gate='coverage': unknown; one of always, "),
    "unknown policy": ("axon.policy=few", "axon.policy='few': unknown; one of "),
    "unknown dtype": (
        "model.dtype=float8",
        "model.dtype='float8': unknown; one of float32, bfloat16, float16",
    ),
    "unknown task": ("task.name=sums", "task.name='sums': unknown; one of "),
    "unknown decoder name": ("decoder.name=fast", "decoder.name='fast': unknown; one of "),
    "block length that doesn't divide": ("block_length=7", "block_length=7: must divide gen_length="),
    "threshold above 1": ("decoder.threshold=1.7", "decoder.threshold=1.7: must lie in [0, 1]"),
    "threshold not a number": ("decoder.threshold=high", "decoder.threshold='high': must be a number"),
    "zero anchors": ("axon.anchors=0", "axon.anchors=0: must be a whole number, 1 or more"),
    "half an anchor": ("axon.anchors=1.5", "axon.anchors=1.5: must be a whole number"),
    "anchors in words": ("axon.anchors=two", "axon.anchors='two': must be a whole number"),
    "yes for a number": ("axon.anchors=true", "axon.anchors=True: must be a whole number"),
    "yes for a count": ("limit=true", "limit=True: must be a whole number"),
    "yes for a share": ("decoder.threshold=true", "decoder.threshold=True: must be a number"),
    "unknown end of text": (
        "end_of_text=stop",
        "end_of_text='stop': unknown; one of full, stop_at_eos, suppress",
    ),
    "an end held back from a decoder that doesn't see it": (
        "decoder=left_to_right end_of_text=suppress",
        "end_of_text='suppress': holds confidence back, and decoder left_to_right",
    ),
    "no examples": ("limit=0", "limit=0: must be at least 1"),
    "layers out of range": ("axon.attention_layers=7-9", "axon.attention_layers='7-9'"),
    "more layers than there are": ("'axon.attention_layers=last 9'", "it has 8 layers"),
    "layers in no known form": ("axon.attention_layers=top", "axon.attention_layers='top': unknown; write"),
    "steps that don't fit": ("decoder=fixed_steps decoder.steps=1000", "decoder.steps=1000: must be"),
    "missing checkpoint": ("model.path=assets/nothing", "model.path='assets/nothing': no such folder"),
    "empty checkpoint": ("model.path={tmp}", "has no config.json"),
    "truncated weights": ("model.path={tmp}/cut", "model.safetensors: cannot be read"),
    "broken tokenizer": ("model.path={tmp}/mute", "the tokenizer's files are broken"),
    "unwritable output folder": ("out=/proc/none", "out=/proc/none: can't be written"),
    "output folder that is a file": ("out={tmp}/file", "out={tmp}/file: can't be written"),
    "unwritable store": ("store=/proc/none", "store=/proc/none: can't be written"),
    "not key=value": ("dawn", "dawn: can't be read as key=value"),
    "unbalanced bracket": ("axon.anchors=[1", "axon.anchors=[1: can't be read as key=value"),
    "a swept key that doesn't exist": (
        "'sweep.arms=[{label: x, set: {axon.anchor: 1}}]'",
        "sweep.arms[0]: axon.anchor: unknown key; did you mean axon.anchors?",
    ),
    "a swept value that can't be": (
        "sweep=anchor_budget speed.values=[0.5,1.5]",
        "sweep.arms[0]: decoder.threshold=1.5: must lie in [0, 1]",
    ),
    "a key that can't be swept": (
        "'sweep.arms=[{label: x, grid: {limit: [1, 2]}}]'",
        "sweep.arms[0]: limit: can't be swept; a sweep turns keys of",
    ),
    "a swept task": (
        "'sweep.arms=[{label: x}, {label: y, set: {task.name: lists}}]'",
        "sweep.arms[1]: task.name: can't be swept, since settings are compared on the same examples; run a",
    ),
    "a task on a grid": (
        "'sweep.arms=[{label: x, grid: {task.name: [lists, arith, pycode]}}]'",
        "sweep.arms[0]: task.name: can't be swept",
    ),
    "a swept group of the task's keys": (
        "'sweep.arms=[{label: x}, {label: y, set: {task: {name: arith, split: train, seed: 0}}}]'",
        "sweep.arms[1]: task.split: can't be swept",
    ),
    "a swept file of rows": (
        "'sweep.arms=[{label: x}, {label: y, set: {task.path: mine.jsonl}}]'",
        "sweep.arms[1]: task.path: can't be swept",
    ),
    "swept orders of examples": (
        "'sweep.arms=[{label: x, grid: {task.seed: [0, 1]}}]'",
        "sweep.arms[0]: task.seed: can't be swept",
    ),
    "online without a login": ("wandb=online", "wandb.mode=online: not logged in"),
    "a report of nothing": ("job=report", "job=report: nothing is stored"),
}


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("broken")
    (folder / "file").write_text("")
    weights = write_checkpoint(folder / "cut") / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    (write_checkpoint(folder / "mute") / "tokenizer.json").write_text("{")
    return folder


@pytest.mark.parametrize("case", CASES)
def test_wrong_input_is_told_in_a_line(
    case: str,
    checkpoint: Path,
    broken: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words, expected = (text.replace("{tmp}", str(broken)) for text in CASES[case])
    arguments = [f"model.path={checkpoint}", f"out={tmp_path / 'out'}", *shlex.split(words)]
    monkeypatch.setattr(sys, "argv", ["launch.py", *arguments])
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    for module in [name for name in sys.modules if name == "pipeline.sweep"]:
        monkeypatch.delitem(sys.modules, module)
    try:
        code = launch.main()
    except SystemExit as leaving:
        code = int(leaving.code or 0)
    shown = capsys.readouterr()
    assert code == 2
    assert expected in shown.err
    assert len(shown.err.strip().splitlines()) == 1
    assert "Traceback" not in shown.err + shown.out
    assert "pipeline.sweep" not in sys.modules, "Ray must not start for this"


def test_several_faults_are_told_at_once(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        sys, "argv", ["launch.py", "axon.gate=x", "limit=0", "model.dtype=y", f"model.path={checkpoint}"]
    )
    assert launch.main() == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 3


@pytest.mark.slow
@pytest.mark.parametrize(
    "words", [["axon.gaet=always"], ["decoder.threshold=1.7"], ["model.path=/nowhere"], ["--hepl"]]
)
def test_the_command_itself_exits_with_2(words: list[str], tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "launch.py"), *words]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr + done.stdout
    assert list(tmp_path.iterdir()) in ([], [tmp_path / "outputs"])
