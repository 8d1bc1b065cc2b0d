"""The files under deploy/ are what Ray, KubeRay and this repository take them for."""

from __future__ import annotations

import ast
import re
import shlex
import shutil
import subprocess
import sys
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


def device_sh(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """deploy/device.sh in a folder that holds nothing else, with a python3 that has only its own library."""
    for name in ("deploy", "bin"):
        (folder / name).mkdir(exist_ok=True)
    script = shutil.copy(DEPLOY / "device.sh", folder / "deploy")
    python = folder / "bin/python3"
    python.write_text(f'#!/bin/sh\n[ "$1" = -m ] || exec {sys.executable} -IS "$@"\n')
    python.chmod(0o755)
    return subprocess.run(
        ["bash", script, *words],
        env={"PATH": f"{folder / 'bin'}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_what_a_lent_machine_lacks_is_said_before_its_time_is_spent(tmp_path: Path) -> None:
    found = device_sh(tmp_path)
    assert (found.returncode, found.stderr[:28]) == (2, "usage: bash deploy/device.sh")
    found = device_sh(tmp_path, "run")
    assert found.returncode == 2 and found.stderr.startswith(
        ".carry is missing: run 'bash deploy/device.sh pack'"
    )
    for folder in ("golden", "site"):
        (tmp_path / ".carry" / folder).mkdir(parents=True)
    found = device_sh(tmp_path, "run")
    assert found.returncode == 1 and "this machine's python3 lacks torch, transformers, " in found.stderr


def test_each_package_for_a_lent_machine_is_pinned_once() -> None:
    lines = re.findall(r"^packages\+?=\((.*)\)$", (DEPLOY / "device.sh").read_text(), re.MULTILINE)
    pins = (DEPLOY.parent / "constraints.txt").read_text().lower().replace("-", "_").splitlines()
    for name in " ".join(lines).split():
        assert len([pin for pin in pins if pin.startswith(f"{name.lower().replace('-', '_')}==")]) == 1, name
