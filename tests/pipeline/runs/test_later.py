"""What a later version wrote as run.json stays as it is, whatever this version is asked to do there."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from pipeline import open_run
from pipeline.errors import ConfigError
from pipeline.inputs.config import Config
from pipeline.jobs import rerun
from pipeline.jobs.import_job import import_job
from pipeline.runs.later import KEEPS
from pipeline.runs.run import RUN_FILE
from pipeline.runs.run_folder import folder_of
from tests.pipeline.conftest import Judge, planned
from tests.pipeline.jobs.a_run import config, folder, main
from tests.pipeline.runs.test_run import run

__all__ = ["config", "folder"]  # fixtures

Make = Callable[..., Config]
CHANGES = {"a format": {"format": 99}, "a key": {"more": 1}}


def of_later(file: Path, change: str) -> bytes:
    """The file as a later version would have written it."""
    own = json.loads(file.read_bytes())
    own["environment"] |= {"project": "9.8.7", "commit": None}
    file.write_text(json.dumps(own | CHANGES[change]))
    return file.read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("stored", [True, False])
@pytest.mark.parametrize("job", ["run", "report"])
def test_a_command_run_again_leaves_a_later_versions_run_alone(
    job: str, stored: bool, change: str, make_config: Make, judge: Judge
) -> None:
    config = make_config("task.name=judge")
    assert run(config) == 0
    path = folder_of(config, planned(config))
    before = of_later(path / RUN_FILE, change)
    kept = sorted(file.name for file in path.iterdir())
    if not stored and job == "run":
        shutil.rmtree(config.store)
    with pytest.raises(ConfigError) as refused:
        run(make_config("task.name=judge", f"job={job}"))
    [line] = refused.value.lines
    assert line.startswith(f"run={path}: {RUN_FILE} is not of this version (") and "axon-sweeps 9.8.7" in line
    assert line.endswith(f"; {KEEPS}")
    assert (path / RUN_FILE).read_bytes() == before
    assert sorted(file.name for file in path.iterdir()) == kept
    assert stored or job == "report" or not list(Path(config.store).rglob("*.parquet"))


@pytest.mark.slow
def test_a_damaged_one_is_written_anew(make_config: Make, judge: Judge) -> None:
    config = make_config("task.name=judge")
    run(config)
    path = folder_of(config, planned(config))
    (path / RUN_FILE).write_text("{")
    assert run(config) == 0 and open_run(path).run.status == "done"


@pytest.mark.slow
@pytest.mark.parametrize("change", CHANGES)
def test_an_import_leaves_a_later_versions_alone(
    change: str, make_config: Make, judge: Judge, tmp_path: Path
) -> None:
    file = tmp_path / "samples.jsonl"
    file.write_text(json.dumps({"example": "test-0-1", "answer": "4"}))
    config = make_config("task.name=judge", f'imported.file="{file}"', 'imported.name="theirs"')
    assert import_job(config, [], Console(file=io.StringIO())) == 0
    path = Path(config.out) / "imported/theirs"
    before = of_later(path / RUN_FILE, change)
    with pytest.raises(ConfigError, match=f"; {KEEPS}"):
        import_job(config, [], Console(file=io.StringIO()))
    assert (path / RUN_FILE).read_bytes() == before


@pytest.mark.slow
def test_a_rerun_that_a_later_version_left_is_not_gone_on_with(folder: Path) -> None:
    """Its folder is a rerun's alone: it starts afresh, as after one in another environment."""
    left = folder / rerun.FOLDER
    left.mkdir()
    shutil.copy(folder / RUN_FILE, left)
    of_later(left / RUN_FILE, "a key")
    code, shown = main("job=rerun", f"run={folder}")
    assert code == 0 and "stopped in another environment; this one starts afresh" in shown
    assert not left.exists()
