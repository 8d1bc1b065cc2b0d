"""Many configs of one command line, which differ in choices by name alone, without Hydra for each of them.

Hydra takes 0.16 s for a config, and a sweep over models, tasks and decoders has hundreds. Here Hydra says for every
name once which files it merges, and in which order; files of several names are put together in that order, and
OmegaConf merges them, as it does for Hydra. The first configs are Hydra's: where one of them isn't what is merged here,
all are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any, Protocol

from omegaconf import DictConfig, OmegaConf, open_dict

FEW = 6  # configs that Hydra makes in any case: to ask it for the order of a name's files takes half as long as one
# Files that are taken for several choices together, where there is one; merged before a sweep's (conf/config.yaml).
TOGETHER = {"published": ("model", "decoder"), "published_task": ("model", "decoder", "task")}
BEFORE = "sweep"

Names = Mapping[str, str]
Tree = dict[str, Any]


class Word(Protocol):
    """A word that sets a key, as Hydra has read it."""

    key_or_group: str

    def value(self) -> Any: ...
    def is_add(self) -> bool: ...
    def is_force_add(self) -> bool: ...
    def is_delete(self) -> bool: ...


@dataclass(frozen=True)
class Layer:
    """A file without its ending, `decoder/dawn`, and the dotted key below which its keys go; "": none.

    `listed`: by a file of its own group, as what it builds on.
    """

    path: str
    package: str
    listed: bool = False


@dataclass(frozen=True)
class Order:
    """What Hydra merges: files, then words."""

    layers: Sequence[Layer]
    words: Sequence[Word]

    @property
    def runs(self) -> dict[str, list[Layer]]:
        """The files by group, in their order. Raises ValueError where a group's don't follow each other."""
        runs = [(group, list(run)) for group, run in groupby(self.layers, group_of) if group not in TOGETHER]
        if len(found := dict(runs)) < len(runs):
            raise ValueError("files of a group are apart")
        return found


class Layers:
    """`slow`: Hydra's config with these names in place of the command line's own. `order`: what Hydra would merge for
    the name of one key, or of none, without the command line's own names of these keys. `plain`: a merged config as
    plain data, without them, too. `folders`: those with files; the first that has one wins.
    """

    def __init__(
        self,
        slow: Callable[[Names], Tree],
        order: Callable[[Iterable[str], Names], Order],
        plain: Callable[[DictConfig, Iterable[str]], Tree],
        folders: Sequence[Path],
    ) -> None:
        self._slow, self._plain, self._folders = slow, plain, folders
        self._order = cache(lambda keys, *name: order(keys, dict(name)))
        self._tree = cache(self._read)
        self._made: list[tuple[Names, Tree]] = []
        self._alike: bool | None = None  # whether Hydra's are as those merged here; None: not known yet

    def __call__(self, names: Names) -> Tree:
        """The config of these names as plain data. Raises what `slow` does, to which it leaves what can't be merged."""
        if len(self._made) < FEW:
            self._made.append((names, self._slow(names)))
            return self._made[-1][1]
        if self._alike is None:
            self._alike = all(self._quick(made) == tree for made, tree in self._made)
        tree = self._quick(names) if self._alike else None
        return self._slow(names) if tree is None else tree

    def _quick(self, names: Names) -> Tree | None:
        try:
            return self._plain(self._merged(names), frozenset(names))
        except Exception:  # Hydra says what is wrong, if anything is
            return None

    def _merged(self, names: Names) -> DictConfig:
        """Raises ValueError, or what the readers of files raise, where Hydra may do something else."""
        order = self._order(keys := frozenset(names))
        own = order.runs
        runs = dict(own)
        for key, name in names.items():
            others = self._order(keys, (key, name)).runs
            if list(others) != list(own) or any(others[group] != own[group] for group in own if group != key):
                raise ValueError("files of a name depend on another name")
            runs[key] = others[key]
        config = OmegaConf.merge(*(self._tree(layer) for layer in self._with_pairs(runs)))
        assert isinstance(config, DictConfig)
        OmegaConf.set_struct(config, True)
        for word in order.words:
            _set(config, word)
        return config

    def _with_pairs(self, runs: Mapping[str, Sequence[Layer]]) -> list[Layer]:
        """All files, with those of several choices together."""
        chosen = {
            key: layer.path.partition("/")[2]
            for key, run in runs.items()
            for layer in run
            if not layer.listed
        }
        paths = [f"{group}/{'_'.join(chosen[key] for key in keys)}" for group, keys in TOGETHER.items()]
        pairs = [Layer(path, "") for path in paths if self._file(path)]
        at = list(runs).index(BEFORE)
        parts = [*list(runs.values())[:at], pairs, *list(runs.values())[at:]]
        return [layer for part in parts for layer in part]

    def _file(self, path: str) -> Path | None:
        return next((file for folder in self._folders if (file := folder / f"{path}.yaml").exists()), None)

    def _read(self, layer: Layer) -> DictConfig:
        """What a file says, below its package, without its list of other files."""
        tree = OmegaConf.load(self._file(layer.path) or layer.path)
        assert isinstance(tree, DictConfig)
        tree.pop("defaults", None)
        if not layer.package:
            return tree
        held = OmegaConf.create()
        OmegaConf.update(held, layer.package, tree, merge=False)
        return held


def group_of(layer: Layer) -> str:
    return layer.path.partition("/")[0]


def _set(config: DictConfig, word: Word) -> None:
    """As Hydra does. Raises ValueError, or what OmegaConf raises, for a word that Hydra may refuse."""
    key, value = word.key_or_group, word.value()
    there = OmegaConf.select(config, key, throw_on_missing=False)
    if word.is_delete():
        if there is None or value is not None:
            raise ValueError(key)
        parent, _, last = key.rpartition(".")
        with open_dict(config):
            del (OmegaConf.select(config, parent) if parent else config)[last]
        return
    if word.is_add() and there is not None and not isinstance(value, dict | list):
        raise ValueError(key)
    OmegaConf.update(config, key, value, merge=True, force_add=word.is_add() or word.is_force_add())
