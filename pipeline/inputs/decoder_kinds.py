"""The decoders that a config may name: those of axon/decoders, and those of installed packages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Union, get_args

from pydantic import TypeAdapter

from axon.decoders import DecoderSettings
from axon.decoders.base import Decoder
from axon.decoders.installed import installed, told
from pipeline.errors import fault_line

FAULTS: dict[str, str] = dict(installed().faults)  # name -> why an installed decoder can't be used


def _readable() -> Any:
    """One type for all that pydantic can read."""
    kinds = list(get_args(DecoderSettings))
    for name, kind in installed().kinds.items():
        if (rule := _unreadable(name, kind)) is not None:
            FAULTS[name] = told(name, f"{kind.__module__}:{kind.__name__}", rule)
        else:
            kinds.append(kind)
    return Union[tuple(kinds)]  # noqa: UP007 - made of a list


def _unreadable(name: str, kind: type[Decoder]) -> str | None:
    """Why a setting of the class can't be read from a config, with the remedy."""
    try:
        kind(name=name)
    except Exception as error:  # whatever its own checks raise
        return f"can't be made of its defaults ({fault_line(error)}); correct it"
    try:
        TypeAdapter(kind).validate_json("{}")
    except Exception as error:  # of a type that it knows nothing of, in many ways
        what = " ".join(str(error).split())[:200]
        return f"has settings that can't be read ({what}); give them numbers, texts, truth values or lists of these"
    return None


if TYPE_CHECKING:
    AnyDecoder = DecoderSettings
else:
    AnyDecoder = _readable()
