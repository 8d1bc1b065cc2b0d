"""The docs' recipe for a cluster, command by command, with two Ray nodes on loopback: whole, interrupted, with nodes
that lack something; what such a cluster refuses.
"""

from __future__ import annotations

import platform
import signal
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from pipeline.search import SEARCHES
from pipeline.storage.store import Store
from tests.pipeline.commands import completed, ended, records, signalled, uninterrupted
from tests.pipeline.conftest import write_checkpoint
from tests.pipeline.ray_nodes import Cluster, at_once
from tests.pipeline.toy_search import bisecting
from tests.pipeline.workers.test_sweep import TOY, in_this_process, results
from tests.pipeline.workers.test_sweep import words as group_words

pytest_plugins = ["tests.pipeline.shared_ray"]
pytestmark = pytest.mark.slow
LIMIT = 8


def words(checkpoint: Path, out: Path) -> list[str]:
    small = ["trade_off.values=[0.5]", f"limit={LIMIT}", "slice_size=4", "wandb=off"]
    return ["sweep=uncertainty_threshold", *small, f"model.path={checkpoint}", f"out={out}"]


def test_a_search_interrupted_on_ray_equals_one_that_runs_through_in_this_process(
    ray_cluster: Cluster, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SEARCHES, "bisect_nfe", bisecting(lambda outcome: (outcome.nfe or 0.0) > 4))
    space = "{grid: {decoder: {threshold: {low: 0.0, high: 1.0}}}}"
    asked = [*group_words(checkpoint, tmp_path, space), "sweep.search=bisect_nfe"]
    whole = in_this_process(asked, Store(str(tmp_path / "whole")))
    assert len(whole["settings"]) >= 5, "it asks several times"

    told = {**ray_cluster.environment, "RESULTS": str(tmp_path / "results")}
    joined = [*asked, *ray_cluster.words]
    ending = ended(joined, tmp_path, 5, signalled(signal.SIGINT), TOY, **told)
    assert ending.code == 130 and ending.errors == "" and "settings so far" in ending.shown, ending
    code, shown, errors = completed(joined, TOY, **told)
    assert code == 0 and errors == "", shown + errors
    assert in_this_process(asked, Store(str(tmp_path / "store"))) == whole
    assert len(results(tmp_path / "results")) <= 2 * len(whole["settings"]) + 2, (
        "only what was interrupted is repeated"
    )


def test_by_the_recipe_one_setting_is_shared_by_the_nodes(
    ray_cluster: Cluster, checkpoint: Path, tmp_path: Path
) -> None:
    small = [f"limit={LIMIT}", "slice_size=4", "gen_length=8", "block_length=4", "wandb=off"]
    asked = [*small, f"model.path={checkpoint}", f"out={tmp_path / 'two'}"]
    code, shown, errors = completed([*asked, *ray_cluster.words], **ray_cluster.environment)
    assert code == 0 and errors == "", shown + errors
    assert "needs no cluster" not in shown
    expected = uninterrupted(asked, tmp_path / "one", LIMIT)
    assert len(expected) == LIMIT
    pd.testing.assert_frame_equal(records(asked, tmp_path / "two", LIMIT), expected)


def test_nodes_without_the_model_or_without_torch_leave_the_sweep_to_the_others(
    ray_cluster: Cluster, checkpoint: Path, tmp_path: Path
) -> None:
    """Which give what one machine gives. A worker without torch fails within seconds, so it would take one setting
    after the other and use up their tries.
    """
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "torch.py").write_text("raise ModuleNotFoundError(\"No module named 'torch'\")\n")
    without = replace(
        ray_cluster, environment={**ray_cluster.environment, "PYTHONPATH": str(tmp_path / "site")}
    )
    group = "+sweep.groups.g={grid: {seed: [1, 2, 3, 4, 5, 6]}, set: {temperature: 0.7}}"
    small = ["limit=4", "gen_length=8", "block_length=4", "wandb=off", f"model.path={checkpoint}"]
    asked = ["~sweep.groups.setting", group, *small, f"out={tmp_path / 'four'}"]
    told = {
        **ray_cluster.environment,
        "RESULTS": str(tmp_path / "results"),
        "LACKING": str(tmp_path / "lacking"),
    }
    with at_once(lacking(ray_cluster, checkpoint.name).node(), without.node()):
        code, shown, errors = completed([*asked, *ray_cluster.words], TOY, **told)
    assert code == 0 and errors == "", shown + errors
    assert f"is set aside for such settings: CheckpointError: model.path='{checkpoint}': no such" in shown
    [line] = [line for line in shown.splitlines() if f"{platform.node()} is set aside: " in line]
    assert "ModuleNotFoundError: No module named 'torch'" in line
    expected = uninterrupted(asked, tmp_path / "one", 4)
    assert records(asked, tmp_path / "four", 4).equals(expected)


def test_each_node_does_what_it_has_gpus_and_the_model_for_and_what_none_has_fails(
    ray_cluster: Cluster, tmp_path: Path
) -> None:
    """A model over two GPUs goes where a machine has two, which keeps the cluster's other nodes out of it.

    Ray counts the GPUs that it is told of; torch finds none here, so that the workers decode on their cores.
    """
    one, other, neither = (
        str(write_checkpoint(tmp_path / name, seed)) for seed, name in enumerate(("A", "B", "C"))
    )
    group = f"+sweep.groups.g={{grid: {{model.path: [{one}, {other}, {neither}], seed: [1, 2]}}, "
    group += "set: {temperature: 0.7}}"
    small = ["~sweep.groups.setting", "limit=4", "gen_length=8", "block_length=4", "wandb=off"]
    asked = [*small, group, f"out={tmp_path / 'two'}"]
    told = {"RESULTS": str(tmp_path / "results"), "LACKING": str(tmp_path / "lacking")}
    told |= ray_cluster.environment
    joined = ["cluster=ray_address", f"cluster.address={ray_cluster.address}"]
    nodes = (lacking(ray_cluster, names).node("--num-gpus=2") for names in ("B C", "A C"))
    with at_once(*nodes):
        code, shown, errors = completed([*asked, *joined, "model.gpus=3"], **ray_cluster.environment)
        assert code == 2 and "cluster.gpus_per_worker=3: no machine has that many GPUs" in errors, errors
        assert "1 core and 2 GPUs, 1 core and no GPUs; lower it, and model.gpus where" in errors
        code, shown, errors = completed([*asked, *joined, "model.gpus=2"], TOY, **told)
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
    "words_more, environment, expected",
    [
        (
            ["cluster.gpus_per_worker=1"],
            {"RAY_AUTH_MODE": "token"},
            "have 1 core and no GPUs; set cluster.gpus_per",
        ),
        # Ray tries as often, a second apart; twenty times if nothing is set.
        ([], {"RAY_NUM_REDIS_GET_RETRIES": "3"}, "export RAY_AUTH_MODE=token if it was started with one"),
    ],
)
def test_what_a_cluster_cannot_give_is_told_in_a_line(
    ray_cluster: Cluster,
    checkpoint: Path,
    tmp_path: Path,
    words_more: list[str],
    environment: dict[str, str],
    expected: str,
) -> None:
    asked = [*words(checkpoint, tmp_path), *ray_cluster.words, *words_more]
    code, shown, errors = completed(asked, HOME=ray_cluster.environment["HOME"], **environment)
    assert code == 2, shown + errors
    assert expected in errors and errors.count("\n") == 1
