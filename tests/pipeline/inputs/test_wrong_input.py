"""A command line that can't be: one clear line a fault, exit code 2, no traceback, and Ray isn't even imported."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import launch
from pipeline.inputs.command_line import read_command_line
from tests.pipeline.conftest import ROOT

Told = Callable[[Callable[[], int]], str]

RECIPES = len([*(ROOT / "conf/recipe").glob("*.yaml")])
CASES = {
    "misspelt key": ("axon.gaet=always", "axon.gaet: unknown key; did you mean axon.gate? one of"),
    "misspelt group": ("decodr=dawn", "decodr: unknown key; did you mean decoder? one of"),
    "misspelt group of a key": (
        "decodr.threshold=0.5",
        "decodr: unknown key; did you mean decoder? one of",
    ),
    "key without its group": (
        "threshold=0.5",
        "threshold: unknown key; did you mean decoder.threshold? one of",
    ),
    "key without its group, of what is chosen": (
        "decoder=dawn tau_low=0.5",
        "tau_low: unknown key; did you mean decoder.tau_low? one of",
    ),
    "key of a job on finished runs": (
        "format=latex",
        "format=latex: job=report, job=compare and job=show take it, on runs that exist; give it there",
    ),
    "key of such a job and of another group": (
        "workers=4",
        "workers=4: job=rerun takes it, on runs that exist; give it there, or write cluster.workers",
    ),
    "appended key": ("+axon.foo=1", "axon.foo: unknown key; one of"),
    "appended key that exists": ("+limit=3", "+limit=3: this key exists already; write limit=3"),
    "key of another decoder": (
        "decoder.tau_low=0.5",
        "decoder.tau_low: unknown key; decoder=dawn has it; one of name, threshold",
    ),
    "key of another decoder that resembles one of this": (
        "decoder.kl_threshold=0.5",
        "decoder.kl_threshold: unknown key; decoder=klass has it; one of name, threshold",
    ),
    "key of another task": (
        "task.path=x.jsonl",
        "task.path: unknown key; task=gsm8k, task=gsm8k_cot, task=gsm8k_cot_zeroshot and 6 more have it; one of name,",
    ),
    "key of another decoder in a sweep": (
        "sweep=with_axon +sweep.groups.axon.set.decoder.tau_low=0.5",
        "sweep.groups.axon: decoder.tau_low: unknown key; decoder=dawn has it; one of name, threshold",
    ),
    "unknown choice of many": (
        "recipe=sdar_8b",
        f"recipe=sdar_8b: unknown; one of the {RECIPES} in conf/recipe, such as sdar_8b_",
    ),
    "unknown job": (
        "job=reprot",
        "one of run, plan, time, check_task, import, dashboard, report, rerun, compare, show, list",
    ),
    "unknown choice": ("decoder=fastest", "decoder=fastest: unknown; one of clad, confidence, "),
    "file of one's own for a choice": (
        "sweep=MINE/sweep/mine.yaml",
        "with_axon; a file of your own, MINE/sweep/mine.yaml, is given as --config-dir MINE sweep=mine",
    ),
    "name of one's own for a choice": ("task=capitals", "is given as --config-dir MINE task=capitals"),
    "no choice": ("decoder=", "decoder=: must be the name of one choice; one of clad, confidence, "),
    "null for a choice": ("task=null", "task=null: must be the name of one choice; one of arith, "),
    "number for a choice": ("axon=5", "axon=5: must be the name of one choice; one of adaptive_coverage, "),
    "two choices": ("decoder=[dawn,klass]", "decoder=[dawn,klass]: must be the name of one choice; one of"),
    "two choices without brackets": (
        "decoder=dawn,klass",
        "decoder=dawn,klass: is several values; give one, or sweep them: +sweep.groups.NAME.grid.decoder=[a,b]",
    ),
    "folder for a choice": (
        "model=/models/llada",
        "model=/models/llada: unknown; one of the 41 in conf/model",
    ),
    "folder for a choice, its remedy": (
        "model=/models/llada",
        "a folder or hub id is given as model.path=/models/llada",
    ),
    "decimal comma": (
        "temperature=0,5",
        "temperature=0,5: is several values; give one, or temperature=[a,b] for a list",
    ),
    "not key=value": ("dawn", "dawn: can't be read as key=value; write key=value without spaces"),
    "spaces round the sign": (
        "'limit = 3'",
        "limit = 3: can't be read as key=value; write key=value without spaces",
    ),
    "no key": ("=5", "=5: has no key; write key=value"),
    "unbalanced bracket": ("axon.anchors=[1", "axon.anchors=[1: can't be read as key=value; close every"),
    "unbalanced quote": ("'sweep.name=\"x'", "can't be read as key=value; close every quote and bracket"),
    "home folder": ("store=~/results", "quote what has special characters: 'store=\"~/results\"'"),
    "several words in one": (
        "'limit=8 seed=1'",
        "limit=8 seed=1: can't be read as key=value; these are several; give each its own word",
    ),
    "interpolation of nothing": ("'seed=${nope}'", "seed: Interpolation key 'nope' not found; give it a"),
    "unknown flag": ("--foo", "--foo: unknown flag; --help shows what can be given"),
    "misspelt flag": ("limit=1 --hepl", "--hepl: unknown flag; --help shows what can be given"),
    "unknown short flag": ("-x", "-x: unknown flag; --help"),
    "key as a flag": (
        "--axon.gate=always",
        "--axon.gate=always: unknown flag; write axon.gate=always, without",
    ),
    "flag without its value": ("--config-dir", "argument --config-dir/-cd: expected one argument; --help"),
    "folder of configs that isn't there": (
        "--config-dir=/nowhere",
        "--config-dir=/nowhere: no such folder; give one",
    ),
    "part of a config that isn't shown": (
        "--package sweep",
        "--resolve and --package: belong to --cfg; write --cfg job",
    ),
    "part of the config that there isn't": (
        "--cfg job --package nope",
        "package 'nope' not found in config",
    ),
    "folder by Hydra's key": (
        "hydra.run.dir=/mine",
        "hydra.run.dir=/mine: is Hydra's own and changes nothing here; leave it out (out=FOLDER says where",
    ),
    "Hydra's launcher": ("hydra/launcher=joblib", "hydra/launcher=joblib: is Hydra's own"),
    "multirun": (
        "-m seed=1,2",
        "--multirun: one command makes one report; sweep=NAME evaluates many settings",
    ),
    "multirun by its other name": ("seed=1,2 --multirun", "+sweep.groups.NAME.grid.KEY=[a,b] adds values"),
    "Hydra's range": (
        "'seed=range(1,3)'",
        "seed=range(1,3): is several values; give one, or seed=[a,b] for a list, or",
    ),
    "key to remove": ("~axon.gaet", "~axon.gaet: unknown key; did you mean axon.gate? one of"),
    "choice to remove": ("~decodr", "~decodr: unknown key; did you mean decoder? one of"),
    "removed choice": ("~decoder", "decoder: missing; give it a value"),
    "appended choice that exists": (
        "+decoder=dawn",
        "+decoder=dawn: the config has this choice already; write decoder=",
    ),
    "appended unknown key": (
        "+axno=1",
        "axno: unknown key; did you mean axon? one of axon, batch_size, block_alignment, block_length, ",
    ),
    "removed choice of a few": ("~wandb.mode", "wandb.mode: missing; one of offline, online, off"),
    "removed search": ("~sweep.search", "sweep.search: missing; one of grid, refine"),
    "no model": ("model=checkpoint ~model.path", "model.path: missing; give it a value"),
    "experiment without +": (
        "experiment=demo",
        "experiment=demo: is not in the defaults list of conf/config.yaml; write +",
    ),
    "number of many digits": (
        f"seed={'9' * 5000}",
        "9...: has more digits than Python reads as a number; write",
    ),
    "neither a number nor text": (
        "model.end_tokens=[null]",
        "model.end_tokens[0]=null: must be a whole number or text; write one of them",
    ),
    "unknown experiment": ("+experiment=dmeo", "experiment=dmeo: unknown; one of axon_ablation_budget, "),
    "all groups at once": (
        "'sweep.groups={a: {}}'",
        "groups are set one by one; add one with +sweep.groups.NAME.set.KEY=",
    ),
    "all groups at once, the remedy": ("sweep.groups=[]", "remove one with ~sweep.groups.NAME"),
    "nothing for groups that are there": (
        "sweep=with_axon sweep.groups={}",
        "so that nothing goes; remove what should go by its name, such as ~sweep.groups.base",
    ),
    "list for a group of keys": (
        "timing=[1]",
        "timing=[1]: Cannot merge DictConfig with ListConfig; set its keys, as",
    ),
    "new key of a group": (
        "sweep=with_axon sweep.groups.axon.grid.axon.anchors=[1,3]",
        "this sweep's groups (base, axon) have no such key yet; to add it, write +sweep.groups.axon.grid.axon.anchors=",
    ),
    "new key of a sweep": (
        "sweep=with_axon sweep.tolerance=0.02",
        "this sweep's file doesn't set it yet; to add it, write +sweep.tolerance=0.02",
    ),
    "group to remove": (
        "sweep=with_axon ~sweep.groups.bse",
        "~sweep.groups.bse: unknown key; did you mean sweep.groups.base",
    ),
    "key that a swept choice lacks": (
        "sweep=decoders decoder.threshold=0.5",
        "sweep.groups.base: decoder.threshold=0.5: decoder=fixed_steps, which the sweep asks for, has no such key;",
    ),
    "key that a swept task lacks": (
        "task=gsm8k task.shots=0 +sweep.groups.setting.grid.task=[gsm8k,arith]",
        "task.shots=0: task=arith, which the sweep asks for, has no such key; leave the word out, or sweep only",
    ),
    "unknown choice in a sweep": (
        "+sweep.groups.setting.grid.decoder=[dwan]",
        "sweep.groups.setting: decoder=dwan: unknown; one of clad, confidence, ",
    ),
    "added key that a swept choice lacks": (
        "sweep=decoders ++decoder.threshold=0.5",
        "sweep.groups.base: decoder=fixed_steps: decoder.threshold: unknown key; decoder=confidence, decoder=",
    ),
}

FILES = {  # sweep/mine.yaml
    b"name: x\ngroups: [1\nb: 2": "mine.yaml: line 3 is not valid YAML (expected ',' or ']', but got ':'); correct it",
    b"name: x\ngroups:\n\ta: {}": "mine.yaml: line 3 is not valid YAML (found character '\\t' that cannot",
    b"name: caf\xe9\n": "mine.yaml: is not UTF-8 (invalid continuation byte); save it as UTF-8",
    b"name: x\nalong_trade_off: ${nope}\ngroups: {a: {}}": "sweep.along_trade_off: Interpolation key 'nope' not",
    b"defaults: [other]\n": "sweep=mine: its defaults list names sweep/other, which is no file; correct it there",
    b"defaults: other\n": "sweep=mine: its defaults must be a list (got str); write such as defaults: [NAME]",
    b"- name: x\n": "must be a group of key: value; write {key: value}",
    b"# @package _global_\nname: x\ngroups: {a: {}}": (
        "sweep: missing; give it a value (in a file that begins with `# @package _global_` its keys stand below `sweep"
    ),
    b"name: x\ngroups: {a: {grid: {seed: [!!binary aGk=]}}}": (
        "sweep.groups.a.grid.seed[0]=b'hi': must be text, a number, a list or a group of keys; write one of them"
    ),
    b"name: !!set {a}\n": "name: Value 'set' is not a supported primitive type; write text, a number, a list or a",
    b"defaults: [{override /cluster: local}]\n": "sweep=mine: its defaults list overrides cluster, which "
    "conf/config.yaml lists after sweep; leave that out, and write cluster=NAME in the command",
    b"defaults: [mine]\n": "sweep=mine: leads back to itself, by its defaults list, an alias or brackets without end;",
    b"name: x\na: &x [*x]\n": "sweep=mine: leads back to itself, by its defaults list, an alias or brackets without",
    b"name: x\0\n": "mine.yaml: is not valid YAML (special characters are not allowed); correct it",
    b"name: "
    + b"9" * 5000: "mine.yaml: is not valid YAML (Exceeds the limit (4300 digits) for integer string",
    b"name: x\nname: y\n": "mine.yaml: line 2 is not valid YAML (found duplicate key name); correct it",
}


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_a_wrong_command_line_is_told_in_a_line(
    case: str, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: Told
) -> None:
    words, expected = CASES[case]
    arguments = [f"model.path={checkpoint}", f"out={tmp_path / 'out'}", *shlex.split(words)]
    monkeypatch.setattr(sys, "argv", ["launch.py", *arguments])
    assert expected in told(launch.main)


@pytest.mark.slow
@pytest.mark.parametrize("content", FILES)
def test_a_broken_config_file_is_named_with_its_line(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: Told
) -> None:
    (tmp_path / "sweep/folder.yaml").mkdir(parents=True)
    (tmp_path / "sweep/mine.yaml").write_bytes(content)
    words = ["sweep=mine", f"out={tmp_path / 'out'}", f"--config-dir={tmp_path}"]
    monkeypatch.setattr(sys, "argv", ["launch.py", *words])
    line = told(launch.main)
    assert FILES[content] in line
    if "mine.yaml" in line:
        assert line.startswith(f"sweep=mine: {tmp_path}/sweep/mine.yaml: ")


def test_several_faults_are_told_at_once(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        sys, "argv", ["launch.py", "axon.gate=x", "limit=0", "model.dtype=y", f"model.path={checkpoint}"]
    )
    assert launch.main() == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 3


@pytest.mark.parametrize(
    "words", [["seed=1", "--config-dir", "HERE", "limit=3"], ["-cd", "HERE", "limit=3", "seed=1"]]
)
def test_a_flag_may_stand_anywhere(words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = [str(tmp_path) if word == "HERE" else word for word in words]
    monkeypatch.setattr(sys, "argv", ["launch.py", *here])
    tree = launch.compose()
    assert (tree["limit"], tree["seed"]) == (3, 1)


def test_a_config_file_that_may_not_be_read_is_named() -> None:
    error = PermissionError(13, "Permission denied", "/mine/sweep/mine.yaml")
    line = launch.explain(error, read_command_line(["sweep=mine"]))
    assert line == "/mine/sweep/mine.yaml: can't be read (Permission denied); check its permissions"


def test_a_working_directory_that_is_gone_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: Told
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    here.rmdir()
    monkeypatch.setattr(sys, "argv", ["launch.py"])
    assert told(launch.main) == "the working directory: has been removed; change to a folder that exists"


@pytest.mark.slow
@pytest.mark.parametrize(
    "words", [["axon.gaet=always"], ["decoder.threshold=1.7"], ["store=foo://x"], ["--hepl"]]
)
def test_the_command_itself_exits_with_2_and_never_loads_ray(words: list[str], tmp_path: Path) -> None:
    """In a process of its own, where what is loaded is what this command loaded."""
    script = (
        "import runpy, sys\n"
        f"sys.argv = {['launch.py', *words]!r}\n"
        f"sys.path.insert(0, {str(ROOT)!r})\n"
        f"try: runpy.run_path({str(ROOT / 'launch.py')!r}, run_name='__main__')\n"
        "finally: print('ray' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert done.stdout.strip() == "False"
    assert list(tmp_path.iterdir()) in ([], [tmp_path / "outputs"])
