"""A decoder, a gate and a policy of packages of a user's own, as docs/extending.md says it.

Through Ray, in reports, and when one changes.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pandas as pd
import pytest

from tests.forked import Forked, forking
from tests.pipeline.commands import LAUNCH, completed
from tests.pipeline.conftest import ROOT
from tests.pipeline.test_extending_doc import BLOCK

pytestmark = pytest.mark.slow
# Of what commands import, what doesn't look for packages.
SHARED = "hydra", "pandas", "pyarrow.parquet", "axon.laws.comparisons", "axon.models"


@pytest.fixture(scope="module")
def forked() -> Iterator[Forked]:
    with forking(*SHARED) as found:
        yield found


# What the page's other package consists of: its pyproject.toml and its module.
FENCED = re.compile(r"^```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Package:
    """The page's packages, as pip installs them into a folder, and commands that find them."""

    def __init__(self, folder: Path, forked: Forked) -> None:
        self._forked = forked
        page = (ROOT / "docs/extending.md").read_text()
        decoder, values = map(dedent, BLOCK.findall(page)[:2])
        entry = re.search(
            r'^\[project\.entry-points\."(.+)"\]\n(\w+) = "((.+)\.(.+):\w+)"$', page, re.MULTILINE
        )
        assert entry is not None
        group, name, value, package, module = entry.groups()
        self.folder, self.code = folder / "site", folder / f"site/{package}/{module}.py"
        info = self.folder / "my_decoders-0.1.dist-info"
        declared, rules = FENCED.findall(page.partition("## A gate or a policy in a package of your own")[2])[
            :2
        ]
        project = tomllib.loads(declared)["project"]
        groups = [(group, own) for group, names in project["entry-points"].items() for own in names.items()]
        module = self.folder / "my_rules/rules.py"
        files = {
            module: rules,
            module.with_name("__init__.py"): "",
            self.folder / "my_rules-0.1.dist-info/METADATA": info_text("my-rules"),
            self.folder / "my_rules-0.1.dist-info/entry_points.txt": "".join(
                f"[{group}]\n{name} = {value}\n" for group, (name, value) in groups
            ),
            self.code: decoder,
            self.code.with_name("__init__.py"): "",
            info / "METADATA": info_text("my-decoders"),
            info / "entry_points.txt": f"[{group}]\n{name} = {value}\n",
            folder / f"mine/decoder/{name}.yaml": values,
        }
        for file, text in files.items():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        self.words = [f"--config-dir={folder / 'mine'}", f"decoder={name}", "task=lists", "limit=4", "wandb=off",
                      f"out={folder / 'out'}", f"store={folder / 'out/store'}"]  # fmt: skip

    @property
    def found(self) -> dict[str, str]:
        """Where commands find it."""
        return {"PYTHONPATH": os.pathsep.join([str(self.folder), os.environ.get("PYTHONPATH", "")])}

    def run(self, *words: str) -> tuple[int, str, str]:
        return self._forked.run([LAUNCH, *words], ROOT, self.found)

    def laws(self, *words: str, cases: int = 6) -> tuple[int, str, str]:
        return self._forked.run(["-m", "axon.laws", *words, f"--cases={cases}"], ROOT, self.found)


def info_text(name: str) -> str:
    return f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.1\n"


def ids(folder: str) -> set[str]:
    return set(pd.read_csv(Path(folder) / "points.csv")["setting_id"])


def test_what_packages_bring_is_swept_by_workers_and_reported(forked: Forked, tmp_path: Path) -> None:
    package = Package(tmp_path, forked)
    own = [
        "set.axon.gate=few",
        "set.axon.policy=surest",
        "set.decoder.margin=0.5",
        "grid.axon.own.few.most=[1,3]",
    ]
    sweep = [*package.words, "sweep=with_axon", "sweep.search=grid", "cluster.workers=1",
             *(f"+sweep.groups.own.{word}" for word in own)]  # fmt: skip
    code, shown, errors = completed(sweep, **package.found)
    assert code == 0, shown + errors
    folder = shown.splitlines()[-1]
    assert "margin" in Path(folder).name and "starting Ray" in shown
    points = pd.read_csv(Path(folder) / "points.csv")
    assert len(points) == 12 and (points["n"] == 4).all() and (points["unscored"] == 0).all()
    assert set(points["knob.most"].dropna()) == {1, 3}
    sid = points.loc[points["group"] == "own", "setting_id"].iloc[0]
    rerun = package.run("job=rerun", f"run={folder}", "workers=1", "limit=2")
    compare = package.run("job=compare", f"store={tmp_path}/out/store")
    show = package.run("job=show", f"run={folder}", f"setting={sid}", "example=0")
    assert rerun[0] == 0 and "24 of 24 records are equal" in rerun[1], rerun
    assert compare[0] == 0 and set(pd.read_csv(f"{compare[1].splitlines()[-1]}/points.csv")["group"]) == {
        "margin",
        "margin + coverage_gap/fixed",
        "margin + few/surest",
    }
    assert show[0] == 0 and "revealed by AXON" in show[1], show
    code, _, errors = forked.run([LAUNCH, "job=report", f"run={folder}"])
    assert code == 2 and errors.count("\n") == 1
    assert "decode.decoder: 'margin', of a package that isn't installed here, or of a later version" in errors
    assert "install that package, or update axon-sweeps, or compare" in errors


def test_settings_of_a_rule_are_read_as_all_others(forked: Forked, tmp_path: Path) -> None:
    package = Package(tmp_path, forked)
    for words, line in (
        (["axon.own.few.most=2"], "axon.own.few.most=2: no file sets it yet; to add it, write +axon.own.few.most=2"),
        (["+axon.own.few.most=1.5"], "axon.own.few.most=1.5: must be a whole number; write digits alone"),
        (["axon.gate=surest"], "axon.gate='surest': unknown; one of always, never, coverage_gap, progress_stall, "
                               "adaptive_coverage, unified, cp_alpha, few"),
    ):  # fmt: skip
        assert package.run(*package.words, *words) == (2, "", f"{line}\n")
    code, shown, errors = package.run("--help")
    assert code == 0 and "axon.gate, of installed packages: few\n" in shown, shown + errors


def test_its_author_runs_the_laws_in_one_command(forked: Forked, tmp_path: Path) -> None:
    package = Package(tmp_path, forked)
    text = package.code.read_text()
    code, shown, errors = package.laws("margin", "margin=0.7")
    assert code == 0 and "BROKEN" not in shown and "tokens a step without AXON" in shown, shown + errors
    package.code.write_text(text.replace("amax(1, keepdim=True)", "amax()"))  # of all rows
    command = [sys.executable, "-m", "axon.laws", "margin", "margin=0.7", "--cases=6"]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **package.found}, capture_output=True, text=True
    )
    assert done.returncode == 1 and not done.stderr
    assert "BROKEN  a batch decodes as its rows do one by one" in done.stdout
    code, shown, errors = package.laws("few", "most=2", cases=2)
    assert code == 0 and "BROKEN" not in shown and shown.startswith("gate Few(most=2), on 2 cases"), (
        shown + errors
    )
    code, shown, errors = package.laws("margin", "share=0.7")
    assert code == 2 and errors == (
        "share=0.7: no setting of margin; write KEY=VALUE with one of its keys: margin\n"
    )


def test_another_state_of_its_file_has_results_of_its_own(forked: Forked, tmp_path: Path) -> None:
    package = Package(tmp_path, forked)
    code, shown, errors = package.run(*package.words)
    assert code == 0, shown + errors
    before = ids(shown.splitlines()[-1])
    package.code.write_text(f"# a word\n{package.code.read_text()}")
    code, shown, _ = package.run(*package.words)
    assert code == 0 and "4 of 4 stored already" in shown and ids(shown.splitlines()[-1]) == before
    package.code.write_text(package.code.read_text().replace("self.margin *", "0.5 * self.margin *"))
    code, shown, _ = package.run(*package.words)
    assert code == 0 and "stored already" not in shown
    after = ids(shown.splitlines()[-1])
    assert not after & before
    stored = {file.stem: json.loads(file.read_text()) for file in (tmp_path / "out/store/settings").iterdir()}
    said = {stored[sid]["versions"]["package"] for sid in before | after}
    assert len(said) == 2 and all(own.startswith("my_decoders.margin ") for own in said)


def test_a_package_that_cannot_be_used_is_told_in_a_line(forked: Forked, tmp_path: Path) -> None:
    package = Package(tmp_path, forked)
    text = package.code.read_text()
    for change, told in (
        (("import dataclass\n", "import dataclas\n"), "can't be imported (ImportError: cannot import name 'dataclas'"),
        (("margin: float", "margin: Proposal"), "has settings that can't be read ("),
        (("self.margin, 0", "self.magin, 0"), "can't be made of its defaults (AttributeError: 'Margin' object has no"),
        (("def propose", "def proposes"), "has no rule; define propose(self, state)"),
    ):  # fmt: skip
        assert change[0] in text
        package.code.write_text(text.replace(*change))
        code, shown, errors = package.run(*package.words)
        assert code == 2 and not shown and errors.count("\n") == 1, errors
        assert errors.startswith(
            "decoder.name='margin': my_decoders.margin:Margin, of an installed package, "
        )
        assert told in errors
