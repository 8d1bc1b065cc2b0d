"""The decoders that a config may name: those of axon/decoders, and those of installed packages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Union, get_args

from pydantic import TypeAdapter

from axon.decoders import DecoderSettings
from axon.decoders.installed import installed, told

FAULTS: dict[str, str] = dict(installed().faults)  # name -> why an installed decoder can't be used


def _readable() -> Any:
    """One type for all that pydantic can read."""
    kinds = list(get_args(DecoderSettings))
    for name, kind in installed().kinds.items():
        try:
            TypeAdapter(kind).validate_json("{}")  # made of its defaults
        except Exception as error:  # of a type that it knows nothing of, in many ways
            what = " ".join(str(error).split())[:200]
            rule = f"has settings that can't be read ({what}); give them numbers, texts, truth values or lists of these"
            FAULTS[name] = told(name, f"{kind.__module__}:{kind.__name__}", rule)
        else:
            kinds.append(kind)
    return Union[tuple(kinds)]  # noqa: UP007 - made of a list


if TYPE_CHECKING:
    AnyDecoder = DecoderSettings
else:
    AnyDecoder = _readable()
