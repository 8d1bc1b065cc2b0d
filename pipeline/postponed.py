"""torch's compiler, imported only if something is compiled: half a second that every import of a model's code takes.

transformers asks it for marks on functions that nothing here calls, of models in 8 bits (integrations/deepgemm.py) and
of serving (generation/continuous_batching), and for a class that makes masks of a kind that nothing here makes
(masking_utils.py).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any

COMPILER = "torch._dynamo"
INDEXING = f"{COMPILER}._trace_wrapped_higher_order_op", "TransformGetItemToIndex"  # the class, by its module
# Decorators that change nothing unless what they are put on is compiled.
MARKS = ("allow_in_graph", "assume_constant_result", "disable")


@contextmanager
def compiler_postponed() -> Iterator[None]:
    """Within, its marks are not made, and it is imported if anything else is asked of it. Afterwards all is as it was,
    also for a release that asks for more, or where it is imported already.
    """
    if COMPILER in sys.modules or (spec := find_spec(COMPILER)) is None:
        yield
        return
    module, name = INDEXING
    package, indexing, finder = _StandIn(COMPILER), _StandIn(module), _Submodules()
    package.__path__ = list(spec.submodule_search_locations or ())
    vars(package).update(dict.fromkeys(MARKS, _unmarked))
    vars(indexing)[name] = _when_called(module, name)
    sys.modules |= {COMPILER: package, module: indexing}
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        _withdraw()


class _StandIn(ModuleType):
    """Has a few names; for any other the module itself is imported in its place."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # the import system looks whether they are there
            raise AttributeError(name)
        _withdraw()
        return getattr(import_module(self.__name__), name)


class _Submodules(MetaPathFinder):
    """Another package, torchvision say, imports a module of the compiler itself: then all of it is imported first."""

    def find_spec(self, fullname: str, *_: Any) -> ModuleSpec | None:
        """Of a module within the compiler, while it is a stand-in."""
        if not fullname.startswith(f"{COMPILER}.") or not isinstance(sys.modules.get(COMPILER), _StandIn):
            return None
        _withdraw()
        import_module(COMPILER)
        module = import_module(fullname)
        return ModuleSpec(fullname, _Imported(module, module.__spec__))


class _Imported(Loader):
    """Hands out a module as it is."""

    def __init__(self, module: ModuleType, spec: ModuleSpec | None) -> None:
        self._module, self._spec = module, spec

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """The module."""
        return self._module

    def exec_module(self, module: ModuleType) -> None:
        """Ran already; the import system has put its own note of where the module is from in place of the first."""
        module.__spec__ = self._spec


def _withdraw() -> None:
    for name in (COMPILER, INDEXING[0]):
        if isinstance(sys.modules.get(name), _StandIn):
            del sys.modules[name]


def _unmarked(function: Any = None, *_: Any, **__: Any) -> Any:
    """The decorator, or one that was given options first."""
    return function if function is not None else lambda own: own


def _when_called(module: str, name: str) -> Callable[..., Any]:
    def call(*arguments: Any, **keywords: Any) -> Any:
        return getattr(import_module(module), name)(*arguments, **keywords)

    return call
