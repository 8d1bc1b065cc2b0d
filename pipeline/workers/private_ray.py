"""What of Ray's own code is changed for a sweep, each part found by its private name.

A release that lacks a name is left as it is: what is gained here is time, quiet and a clean end, and a sweep works
without. The names are those of Ray 2.55.1 to 2.60.0. cluster.py is imported first: it says what Ray reads when it is.
"""

from __future__ import annotations

import inspect
import platform
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from importlib import import_module
from typing import Any

from pipeline.workers import bound, idle_agent

# Where in an option of the raylet a command begins: --dashboard_agent_command=, --runtime_env_agent_command=,
# --python_worker_command= (ray/_private/services.py, start_raylet).
COMMAND = re.compile(r"^--(\w+)_command=(?=\S)")
BOUND = subprocess.list2cmdline([sys.executable, "-IS", bound.__file__])
# The agents, and the ports on which each says that it listens (ray/_private/node.py).
AGENTS = {
    "dashboard_agent": "metrics_agent_port,metrics_export_port,dashboard_agent_listen_port",
    "runtime_env_agent": "runtime_env_agent_port",
}
# Where a worker gets an environment of its own, which Ray has an agent set up: by Tune (tune_search.PlainWorkers), and
# by `uv run`, RAY_RUNTIME_ENV_HOOK or a submitted job. A private Ray's workers have this process's environment.
OF_A_TRIAL = ("ray.tune.execution.tune_controller", "_ActorClassCache")
OF_A_JOB = ("ray._private.worker", "_maybe_modify_runtime_env")
# What nobody asks of a private Ray: which lines the workers print, and for more machines.
PARTS = {"include_log_monitor": False, "no_monitor": True}


def has(module: str, name: str) -> bool:
    try:
        return hasattr(import_module(module), name)
    except ImportError:
        return False


def change(module: str, name: str, to: Callable[[Any], Any]) -> Callable[[], None]:
    """From now on `name` of that module is what `to` makes of it. Returns what undoes that."""
    if not has(module, name):
        return lambda: None
    place = import_module(module)
    own = getattr(place, name)
    setattr(place, name, to(own))
    return lambda: setattr(place, name, own)


def free_resources() -> dict[str, dict[str, float]]:
    """What nobody has taken of each of Ray's machines, by its id; of none where Ray doesn't tell."""
    module, name = "ray._private.state", "available_resources_per_node"
    return dict(getattr(import_module(module), name)()) if has(module, name) else {}


@contextmanager
def changed(module: str, name: str, to: Callable[[Any], Any]) -> Iterator[None]:
    """As `change`, within."""
    undo = change(module, name, to)
    try:
        yield
    finally:
        undo()


def silence_workers() -> None:
    """The workers' output is off: all that Ray would print of them are messages on lost ones, of twenty lines each."""
    change("ray._private.worker", "print_to_stdstream", lambda _: lambda *ignored, **also: None)


def skip_tags() -> None:
    """For statistics that are off, Tune would import wandb: half a second."""
    change("ray.air._internal.usage", "tag_callbacks", lambda _: lambda callbacks: False)


@contextmanager
def small_ray(agents: bool = False) -> Iterator[None]:
    """Within, Ray starts without what nobody asks of it, and so that all of it ends with this command.

    `agents`: with its agents. It has them, too, where a release lacks a name by which they are not needed.
    """
    agents = agents or not (has(*OF_A_TRIAL) and has(*OF_A_JOB))
    changes: tuple[tuple[str, str, Callable[[Any], Any]], ...] = (
        ("ray._private.parameter", "RayParams", _without_parts),
        (*OF_A_JOB, lambda _: lambda *ignored, **also: None),
        *_NO_DASHBOARD,
        ("ray._private.services", "ConsolePopen", partial(_apart, agents)),
    )
    with ExitStack() as stack:
        for module, name, to in changes:
            stack.enter_context(changed(module, name, to))
        yield


# No process for its dashboard, which it would start even without one, for statistics that are off; and the small form
# of a node's agent, which it starts where the dashboard's packages are not installed (ray/_private/services.py).
_NO_DASHBOARD: tuple[tuple[str, str, Callable[[Any], Any]], ...] = (
    ("ray._private.services", "start_api_server", lambda _: lambda *ignored, **also: ("", None)),
    (
        "ray._private.utils",
        "get_dashboard_dependency_error",
        lambda _: lambda: ImportError("not asked for"),
    ),
)


def _without_parts(params: Any) -> Any:
    known = inspect.signature(params).parameters
    return partial(params, **{name: value for name, value in PARTS.items() if name in known})


def _apart(agents: bool, popen: Any) -> Any:
    """Starts Ray's processes in a session of their own.

    So SIGTERM to this command's group reaches this command alone, which then shuts Ray down. Were the raylet to end
    first, Ray's C++ code in this process would exit with 1 at once (src/ray/raylet_ipc_client). Ray already blocks
    Ctrl-C for them, and on Linux lets them end with this process, as bound.py lets those of its node process.
    """

    def started(command: Sequence[str], **others: Any) -> Any:
        return popen(bound_words(command, agents), start_new_session=True, **others)

    return started


def bound_words(command: Sequence[str], agents: bool = False) -> list[str]:
    """The command of a Ray process, whose own processes end with it: on Linux, which alone can be asked for that.

    `agents`: with Ray's own, and not idle ones in their place.
    """
    if platform.system() != "Linux":
        return list(command)
    return [COMMAND.sub(partial(_bound, agents), word) for word in command]


def _bound(agents: bool, option: re.Match[str]) -> str:
    ports = AGENTS.get(option[1])
    if agents or not ports:
        return f"{option[0]}{BOUND} "
    idle = subprocess.list2cmdline([sys.executable, "-IS", idle_agent.__file__, ports])
    return f"{option[0]}{BOUND} {idle} "
