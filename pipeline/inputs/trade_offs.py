"""Which parameter of each decoder trades quality for speed, as conf/decoder says: for settings without their config."""

from __future__ import annotations

from functools import lru_cache
from types import MappingProxyType

import yaml

from pipeline.environment import REPOSITORY

FOLDER = REPOSITORY / "conf" / "decoder"


@lru_cache(maxsize=1)
def usual_trade_offs() -> MappingProxyType[str, str | None]:
    """Decoder -> the parameter's dotted key; None for a decoder that has none.

    By the file of the decoder's name: others may set other values of it.
    """
    found = {}
    for file in FOLDER.glob("*.yaml"):
        tree = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
        found[file.stem] = (tree.get("trade_off") or {}).get("parameter")
    return MappingProxyType(found)
