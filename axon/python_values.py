"""numpy's numbers as Python's, so that settings taken from `np.linspace` are those that one would have typed."""

from __future__ import annotations

import sys
from abc import ABCMeta
from typing import Any


class PythonValues(ABCMeta):
    """A class that is made of Python's own values, whatever it is given: checks, ids and reports see no others."""

    def __call__(cls, *values: Any, **named: Any) -> Any:
        given = {name: as_python(value) for name, value in named.items()}
        return super().__call__(*map(as_python, values), **given)


def as_python(value: Any) -> Any:
    """A scalar of numpy's as Python's, in a list or tuple too; anything else as it is.

    A float of less than 64 bits is what it is printed as: 0.9, not 0.8999999761581421, is meant by np.float32(0.9).
    """
    numpy = sys.modules.get("numpy")  # who has such a number has imported it
    if numpy is None:
        return value
    if type(value) in (list, tuple):
        return type(value)(map(as_python, value))
    if not isinstance(value, numpy.generic):
        return value
    if isinstance(value, numpy.floating):
        return float(numpy.format_float_scientific(value))
    return value.item()
