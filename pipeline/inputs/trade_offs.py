"""Which parameter of each decoder trades quality for speed, as conf/decoder says: for settings without their config."""

from __future__ import annotations

from functools import lru_cache
from types import MappingProxyType

import yaml

from pipeline.environment import REPOSITORY

FOLDER = REPOSITORY / "conf" / "decoder"


@lru_cache(maxsize=1)
def usual_trade_offs() -> MappingProxyType[str, str | None]:
    """Decoder -> the parameter's dotted key; None for a decoder that has none."""
    trees = [yaml.safe_load(file.read_text(encoding="utf-8")) for file in sorted(FOLDER.glob("*.yaml"))]
    return MappingProxyType({tree["decoder"]["name"]: tree["trade_off"]["parameter"] for tree in trees})
