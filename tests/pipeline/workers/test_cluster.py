"""The docs' recipe for a cluster, command by command, with two Ray nodes on loopback; what such a cluster refuses."""

from __future__ import annotations

import platform
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from tests.pipeline.commands import completed, records, uninterrupted
from tests.pipeline.conftest import ROOT, write_checkpoint
from tests.pipeline.ray_nodes import Cluster

pytest_plugins = ["tests.pipeline.shared_ray"]
pytestmark = pytest.mark.slow
LIMIT = 8
TOY = ROOT / "tests/pipeline/toy_command.py"


def words(checkpoint: Path, out: Path) -> list[str]:
    small = ["trade_off.values=[0.5]", f"limit={LIMIT}", "slice_size=4", "wandb=off"]
    return ["sweep=uncertainty_threshold", *small, f"model.path={checkpoint}", f"out={out}"]


def test_the_recipe_gives_what_one_machine_gives(
    ray_cluster: Cluster,
    checkpoint: Path,
    tmp_path: Path,
) -> None:
    asked = words(checkpoint, tmp_path / "two")
    code, shown, errors = completed([*asked, *ray_cluster.words], **ray_cluster.environment)
    assert code == 0 and errors == "", shown + errors
    expected = uninterrupted(asked, tmp_path / "one", LIMIT)
    assert len(expected) == 6 * LIMIT
    pd.testing.assert_frame_equal(records(asked, tmp_path / "two", LIMIT), expected)


def test_one_setting_is_shared_by_the_nodes(ray_cluster: Cluster, checkpoint: Path, tmp_path: Path) -> None:
    small = [f"limit={LIMIT}", "slice_size=4", "gen_length=8", "block_length=4", "wandb=off"]
    asked = [*small, f"model.path={checkpoint}", f"out={tmp_path / 'two'}"]
    code, shown, errors = completed([*asked, *ray_cluster.words], **ray_cluster.environment)
    assert code == 0 and errors == "", shown + errors
    assert "needs no cluster" not in shown
    expected = uninterrupted(asked, tmp_path / "one", LIMIT)
    pd.testing.assert_frame_equal(records(asked, tmp_path / "two", LIMIT), expected)


def test_a_model_over_two_gpus_goes_where_a_machine_has_two(
    ray_cluster: Cluster, checkpoint: Path, tmp_path: Path
) -> None:
    """Ray counts the GPUs that it is told of; torch finds none here, so that the worker decodes on its core."""
    group = "+sweep.groups.g={grid: {seed: [1, 2]}, set: {temperature: 0.7}}"
    small = [f"limit={LIMIT}", "gen_length=8", "block_length=4", "wandb=off", f"model.path={checkpoint}"]
    asked = ["~sweep.groups.setting", group, *small, f"out={tmp_path / 'two'}"]
    joined = ["cluster=ray_address", f"cluster.address={ray_cluster.address}"]
    with ray_cluster.node("--num-gpus=2"):
        code, shown, errors = completed([*asked, *joined, "model.gpus=3"], **ray_cluster.environment)
        assert code == 2 and "cluster.gpus_per_worker=3: no machine has that many GPUs" in errors, errors
        assert "1 core and 2 GPUs, 1 core and no GPUs; lower it, and model.gpus where" in errors
        code, shown, errors = completed([*asked, *joined, "model.gpus=2"], **ray_cluster.environment)
    assert code == 0 and errors == "", shown + errors
    expected = uninterrupted(asked, tmp_path / "one", LIMIT)
    pd.testing.assert_frame_equal(records(asked, tmp_path / "two", LIMIT), expected)


def test_a_node_without_the_model_leaves_the_sweep_to_the_others(
    ray_cluster: Cluster, checkpoint: Path, tmp_path: Path
) -> None:
    group = "+sweep.groups.g={grid: {seed: [1, 2, 3, 4, 5, 6]}, set: {temperature: 0.7}}"
    small = ["limit=4", "gen_length=8", "block_length=4", "wandb=off", f"model.path={checkpoint}"]
    asked = ["~sweep.groups.setting", group, *small, f"out={tmp_path / 'three'}"]
    told = {
        **ray_cluster.environment,
        "RESULTS": str(tmp_path / "results"),
        "LACKING": str(tmp_path / "lacking"),
    }
    with lacking(ray_cluster, checkpoint.name).node():
        code, shown, errors = completed([*asked, *ray_cluster.words], TOY, **told)
    assert code == 0 and errors == "", shown + errors
    assert f"is set aside for such settings: CheckpointError: model.path='{checkpoint}': no such" in shown
    expected = uninterrupted(asked, tmp_path / "one", 4)
    assert records(asked, tmp_path / "three", 4).equals(expected)


def test_a_node_without_torch_leaves_the_sweep_to_the_others(
    ray_cluster: Cluster, checkpoint: Path, tmp_path: Path
) -> None:
    """Such a worker fails within seconds, so it would take one setting after the other and use up their tries."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "torch.py").write_text("raise ModuleNotFoundError(\"No module named 'torch'\")\n")
    without = replace(
        ray_cluster, environment={**ray_cluster.environment, "PYTHONPATH": str(tmp_path / "site")}
    )
    group = "+sweep.groups.g={grid: {seed: [1, 2, 3, 4, 5, 6]}, set: {temperature: 0.7}}"
    small = ["limit=4", "gen_length=8", "block_length=4", "wandb=off", f"model.path={checkpoint}"]
    asked = ["~sweep.groups.setting", group, *small, f"out={tmp_path / 'three'}"]
    with without.node():
        code, shown, errors = completed([*asked, *ray_cluster.words], **ray_cluster.environment)
    assert code == 0 and errors == "", shown + errors
    [line] = [line for line in shown.splitlines() if f"{platform.node()} is set aside: " in line]
    assert "ModuleNotFoundError: No module named 'torch'" in line
    assert records(asked, tmp_path / "three", 4).equals(uninterrupted(asked, tmp_path / "one", 4))


def test_each_node_does_what_it_has_the_model_for_and_what_none_has_fails(
    ray_cluster: Cluster, tmp_path: Path
) -> None:
    """The two have a GPU by Ray's count, which keeps the cluster's other nodes out of it."""
    one, other, neither = (
        str(write_checkpoint(tmp_path / name, seed)) for seed, name in enumerate(("A", "B", "C"))
    )
    group = f"+sweep.groups.g={{grid: {{model.path: [{one}, {other}, {neither}], seed: [1, 2]}}, "
    group += "set: {temperature: 0.7}}"
    small = ["~sweep.groups.setting", "limit=4", "gen_length=8", "block_length=4", "wandb=off"]
    asked = [*small, group, f"out={tmp_path / 'two'}"]
    told = {"RESULTS": str(tmp_path / "results"), "LACKING": str(tmp_path / "lacking")}
    joined = [*ray_cluster.words, "cluster.gpus_per_worker=1"]
    with lacking(ray_cluster, "B C").node("--num-gpus=1"), lacking(ray_cluster, "A C").node("--num-gpus=1"):
        code, shown, errors = completed([*asked, *joined], TOY, **ray_cluster.environment, **told)
    assert code == 1, shown + errors
    reason = f"CheckpointError: model.path='{neither}': no such folder; check the path (on {platform.node()})"
    failed = [
        line for line in shown.splitlines() if "; no machine that is left can begin it: give one of" in line
    ]
    assert len(failed) == 1 and reason in failed[0] and errors == "", shown
    assert all(f"C seed={seed} (" in failed[0] for seed in (1, 2))
    assert shown.count("is set aside for such settings") <= 2
    tried = Path(told["LACKING"]).read_text().splitlines()
    assert len(tried) == len(set(tried)) and len([each for each in tried if each.endswith(neither)]) == 2
    begun = [*small, group.replace(f", {neither}]", "]"), f"out={tmp_path / 'one'}"]
    expected = uninterrupted(begun, tmp_path / "one", 4)
    assert len(expected) == 2 * 2 * 4
    found = records(asked, tmp_path / "two", 4)
    pd.testing.assert_frame_equal(found, expected)


def lacking(cluster: Cluster, models: str) -> Cluster:
    """For nodes that lack the models in folders of these names, see toy_command.py."""
    return replace(cluster, environment={**cluster.environment, "LACKING": models})


@pytest.mark.parametrize(
    "words_more, token, expected",
    [
        (
            ["cluster.gpus_per_worker=1"],
            {"RAY_AUTH_MODE": "token"},
            "have 1 core and no GPUs; set cluster.gpus_per",
        ),
        ([], {}, "export RAY_AUTH_MODE=token if it was started with one"),
    ],
)
def test_what_a_cluster_cannot_give_is_told_in_a_line(
    ray_cluster: Cluster,
    checkpoint: Path,
    tmp_path: Path,
    words_more: list[str],
    token: dict[str, str],
    expected: str,
) -> None:
    asked = [*words(checkpoint, tmp_path), *ray_cluster.words, *words_more]
    code, shown, errors = completed(asked, HOME=ray_cluster.environment["HOME"], **token)
    assert code == 2, shown + errors
    assert expected in errors and errors.count("\n") == 1
