"""Commands that decode nothing import neither torch nor transformers: those take seconds."""

from __future__ import annotations

import pytest

from pipeline.inputs.config import read_config
from pipeline.runs.run_folder import folder_of
from tests.pipeline.commands import in_one_process, plan_of, uninterrupted
from tests.pipeline.conftest import compose_tree

pytestmark = pytest.mark.slow

WORDS = ["sweep=with_axon", "sweep.search=grid", "task=lists", "wandb=off"]
HEAVY = {"torch", "ray", "datasets", "wandb", "scipy.stats"}
# Its tokenizers give the tokens' texts of a page that has none yet, and count those of a plan's prompts: without torch,
# in a third of a second.
ONCE = "transformers"


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
    done = in_one_process([words for words, _ in endings.values()])
    for (name, (_, expected)), (code, shown, errors, modules) in zip(endings.items(), done, strict=True):
        last = (shown + errors).splitlines()[-1]
        assert (code, expected in last) == (2 if name == "wrong" else 0, True), last
        assert not HEAVY.intersection(modules), f"{name}: {sorted(HEAVY.intersection(modules))}"


def test_a_page_that_has_its_texts_is_drawn_without_transformers(finished: list[str]) -> None:
    for _ in range(2):
        [(code, _, errors, modules)] = in_one_process([[*finished, "limit=2"]])
    assert code == 0 and ONCE not in modules, errors
