"""Folders and names that are no checkpoint: one line with the remedy each, whatever lies there."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from axon import CheckpointError
from pipeline.checkpoints.checkpoint import open_checkpoint


def _adapter(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "adapter_model.safetensors")


def _adapter_alone(folder: Path) -> None:
    _adapter(folder)
    (folder / "config.json").unlink()


def _dead_link(folder: Path) -> None:
    """As the hub's cache has them once its blobs were removed."""
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").symlink_to("../blobs/gone")


def _folder_for_a_file(folder: Path) -> None:
    (folder / "tokenizer.json").unlink(missing_ok=True)
    (folder / "tokenizer.json").mkdir()


MERGE = (
    "holds an adapter (adapter_model.safetensors), not a model; merge it into the model that it was made for"
)
BROKEN: dict[Callable[[Path], None], str] = {
    _adapter: MERGE,
    _adapter_alone: MERGE,
    _dead_link: "model.safetensors cannot be read (No such file or directory); copy it again",
    _folder_for_a_file: "tokenizer.json cannot be read (Is a directory); copy it again",
}


def told(path: str) -> str:
    with pytest.raises(CheckpointError) as caught:
        open_checkpoint(path, None)
    line = str(caught.value)
    assert "\n" not in line and line.startswith(f"model.path={path!r}: ")
    return line


@pytest.mark.parametrize("broken", BROKEN)
def test_what_is_no_model_is_told_with_the_remedy(
    broken: Callable[[Path], None], checkpoint: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "ein ✓ model"
    shutil.copytree(checkpoint, folder)
    assert open_checkpoint(str(folder), None).content
    open_checkpoint.cache_clear()
    broken(folder)
    assert BROKEN[broken] in told(str(folder))


@pytest.mark.parametrize(
    "path", ["/tmp/" + "a" * 300, "b" * 5000, "~" + "c" * 5000, "d\0", "/no/where", "assets/none"]
)
def test_a_name_that_no_folder_has_is_told(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")  # "assets" is a folder of this repository, not of the hub
    assert told(path).endswith("no such folder; give a checkpoint folder or a hub id")


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("https://hub.example/ORG/Name-8B", "ORG/Name-8B"),
        ("https://hub.example/ORG/Name-8B.v1/tree/main?x=1", "ORG/Name-8B.v1"),
        ("hub.example/ORG/Name-8B/", "ORG/Name-8B"),
        ("ORG/Name-8B/", "ORG/Name-8B"),
        ("https://hub.example/spaces/ORG/Name-8B", None),
        ("https://hub.example/ORG", None),
        ("s3://bucket/ORG/Name-8B", None),
        ("/ORG/Name-8B/", None),
        ("a/b/c", None),
        ("../ORG/Name-8B", None),
    ],
)
def test_the_id_that_a_page_or_a_slash_too_many_stands_for_is_named(path: str, meant: str | None) -> None:
    """It is never used unasked."""
    such = f", such as {meant}" if meant else ""
    assert told(path).endswith(f": no such folder; give a checkpoint folder or a hub id{such}")
