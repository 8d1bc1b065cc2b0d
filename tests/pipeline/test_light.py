"""Commands that decode nothing import neither torch nor transformers: those take seconds."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from pipeline.inputs.config import read_config
from pipeline.runs.run_folder import folder_of
from tests.pipeline.commands import plan_of, uninterrupted
from tests.pipeline.conftest import ROOT, compose_tree

pytestmark = pytest.mark.slow

WORDS = ["sweep=with_axon", "sweep.search=grid", "task=lists", "wandb=off"]
HEAVY = {"torch", "ray", "datasets", "wandb", "scipy.stats"}
# Its tokenizers give the tokens' texts of a page that has none yet, and count those of a plan's prompts: without torch,
# in a third of a second.
ONCE = "transformers"

# Each command's exit code, last line, and what has been imported by then, as a line of JSON.
PROGRAM = """
import contextlib, io, json, sys
import launch

for words in json.loads(sys.argv[1]):
    sys.argv[1:], shown = words, io.StringIO()
    with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(shown):
        code = launch.main()
    print(json.dumps([code, shown.getvalue().splitlines()[-1], sorted(sys.modules)]))
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The words of a sweep that is stored, but for `limit`."""
    out = tmp_path_factory.mktemp("light")
    words = [*WORDS, f"out={out}", f"store={out / 'store'}"]
    uninterrupted([*words, "limit=2"], out, 2)
    return words


def test_what_decodes_nothing_imports_no_torch(finished: list[str]) -> None:
    """In one process, so that a module which any of the commands imports stays."""
    whole, part = [*finished, "limit=2"], [*finished, "limit=1"]
    one, two = (str(folder_of(read_config(compose_tree(*words)), plan_of(words))) for words in (whole, part))
    endings = {
        "finished": (whole, one),
        "another": (part, two),
        "report": (["job=report", *whole], one),
        "report of a run": (["job=report", f"run={one}"], one),
        "comparison": (["job=compare", f"runs=[{one},{two}]"], "compare"),
        "wrong": ([*whole, "decoder.threshold=2"], "decoder.threshold=2.0: must lie in"),
        "plan": (["job=plan", *whole], "GiB"),
    }
    commands = json.dumps([words for words, _ in endings.values()])
    done = subprocess.run([sys.executable, "-c", PROGRAM, commands], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = map(json.loads, done.stdout.splitlines())
    for (name, (_, expected)), (code, last, modules) in zip(endings.items(), lines, strict=True):
        assert (code, expected in last) == (2 if name == "wrong" else 0, True), last
        assert not HEAVY.intersection(modules), f"{name}: {sorted(HEAVY.intersection(modules))}"


def test_a_page_that_has_its_texts_is_drawn_without_transformers(finished: list[str]) -> None:
    commands = json.dumps([[*finished, "limit=2"]])
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, commands], cwd=ROOT, capture_output=True, text=True
        )
    code, _, modules = json.loads(done.stdout)
    assert code == 0 and ONCE not in modules
