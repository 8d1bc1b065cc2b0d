"""The files under deploy/ are what Ray, KubeRay and this repository take them for."""

from __future__ import annotations

import ast
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

import launch
from pipeline.inputs.config import read_config

DEPLOY = Path(__file__).resolve().parents[1] / "deploy"

# What KubeRay 1.7 knows, of what ray_job.yaml uses (ray-project/ray: doc/source/cluster/kubernetes, API reference).
JOB = {
    "entrypoint", "backoffLimit", "shutdownAfterJobFinishes", "ttlSecondsAfterFinished", "rayClusterSpec",
    "runtimeEnvYAML", "submissionMode", "activeDeadlineSeconds", "suspend", "metadata", "clusterSelector",
}  # fmt: skip
CLUSTER = {"rayVersion", "authOptions", "headGroupSpec", "workerGroupSpecs", "enableInTreeAutoscaling"}
GROUP = {"groupName", "replicas", "minReplicas", "maxReplicas", "rayStartParams", "template"}


def loaded(name: str) -> Any:
    return yaml.safe_load((DEPLOY / name).read_text())


def test_ray_takes_the_cluster() -> None:
    from ray.autoscaler._private.util import prepare_config, validate_config

    config = prepare_config(loaded("ray_cluster.yaml"))
    validate_config(config)
    assert config["head_node_type"] in config["available_node_types"]
    tokens = [there for there in config["file_mounts"] if there.endswith("/.ray/auth_token")]
    assert tokens and any("RAY_AUTH_MODE=token" in line for line in config["initialization_commands"])
    config["min_worker"] = 3
    with pytest.raises(Exception, match="min_worker"):
        validate_config(config)


def test_kuberay_takes_the_job() -> None:
    job = loaded("ray_job.yaml")
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    cluster = job["spec"]["rayClusterSpec"]
    groups = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    assert (
        set(job["spec"]) <= JOB and set(cluster) <= CLUSTER and all(set(group) <= GROUP for group in groups)
    )
    assert cluster["authOptions"] == {"mode": "token"}
    image = (DEPLOY / "Dockerfile").read_text()
    for group in groups:
        assert all(isinstance(value, str) for value in group["rayStartParams"].values())
        [container] = group["template"]["spec"]["containers"]
        assert container["image"].split("/")[1] in image
    assert f"rayproject/ray:{cluster['rayVersion']}-" in image


def test_the_versions_of_ray_are_the_tested_one() -> None:
    pins = (DEPLOY.parent / "constraints.txt").read_text()
    version = re.search(r"^ray==(.+)$", pins, re.MULTILINE)
    assert version and loaded("ray_job.yaml")["spec"]["rayClusterSpec"]["rayVersion"] == version[1]


def commands() -> list[str]:
    """The sweeps that the files and their README start, each as words."""
    readme = re.sub(r" \\\n\s*", " ", (DEPLOY / "README.md").read_text())
    lines = [
        loaded("ray_job.yaml")["spec"]["entrypoint"],
        *re.findall(r"^(?:ray|sbatch|python) .+", readme, re.M),
    ]
    return [line for line in lines if "sweep=" in line]


@pytest.mark.parametrize("command", commands())
def test_every_sweep_that_is_started_is_one(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    words = [word for word in shlex.split(command) if re.match(r"[a-z_.]+=", word)]
    monkeypatch.setattr("sys.argv", ["launch.py", *words])
    assert read_config(launch.compose()).sweep.groups


def test_what_is_shipped_with_a_job_is_what_is_shipped_with_a_sweep() -> None:
    source = (
        DEPLOY.parent / "pipeline/workers/cluster.py"
    ).read_text()  # importing it imports Ray, which takes seconds
    unshipped = re.search(r"^UNSHIPPED = (.+)$", source, re.MULTILINE)
    assert unshipped and loaded("runtime_env.yaml") == {"excludes": ast.literal_eval(unshipped[1])}
