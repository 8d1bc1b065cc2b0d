"""The command line beyond a config: finished runs, experiments, folders of the user's own configs, what is imported."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

import launch
from pipeline.errors import ConfigError
from pipeline.idle_threads import VARIABLE
from pipeline.inputs.choices import check_folders, described
from pipeline.inputs.composed_tree import check_emptied
from pipeline.jobs import runs_command
from tests.pipeline.commands import in_one_process
from tests.pipeline.conftest import ROOT, compose_tree

RECIPES = len([*(ROOT / "conf/recipe").glob("*.yaml")])

Told = Callable[[Callable[[], int]], str]

# What takes seconds to import, and what no config needs in order to be read and checked.
HEAVY = {
    "torch",
    "transformers",
    "ray",
    "pandas",
    "numpy",
    "pyarrow",
    "datasets",
    "scipy",
    "wandb",
    "matplotlib",
    "plotly",
}

RUN_CASES = {
    "job=rerun": "job=rerun: needs run=FOLDER",
    "job=compare": "job=compare: needs runs=[FOLDER,FOLDER]",
    "run=A": "job: missing; with run=FOLDER or runs=[A,B] one of report, rerun, compare",
    "job=time run=A": "job=time: does not take run=FOLDER or runs=[A,B]; one of report, rerun, compare",
    "job=report run=A task=arith": "task=arith: job=report takes run, out, wandb, nfe, against, format; leave it out",
    "job=rerun run=A +limit=3": "+limit=3: job=rerun takes run, limit, batch_size, workers; leave it out",
    "job=list under=": "under=: must not be empty; give it a value, or leave it out",
    "job=report run='A\nB'": "A\\nB: has no run.json",
    f"--config-dir {'x' * 5000}": "xxx: no such folder; give one with files such as",
    "job=report run=A run=B": "run: is given twice; give it once",
    "job=report run=/nowhere": "run=/nowhere: ",
    "job=compare runs=[A, B]": "B]: can't be read as key=value; write key=value without spaces, and quotes around",
    "job=compare runs=[A,B": "runs=[A,B: can't be read as a list (no closing bracket); write runs=[A,B]",
    "job=report run=A --config-dir /tmp": "--config-dir: a finished run has its own config; leave it out",
    "job=report --config-dir /tmp limit=0": "limit=0: must be at least 1",
}


def test_the_help_lists_every_group_that_a_user_chooses_from() -> None:
    """Long ones by their number; not what other choices bring."""
    shown = described([ROOT / "conf"])
    groups = [line.split(":")[0] for line in shown.splitlines() if not line.startswith(" ")]
    folders = {path.name for path in (ROOT / "conf").iterdir() if path.is_dir()}
    assert groups == sorted(folders - {"hydra", "published", "published_task"})
    assert f"recipe: {RECIPES} names" in shown and len(shown.splitlines()) < 40


def test_the_repositorys_own_configs_hide_none_of_theirs() -> None:
    check_folders([ROOT / "conf", ROOT / "conf"])


def test_what_may_go_is_named_as_hydra_can_remove_it_and_what_is_added_may_begin_empty() -> None:
    held = {"g": {"set": {"seed": 1}, "when": {"axon.anchors": {"axon.policy": "fixed"}}}}
    for key, named in (("g", "g.set"), ("g.when", "g.when")):
        with pytest.raises(ConfigError, match=rf"^{key}={{}}: is merged .*, such as ~{named}$"):
            check_emptied([f"{key}={{}}"], held)
    check_emptied(["+g={}", "+g.set.seed=1"], held)


@pytest.mark.parametrize("words", RUN_CASES)
def test_wrong_words_about_finished_runs_are_told_in_a_line(
    words: str, monkeypatch: pytest.MonkeyPatch, told: Told
) -> None:
    monkeypatch.setattr(sys, "argv", ["launch.py", *shlex.split(words)])
    assert RUN_CASES[words] in told(launch.main)


@pytest.mark.parametrize(
    "words",
    [
        {"job": "report", "run": "outputs/a b/c"},
        {"job": "rerun", "run": "A", "limit": "3", "workers": "2", "batch_size": "4"},
        {"job": "compare", "runs": "[A,B]", "out": "C", "wandb": "off"},
    ],
)
def test_words_about_finished_runs_are_handed_on_and_nothing_is_composed(
    words: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    handed: list[Mapping[str, str]] = []

    def main(words: Mapping[str, str], console: object) -> int:
        handed.append(words)
        return 7

    monkeypatch.setattr(runs_command, "main", main)
    monkeypatch.setattr(launch, "composed", None)
    monkeypatch.setattr(sys, "argv", ["launch.py", *(f"{key}={value}" for key, value in words.items())])
    assert launch.main() == 7
    assert handed == [words]


def test_a_report_without_a_run_is_composed(
    monkeypatch: pytest.MonkeyPatch, told: Told, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "argv", ["launch.py", "job=report", "limit=0", f"out={tmp_path}"])
    assert told(launch.main) == "limit=0: must be at least 1; raise it"


@pytest.mark.slow
def test_a_folder_of_the_users_own_configs_adds_choices_of_every_kind(
    tmp_path: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / 'my "own" configs'
    override = "override /model: mine, override /decoder: eager"
    for name, text in {
        "model/mine": f"defaults: [checkpoint, _self_]\npath: {checkpoint}\ndtype: float32\n",
        "decoder/eager": "# @package _global_\ndefaults: [confidence, _self_]\ndecoder: {threshold: 0.2}\n",
        "experiment/mine": f"# @package _global_\ndefaults: [{override}]\nlimit: 7\n",
    }.items():
        (folder / name).parent.mkdir(parents=True)
        (folder / f"{name}.yaml").write_text(text)
    monkeypatch.setattr(sys, "argv", ["launch.py", "--config-dir", str(folder), "+experiment=mine"])
    tree = launch.compose()
    assert (tree["model"]["path"], tree["limit"]) == (str(checkpoint), 7)
    assert tree["decoder"] == {"name": "confidence", "threshold": 0.2}
    assert launch.compose({"decoder": "dawn"})["decoder"]["name"] == "dawn"
    monkeypatch.setattr(sys, "argv", ["launch.py", "--config-dir", str(folder), "decoder=eagre"])
    with pytest.raises(
        ConfigError, match=r"decoder=eagre: unknown; one of clad, confidence, .*dawn, dsb, dus, eager, "
    ):
        launch.compose()


@pytest.mark.parametrize(
    ("word", "remedy"),
    [
        ("recipe=sdar_1_7b_gsm9k", f"unknown; one of the {RECIPES} in conf/recipe, such as sdar_1_7b_gsm8k"),
        ("recipe=none_like_it", f"unknown; one of the {RECIPES} in conf/recipe"),
        ("recipe=7", f"must be the name of one choice; one of the {RECIPES} in conf/recipe"),
    ],
)
def test_of_many_names_the_closest_are_given(
    word: str, remedy: str, monkeypatch: pytest.MonkeyPatch, told: Told
) -> None:
    monkeypatch.setattr(sys, "argv", ["launch.py", word])
    line = told(launch.main)
    assert line.startswith(f"{word}: {remedy}")
    assert len(line) < 250


def test_a_file_that_conf_hides_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: Told) -> None:
    (tmp_path / "sweep").mkdir()
    hidden = tmp_path / "sweep/decoders.yaml"
    hidden.write_text("name: mine\n")
    monkeypatch.setattr(sys, "argv", ["launch.py", "--config-dir", str(tmp_path), "sweep=decoders"])
    line = told(launch.main)
    assert (
        line
        == f"{hidden}: would be ignored, since {ROOT}/conf/sweep/decoders.yaml has the same name; rename it"
    )
    hidden.rename(tmp_path / "sweep/my_decoders.yaml")
    (tmp_path / "out").mkdir()  # Hydra takes it for a group of choices
    monkeypatch.setattr(sys, "argv", ["launch.py", "--config-dir", str(tmp_path), "out=here"])
    line = told(launch.main)
    assert (
        line == f"out=here: the folder {tmp_path}/out hides this key; rename it, or give another --config-dir"
    )
    monkeypatch.setattr(sys, "argv", ["launch.py", "--config-dir", str(tmp_path), "limit=0"])
    assert told(launch.main).startswith("limit=0: ")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("--help", ["job=rerun run=FOLDER", "+experiment=demo", "llada_maths", "my_sweep", "--config-dir"]),
        ("limit=7 --cfg job", ["limit: 7", "store: ${out}/store"]),
        ("--cfg=job --resolve", ["store: outputs/store"]),
        ("-c job sweep=my_sweep -p sweep", ["name: mine"]),
        ("--info searchpath", ["/mine"]),
        ("-sc install=bash", ["complete"]),
    ],
)
def test_hydras_own_flags_show_and_run_nothing(words: str, shown: list[str], tmp_path: Path) -> None:
    """In a process of its own: Hydra leaves its handlers in `logging`."""
    (tmp_path / "mine/sweep").mkdir(parents=True)
    (tmp_path / "mine/sweep/my_sweep.yaml").write_text("name: mine\n")
    command = [sys.executable, str(ROOT / "launch.py"), *shlex.split(words), "--config-dir", "mine"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and not done.stderr
    for word in shown:
        assert word in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_the_demo_is_an_experiment() -> None:
    tree = compose_tree("+experiment=demo")
    assert (tree["sweep"]["name"], tree["task"]["name"], tree["decoder"]["name"]) == (
        "anchor_budget",
        "pycode",
        "dawn",
    )
    assert tree["limit"] == 150 and len(tree["trade_off"]["values"]) == 9


@pytest.mark.slow
def test_what_needs_no_model_is_told_before_anything_heavy_is_imported(tmp_path: Path) -> None:
    """In one process, so that what any of the commands has loaded stays."""
    codes = {
        "axon.anchor=2": 2,
        "axon.gate=coverage": 2,
        "decoder.threshold=2": 2,
        "sweep=decoders model.dtype=half task.name=sums": 2,
        "--help": 0,
        "--cfg job": 0,
    }
    done = in_one_process([shlex.split(words) for words in codes], tmp_path, PYTHONPATH=str(ROOT))
    for (words, expected), (code, _, errors, modules) in zip(codes.items(), done, strict=True):
        assert code == expected, errors
        assert not HEAVY & modules, words
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("said", ["", "24"])
def test_how_long_numpys_threads_wait_is_said_before_it_is_imported(said: str) -> None:
    script = (
        "import os, sys, launch\n"
        "sys.argv[1:] = ['job=nothing']\n"
        "launch.main()\n"
        f"print(os.environ['{VARIABLE}'], 'numpy' in sys.modules)\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != VARIABLE}
    environment |= {VARIABLE: said} if said else {}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.stdout.splitlines() == [f"{said or 20} False"], done.stderr
