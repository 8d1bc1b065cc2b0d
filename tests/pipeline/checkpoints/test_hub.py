"""Hub ids: looked up in the hub's own cache folder, here one made by hand, with no network."""

from __future__ import annotations

import shutil
from pathlib import Path

import huggingface_hub.constants
import pytest

from axon import CheckpointError
from axon.models.hub import is_hub_id
from pipeline.checkpoints.checkpoint import locate, open_checkpoint

COMMITS = {"main": "a" * 40, "v2": "b" * 40}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two revisions of someone/random in the layout of the hub's cache; the network is off."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    repository = tmp_path / "models--someone--random"
    for revision, commit in COMMITS.items():
        shutil.copytree(checkpoint, repository / "snapshots" / commit)
        (repository / "refs").mkdir(exist_ok=True)
        (repository / "refs" / revision).write_text(commit)
    return repository


@pytest.mark.parametrize(("revision", "commit"), [(None, "main"), ("v2", "v2"), (COMMITS["v2"], "v2")])
def test_a_hub_id_is_the_revision_asked_for(cache: Path, revision: str | None, commit: str) -> None:
    assert locate("someone/random", revision) == cache / "snapshots" / COMMITS[commit]


def test_a_hub_id_and_its_folder_are_one_model(checkpoint: Path) -> None:
    assert open_checkpoint("someone/random", None).content == open_checkpoint(str(checkpoint), None).content


@pytest.mark.parametrize(("name", "revision"), [("someone/absent", None), ("someone/random", "v3")])
def test_what_cannot_be_had_is_one_line(name: str, revision: str | None) -> None:
    with pytest.raises(
        CheckpointError, match="not on this disk and cannot be downloaded from the hub"
    ) as caught:
        locate(name, revision)
    assert "\n" not in str(caught.value) and "model.path=FOLDER" in str(caught.value)


@pytest.mark.parametrize(
    "path", ["~/model", "./model", "../model", "/model", "model", "some/one/model", "pipeline/model"]
)
def test_a_path_is_not_asked_for_on_the_hub(path: str) -> None:
    """The last one's parent is a folder here: what is meant is most likely a folder in it."""
    assert not is_hub_id(path) and is_hub_id("someone/model")
