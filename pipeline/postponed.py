"""What others import and nothing here uses, imported only if something asks for it.

torch's compiler: half a second that every import of a model's code takes. transformers asks it for marks on functions
that nothing here calls, of models in 8 bits (integrations/deepgemm.py) and of serving (generation/continuous_batching),
and for a class that makes masks of a kind that nothing here makes (masking_utils.py).

Ray's data sets: a tenth of a second, and 230 modules, of Tune. It asks for their class to annotate a function by which
it would record trials that hold some (tune/impl/out_of_band_serialize_dataset.py).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

COMPILER = "torch._dynamo"
INDEXING = f"{COMPILER}._trace_wrapped_higher_order_op", "TransformGetItemToIndex"  # the class, by its module
# Decorators that change nothing unless what they are put on is compiled.
MARKS = ("allow_in_graph", "assume_constant_result", "disable")
DATA, SET = "ray.data", "Dataset"


@contextmanager
def compiler_postponed() -> Iterator[None]:
    """Within, its marks are not made, and it is imported if anything else is asked of it. Afterwards all is as it was,
    also for a release that asks for more, or where it is imported already.
    """
    module, name = INDEXING
    names = {COMPILER: dict.fromkeys(MARKS, _unmarked), module: {name: _when_called(module, name)}}
    with _standing_in(names):
        yield


@contextmanager
def data_sets_postponed() -> Iterator[None]:
    """As `compiler_postponed`: their class is any within. For who imports Tune."""
    with _standing_in({DATA: {SET: object}}):
        yield


@contextmanager
def _standing_in(names: Mapping[str, Mapping[str, Any]]) -> Iterator[None]:
    """Within, the first module, a package, and the others, which are below it, have these names alone."""
    package = next(iter(names))
    if package in sys.modules or (spec := find_spec(package)) is None:
        yield
        return
    stand_ins = {name: _StandIn(name, names) for name in names}
    stand_ins[package].__path__ = list(spec.submodule_search_locations or ())
    for name, own in names.items():
        vars(stand_ins[name]).update(own)
    sys.modules |= stand_ins
    try:
        yield
    finally:
        _withdraw(names)


class _StandIn(ModuleType):
    """Has a few names; for any other the module itself is imported in its place, and in that of those beside it."""

    def __init__(self, name: str, beside: Iterable[str]) -> None:
        super().__init__(name)
        self._beside = beside

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # the import system looks whether they are there
            raise AttributeError(name)
        _withdraw(self._beside)
        return getattr(import_module(self.__name__), name)


def _withdraw(names: Iterable[str]) -> None:
    for name in names:
        if isinstance(sys.modules.get(name), _StandIn):
            del sys.modules[name]


def _unmarked(function: Any = None, *_: Any, **__: Any) -> Any:
    """The decorator, or one that was given options first."""
    return function if function is not None else lambda own: own


def _when_called(module: str, name: str) -> Callable[..., Any]:
    def call(*arguments: Any, **keywords: Any) -> Any:
        return getattr(import_module(module), name)(*arguments, **keywords)

    return call
