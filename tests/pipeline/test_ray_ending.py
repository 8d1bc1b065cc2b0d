"""A private Ray ends while its command goes on: before the command's own end, before another starts, and with nothing
left of it; at once where something has gone wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from commands import completed
from conftest import ROOT

# In a process of its own: Ray reads a token once, and a test before this one may have started it without.
COMMAND = """
import json, threading
from pathlib import Path
from types import SimpleNamespace
from pipeline.inputs.config import ClusterSettings
from pipeline.workers import cluster
import psutil  # which comes with Ray

def ending():
    return [thread.name for thread in threading.enumerate()].count(cluster.ENDING)

def had():
    return [process.is_running() and process.status() != "zombie" for process in below], Path(ground.scratch).exists()

display = SimpleNamespace(status=lambda _: None)
local = ClusterSettings(None, 1, 1, 0)
try:
    with cluster.ray_for(local, display) as ground:
        below = psutil.Process().children(recursive=True)
        raise ValueError
except ValueError:
    failed = ending(), had()
with cluster.ray_for(local, display) as ground:
    below = psutil.Process().children(recursive=True)
done = ending(), had()
with cluster.ray_for(local, display) as again:
    second = ending(), had()
print(json.dumps([failed, done, second, again.scratch]))
"""


@pytest.mark.slow
def test_it_ends_beside_its_command_unless_something_went_wrong(tmp_path: Path) -> None:
    script = tmp_path / "command.py"
    script.write_text(COMMAND)
    code, shown, errors = completed([], script, PYTHONPATH=str(ROOT))
    assert code == 0, errors
    (failed, gone), (threads, (_, folder)), (others, before), scratch = json.loads(shown.splitlines()[-1])
    assert failed == 0 and not any(gone[0]) and not gone[1]
    assert threads == 1 and folder, "it is still there as the command goes on"
    assert others == 0 and not any(before[0]) and not before[1], "and gone as the next one is"
    assert not Path(scratch).exists()
