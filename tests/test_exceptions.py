"""An exception of ours reaches another process as it is, by the rules (`__reduce_ex__`) by which Ray sends it there."""

from __future__ import annotations

import ast
import builtins
import copy
import signal
from importlib import import_module
from pathlib import Path

import pytest

from axon.checks import UnknownName
from pipeline.errors import ConfigError
from pipeline.output import OutputError
from pipeline.stop import Terminated

ROOT = Path(__file__).resolve().parents[1]
# By name, what makes one that isn't made of its message alone.
MADE = {
    "ConfigError": lambda: ConfigError(["limit=0: must be at least 1; raise it", "seed=x: must be a number"]),
    "OutputError": lambda: OutputError(BrokenPipeError(32, "Broken pipe")),
    "UnknownName": lambda: UnknownName("axon.gate", "few", ["always", "never"]),
    "Terminated": lambda: Terminated(signal.SIGHUP),
}


def exceptions() -> dict[str, str]:
    """The module of every class of a module in the packages that descends from an exception, by name."""
    classes: dict[str, tuple[str, set[str]]] = {}
    for top in ("axon", "pipeline", "lm_eval_axon"):
        for file in sorted((ROOT / top).rglob("*.py")):
            module = ".".join(file.relative_to(ROOT).with_suffix("").parts)
            text = file.read_text()
            for node in ast.parse(text).body if "\nclass " in text else ():
                if isinstance(node, ast.ClassDef):
                    bases = {ast.unparse(base).rpartition(".")[2] for base in node.bases}
                    classes[node.name] = module, bases
    kinds = {
        name
        for name, kind in vars(builtins).items()
        if isinstance(kind, type) and issubclass(kind, BaseException)
    }
    while more := {name for name, (_, bases) in classes.items() if bases & kinds} - kinds:
        kinds |= more
    return {name: module for name, (module, _) in classes.items() if name in kinds}


OURS = exceptions()


def test_all_are_found() -> None:
    assert MADE.keys() <= OURS.keys() and len(OURS) >= 11


@pytest.mark.parametrize("name", OURS)
def test_one_is_the_same_when_it_is_made_anew(name: str) -> None:
    module = import_module(OURS[name])
    error = MADE[name]() if name in MADE else getattr(module, name)("what happened, in a line")
    again = error
    for _ in range(2):  # from a worker to another, and on
        again = copy.deepcopy(again)
    assert type(again) is type(error)
    assert str(again) == str(error) and repr(again) == repr(error)
    assert repr(vars(again)) == repr(vars(error))
