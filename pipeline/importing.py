"""Importing many modules at once: torch, transformers, pandas and Ray make a million objects, and some import what
nothing here uses.
"""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from pipeline.postponed import compiler_postponed


@contextmanager
def importing() -> Iterator[None]:
    """Within, Python looks for no garbage among the objects that modules make; nor does it later, as they stay.

    2.7 instead of 3.5 processor seconds for torch and what a model needs of transformers.
    """
    if not gc.isenabled():  # someone else's decision, or within another import
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


@contextmanager
def importing_models() -> Iterator[None]:
    """As `importing`; and transformers does without what a model's code takes two thirds of its time to import.

    It finds no scipy, 320 modules that its losses for object detection alone would use and that are imported with every
    model's class (transformers/loss/loss_utils.py); no torch.distributed, whose tensors and sharding bring sympy, 900
    modules for networks that one process has a part of; and no compiler (postponed.py). And it reads its 2,500 files of
    models once, not twice. A release that lacks a name does all this as it always did.
    """
    with importing(), ExitStack() as stack:
        import transformers

        structure = getattr(transformers, "_import_structure", None)
        stack.enter_context(compiler_postponed())
        for module, name, to in (
            (transformers.utils, "is_scipy_available", _never),
            (transformers.utils, "is_torch_distributed_available", _never),
            (transformers.utils.import_utils, "is_torch_distributed_available", _never),
            (transformers.utils.import_utils, "define_import_structure", _known(structure)),
        ):
            stack.enter_context(_replaced(module, name, to))
        yield


@contextmanager
def importing_report() -> Iterator[None]:
    """As `importing`; and libraries don't write docstrings while they are imported: matplotlib none of which of 4,500
    properties its classes have and their `set` takes, nearly half of its import, and scipy, which would read each and
    add a table to it, leaves out most of it, a sixth of its import. A release that lacks a name does all this as it
    always did. Nor does matplotlib warn of a home that it can't write to: it makes do.
    """
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    with importing(), ExitStack() as stack:
        import matplotlib.artist

        try:
            from scipy._lib._docscrape import NumpyDocString
        except ImportError:
            NumpyDocString = None
        for owner, name, to in (
            (matplotlib.artist, "kwdoc", lambda _: lambda artist: ""),
            (
                matplotlib.artist.Artist,
                "_update_set_signature_and_docstring",
                lambda _: classmethod(lambda artist: None),
            ),
            (NumpyDocString, "_parse", lambda _: lambda docstring: None),
        ):
            stack.enter_context(_replaced(owner, name, to))
        yield


@contextmanager
def _replaced(owner: Any, name: str, to: Callable[[Any], Any]) -> Iterator[None]:
    own = vars(owner).get(name) if owner else None  # of a class its method, not one that is bound to it
    if own is None:
        yield
        return
    setattr(owner, name, to(own))
    try:
        yield
    finally:
        setattr(owner, name, own)


def _never(_: Any) -> Callable[[], bool]:
    return lambda: False


def _known(structure: Any) -> Callable[[Any], Any]:
    """What transformers has found about its models is what its package `models` would look for again.

    `structure`: names by module, as transformers/__init__.py hands them to its _LazyModule (utils/import_utils.py).
    """
    prefix = "models."
    known = {
        module.removeprefix(prefix): set(names)
        for module, names in (structure or {}).items()
        if module.startswith(prefix)
    }

    def knowing(own: Any) -> Any:
        def define(module_path: str, *others: Any, **named: Any) -> Any:
            path = Path(module_path)
            if (
                known
                and not others
                and not named
                and path.parts[-3:] == ("transformers", "models", "__init__.py")
            ):
                return {frozenset(): known}
            return own(module_path, *others, **named)

        return define

    return knowing
