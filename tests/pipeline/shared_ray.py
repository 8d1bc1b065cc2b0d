"""One Ray cluster for the end-to-end tests of a module that don't test Ray's own start or death: two small nodes.

Not one for the whole session: left idle through four minutes of other tests, it was once gone.
A test module takes it with `pytest_plugins = ["shared_ray"]`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator

import pytest
from ray_nodes import RAY, Cluster, end, free_port, start_node


@pytest.fixture(scope="module")
def ray_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    home, port = tmp_path_factory.mktemp("home"), free_port()
    folder = tempfile.mkdtemp(prefix="axon-two-", dir="/tmp")  # sockets: a short path
    environment = {"HOME": str(home), "RAY_AUTH_MODE": "token"}
    token = [RAY, "get-auth-token", "--generate"]
    subprocess.run(token, env={**os.environ, **environment}, check=True, capture_output=True)
    nodes: list[subprocess.Popen[str]] = []
    here = ["--node-ip-address=127.0.0.1", f"--temp-dir={folder}", "--include-dashboard=false"]
    try:
        nodes.append(start_node(["--head", f"--port={port}", *here], environment))
        nodes.append(start_node([f"--address=127.0.0.1:{port}"], environment))
        yield Cluster(f"127.0.0.1:{port}", environment)
    finally:
        end(nodes)
        shutil.rmtree(folder, ignore_errors=True)
