"""Configs as Hydra composes them of a command line's words and the files in conf/ and --config-dir."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from axon.settings import BLOCK_LENGTH
from pipeline.inputs.command_line import CommandLine, key_of
from pipeline.inputs.layers import Layer, Order

CONF = Path(__file__).resolve().parents[2] / "conf"
ALONE = "sweep=none"

# A block length of null is the model's own, which is not known before its config is read: 32 stands for it.
OmegaConf.register_new_resolver("divide", lambda whole, parts: whole // (parts or BLOCK_LENGTH), replace=True)


def folders(line: CommandLine) -> list[Path]:
    return [CONF, *([line.config_dir] if line.config_dir else [])]


def words_without(keys: Iterable[str], line: CommandLine) -> list[str]:
    return [word for word in line.words if key_of(word) not in keys]


def composed(words: Sequence[str], line: CommandLine) -> dict[str, Any]:
    """Raises what Hydra and the readers below it raise."""
    with configs():
        config = hydra.compose("config", [*words, *searched(line)])
    return plain(config, words)


def plain(config: DictConfig, words: Sequence[str]) -> dict[str, Any]:
    """A composed config with its values filled in. Raises what OmegaConf raises."""
    if ALONE in words and not any(key_of(word).startswith("sweep.") for word in words):
        # One setting, whatever an experiment adds to the sweep that it chooses itself: as a report's commands ask.
        config = OmegaConf.create({**config, "sweep": OmegaConf.load(CONF / "sweep/none.yaml")})
    tree: Any = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    return dict(tree)


def files_of(keys: Iterable[str], names: Mapping[str, str], line: CommandLine) -> Order:
    """What Hydra would merge for the command line with these names, and without its own names of `keys`."""
    words = [*words_without(keys, line), *(f"{key}={name}" for key, name in names.items())]
    with configs():
        loader = GlobalHydra.instance().config_loader()
        found = loader.compute_defaults_list("config", [*words, *searched(line)], RunMode.RUN)
    layers = [
        Layer(own.config_path, own.package, own.parent.split("/")[0] == own.config_path.split("/")[0])
        for own in found.defaults
        if not own.config_path.startswith("hydra/")
    ]
    return Order(layers, [word for word in found.config_overrides if not word.is_hydra_override()])


@contextmanager
def configs() -> Iterator[None]:
    GlobalHydra.instance().clear()
    with hydra.initialize_config_dir(str(CONF), version_base="1.3"):
        yield


def searched(line: CommandLine) -> list[str]:
    """The word that names the user's own folder of configs."""
    path = str(line.config_dir).replace("\\", "\\\\").replace('"', '\\"')
    return [f'hydra.searchpath=["file://{path}"]'] if line.config_dir else []
