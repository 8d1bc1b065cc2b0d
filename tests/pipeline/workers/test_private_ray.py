"""What is changed of Ray's own code: a release that lacks a name is left as it is, and so is another system."""

from __future__ import annotations

import platform
import shlex
import subprocess
import sys
from pathlib import Path
from time import monotonic, sleep
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from pipeline.errors import ConfigError
from pipeline.inputs.config import ClusterSettings
from pipeline.workers import (
    cluster,
    idle_agent,
    private_ray,
)  # cluster first: it says what Ray reads when it is imported
from pipeline.workers.private_ray import (
    AGENTS,
    BOUND,
    OF_A_JOB,
    OF_A_TRIAL,
    bound_words,
    change,
    changed,
    small_ray,
)

import ray._private.parameter as parameter  # isort: skip
import ray._private.services as services  # isort: skip
import ray._private.utils as utils  # isort: skip
import ray._private.worker as worker  # isort: skip
import ray._raylet as raylet  # isort: skip

ELSEWHERE = "a sweep is driven from a machine of the cluster, and no Ray node runs on this one; give the command there"
PORTS = (
    "METRICS_AGENT_PORT_NAME",
    "METRICS_EXPORT_PORT_NAME",
    "DASHBOARD_AGENT_LISTEN_PORT_NAME",
    "RUNTIME_ENV_AGENT_PORT_NAME",
)
NAMES = (
    (services, "start_api_server"),
    (services, "ConsolePopen"),
    (utils, "get_dashboard_dependency_error"),
)


@pytest.mark.slow
def test_a_machine_that_is_no_node_is_told_before_ray_blames_the_head(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = iter([set(), {"a node that was starting"}])
    monkeypatch.setattr(services, "find_node_ids", lambda: next(found, set()))
    cluster._await_node("head:6379")
    monkeypatch.setattr(cluster, "NODE_SECONDS", 0.0)
    with pytest.raises(ConfigError, match=f"^cluster.address='head:6379': {ELSEWHERE}"):
        cluster._join("head:6379")


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Any:
    module: Any = ModuleType("some_ray")
    module.known = 1
    monkeypatch.setitem(sys.modules, "some_ray", module)
    return module


def test_a_name_is_changed_within_and_afterwards_as_it_was(place: Any) -> None:
    with pytest.raises(KeyboardInterrupt), changed("some_ray", "known", lambda own: own + 1):
        assert place.known == 2
        raise KeyboardInterrupt
    assert place.known == 1
    change("some_ray", "known", lambda own: own + 1)
    assert place.known == 2


@pytest.mark.parametrize(("module", "name"), [("some_ray", "unknown"), ("some_ray.gone", "known")])
def test_what_a_release_lacks_is_left_alone(place: Any, module: str, name: str) -> None:
    before = dict(vars(place))
    with changed(module, name, lambda own: own + 1):
        assert vars(place) == before
    change(module, name, lambda own: own + 1)()
    assert vars(place) == before


def test_a_release_without_any_of_the_names_starts_as_it_does_by_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module, name in (*NAMES, (parameter, "RayParams")):
        monkeypatch.delattr(module, name)
    with small_ray():
        assert not any(hasattr(module, name) for module, name in NAMES)


def test_parameters_that_a_release_lacks_are_not_given() -> None:
    def params(no_monitor: bool = False, other: int = 1) -> dict[str, Any]:
        return {"no_monitor": no_monitor, "other": other}

    assert private_ray._without_parts(params)(other=2) == {"no_monitor": True, "other": 2}
    assert "include_log_monitor" not in private_ray._without_parts(params).keywords


def test_ray_is_as_it_was_after_it_has_started() -> None:
    before = [getattr(module, name) for module, name in NAMES]
    with small_ray():
        assert all(
            getattr(module, name) is not own for (module, name), own in zip(NAMES, before, strict=True)
        )
    assert [getattr(module, name) for module, name in NAMES] == before


def test_commands_of_a_node_process_are_bound_to_it_on_linux_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    command = [
        "/ray/raylet",
        "--python_worker_command=python worker.py",
        "--java_worker_command=",
        "--log_dir=/x",
    ]
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    assert bound_words(command) == [
        "/ray/raylet",
        f"--python_worker_command={BOUND} python worker.py",
        "--java_worker_command=",
        "--log_dir=/x",
    ]
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    assert bound_words(command) == command


def test_the_agents_of_a_node_process_say_that_they_listen_nowhere_and_wait(tmp_path: Path) -> None:
    node, names = "0a" * 28, [getattr(raylet, name) for name in PORTS if hasattr(raylet, name)]
    words = [f"--session-dir={tmp_path}", f"--node-id={node}", "--minimal", "--logging-format=a=b"]
    lines = bound_words([f"--{agent}_command=python agent.py {shlex.join(words)}" for agent in AGENTS])
    agents = [subprocess.Popen(shlex.split(line.partition("=")[2])) for line in lines]
    try:
        until = monotonic() + 20
        files = {tmp_path / raylet.get_port_filename(node, name) for name in names}
        while set(tmp_path.iterdir()) != files and monotonic() < until:
            sleep(0.02)
        assert {file: file.read_text() for file in tmp_path.iterdir()} == dict.fromkeys(files, "-1")
        assert [agent.poll() for agent in agents] == [None, None]
    finally:
        for agent in agents:
            agent.kill()
            agent.wait()


@pytest.mark.parametrize(
    "words", [["--session-dir={}"], ["--node-id=1"], ["--session_dir={}", "--node-id=1"]]
)
def test_an_agent_that_is_told_in_other_words_is_started(words: list[str], tmp_path: Path) -> None:
    program = [sys.executable, "-c", "print('agent')", *(word.format(tmp_path) for word in words)]
    [line] = bound_words([f"--runtime_env_agent_command={shlex.join(program)}"])
    command = shlex.split(line.partition("=")[2])
    assert subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout == "agent\n"
    assert not list(tmp_path.iterdir())


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The commands by which Ray starts its node process."""
    found: list[str] = []
    monkeypatch.setattr(services, "ConsolePopen", lambda command, **_: found.append(command[1]))
    return found


def start_a_node(*_: Any, **also: Any) -> None:
    services.ConsolePopen(["raylet", "--runtime_env_agent_command=python agent.py"])


@pytest.mark.slow
@pytest.mark.parametrize("lacking", [None, OF_A_TRIAL, OF_A_JOB])
def test_agents_are_left_out_only_where_no_worker_can_need_them(
    lacking: tuple[str, str] | None, started: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import ray.tune.execution.tune_controller  # noqa: F401

    monkeypatch.setenv("RAY_RUNTIME_ENV_HOOK", "no.such_hook")
    if lacking:
        monkeypatch.delattr(".".join(lacking))
    with small_ray():
        start_a_node()
        assert lacking == OF_A_JOB or worker._maybe_modify_runtime_env({"pip": ["x"]}, False) is None
    assert (idle_agent.__file__ in started[0]) == (lacking is None)


@pytest.mark.slow
def test_a_ray_that_does_not_start_is_tried_again_with_its_agents(
    started: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails_once(*_: Any, **also: Any) -> None:
        start_a_node()
        if len(started) == 1:
            raise RuntimeError("no port\nand so on")

    notes: list[str] = []
    monkeypatch.setenv("RAY_AUTH_TOKEN", "kept from the next tests")
    monkeypatch.setattr(cluster.ray, "init", fails_once)
    monkeypatch.setattr(cluster.ray, "shutdown", lambda: None)
    display: Any = SimpleNamespace(note=notes.append)
    cluster._start(ClusterSettings(None, 1, 1, 0), str(tmp_path), display)
    assert [idle_agent.__file__ in line for line in started] == [True, False]
    assert notes == ["Ray did not start (no port); trying again, with its agents"]
