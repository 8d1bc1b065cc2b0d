"""Importing many modules at once, a fifth faster: torch, transformers, pandas and Ray make a million objects."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


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
    """As `importing`; and transformers finds no scipy, which its losses for object detection alone would use.

    They are imported with every model's class (transformers/loss/loss_utils.py): a fifth of a second for 320 modules.
    """
    with importing():
        import transformers

        utils: Any = transformers.utils
        found = getattr(utils, "is_scipy_available", None)
        if found is None:  # a release that asks otherwise loads all
            yield
            return
        utils.is_scipy_available = lambda: False
        try:
            yield
        finally:
            utils.is_scipy_available = found
