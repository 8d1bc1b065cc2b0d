"""The docs' recipe for a cluster, command by command, with two Ray nodes on loopback; what such a cluster refuses."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from commands import completed, records, uninterrupted
from ray_nodes import Cluster

pytest_plugins = ["shared_ray"]
pytestmark = pytest.mark.slow
LIMIT = 8


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
