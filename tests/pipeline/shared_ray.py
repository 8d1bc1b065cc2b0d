"""One Ray cluster for the end-to-end tests of a module that don't test Ray's own start or death: two small nodes.

Not one for the whole session: left idle through four minutes of other tests, it was once gone.
A test module takes it with `pytest_plugins = ["tests.pipeline.shared_ray"]`.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator

import pytest

from tests.pipeline.ray_nodes import RAY, Cluster, end, folder_of_a_node, free_port, start_node

# A node that is gone is told from one that is busy after 15 seconds, where nothing else is set.
WATCHFUL = {"RAY_health_check_period_ms": "500", "RAY_health_check_failure_threshold": "6"}


@pytest.fixture(scope="module")
def ray_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    home, port = tmp_path_factory.mktemp("home"), free_port()
    environment = {"HOME": str(home), "RAY_AUTH_MODE": "token", **WATCHFUL}
    token = [RAY, "get-auth-token", "--generate"]
    subprocess.run(token, env={**os.environ, **environment}, check=True, capture_output=True)
    nodes: list[subprocess.Popen[str]] = []
    with folder_of_a_node() as head, folder_of_a_node() as other:
        here = ["--node-ip-address=127.0.0.1", "--include-dashboard=false", head]
        try:
            nodes.append(start_node(["--head", f"--port={port}", *here], environment))
            nodes.append(start_node([f"--address=127.0.0.1:{port}", other], environment))
            yield Cluster(f"127.0.0.1:{port}", environment)
        finally:
            end(nodes)
