"""The folders of configs: which groups of choices there are, and whether a command line names one of each."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import yaml

from axon.installed_parts import installed_kinds
from pipeline.errors import ConfigError, one_in

UNCHOSEN = ("hydra", "published", "published_task")  # taken by the other choices, not by a user
MANY = 60

Folders = Sequence[Path]  # conf/ and, where it is given, --config-dir; the first that has a file wins


def choices(folders: Folders, group: str) -> list[str]:
    """The names that `group=NAME` can take; none where there is no such group."""
    return sorted({file.stem for folder in folders for file in (folder / group).glob("*.yaml")})


def described(folders: Folders) -> str:
    """Every group that a user chooses from, with its names; of a long one how many there are, and where."""
    groups = sorted({path.name for folder in folders for path in folder.iterdir() if path.is_dir()})
    shown = [group for group in groups if group not in UNCHOSEN and choices(folders, group)]
    return "\n".join(_listing(group, choices(folders, group)) for group in shown)


def described_installed() -> list[str]:
    """A line for each key that names what installed packages bring, with the names."""
    named: dict[str, list[str]] = {}
    for part, name, _ in installed_kinds():
        named.setdefault(part.key, []).append(name)
    return [f"{key}, of installed packages: {', '.join(names)}" for key, names in named.items()]


def _listing(group: str, names: Sequence[str]) -> str:
    if len(names) > MANY:
        return f"{group}: {len(names)} names, those of the files in conf/{group}, such as {names[0]}"
    return textwrap.fill(f"{group}: {', '.join(names)}", 118, subsequent_indent="  ", break_on_hyphens=False)


def check_names(folders: Folders, words: Sequence[str]) -> None:
    """A group takes the name of one choice. Raises ConfigError for a word that names none or several.

    Hydra would merge a list of them into one config, and says nothing useful about a number.
    """
    for word in words:
        group, _, value = word.lstrip("+").partition("=")
        if not group:
            raise ConfigError([f"{word}: has no key; write key=value"])
        if not group.isidentifier() or not (names := choices(folders, group)):
            continue
        if group == "recipe" and value == "null":  # the only choice that may be none
            continue
        if re.fullmatch(r"|null|true|false|[-+.\d]+|[\[{].*", value):
            raise ConfigError(
                [f"{word}: must be the name of one choice; {one_in(f'conf/{group}', names, value)}"]
            )


def holders(folders: Folders, key: str) -> list[str]:
    """The choices of its group whose own file sets a dotted key: `decoder=dawn` for decoder.tau_low."""
    group = key.split(".")[0]
    return [f"{group}={name}" for name in choices(folders, group) if _sets(_file(folders, group, name), key)]


def _file(folders: Folders, group: str, name: str) -> Path:
    return next(file for folder in folders if (file := folder / group / f"{name}.yaml").exists())


def _sets(file: Path, key: str) -> bool:
    """Whether a choice with `# @package _global_` sets the key; files of other packages all have the same keys."""
    with suppress(OSError, ValueError, yaml.YAMLError):
        tree = yaml.safe_load(file.read_text(encoding="utf-8"))
        for part in key.split("."):
            tree = tree[part] if isinstance(tree, dict) and part in tree else file
        return tree is not file
    return False


def check_folders(folders: Folders) -> None:
    """Raises ConfigError for a file of a later folder that an earlier one hides."""
    first, *later = folders
    for folder in later:
        for file in _files(folder):
            hiding = first / file.relative_to(folder)
            if hiding.exists() and not hiding.samefile(file):
                line = f"{file}: would be ignored, since {hiding} has the same name; rename it"
                raise ConfigError([line])


def chosen(file: str, words: Sequence[str]) -> str:
    """`sweep=mine: ` for the file .../sweep/mine.yaml if the command line chose it, else nothing."""
    word = f"{Path(file).parent.name}={Path(file).stem}"
    return f"{word}: " if word in {word.lstrip("+") for word in words} else ""


def faulty(folders: Folders, fault: type[Exception]) -> str:
    """The first config file whose text gives such an error, which doesn't name it; "" where none does."""
    for file in (file for folder in folders for file in _files(folder)):
        try:
            yaml.safe_load(file.read_text(encoding="utf-8"))
        except fault:
            return str(file)
        except (OSError, ValueError, yaml.YAMLError):
            continue
    return ""


def own_words(folders: Folders, words: Sequence[str]) -> list[str]:
    """The words that choose a file of the user's own."""
    pairs = [(word, *word.lstrip("+").split("=", 1)) for word in words if "=" in word]
    return [word for word, group, name in pairs if any(name in choices([own], group) for own in folders[1:])]


def _files(folder: Path) -> Iterator[Path]:
    yield from sorted(folder.glob("*.yaml"))
    yield from sorted(folder.glob("*/*.yaml"))
