"""What one W&B run holds, as plain data with keys that W&B can filter and sort by."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

LONGEST_TAG = 64  # W&B refuses longer ones


def _nothing(run: Any) -> None:
    """Config and summary are all there is."""


@dataclass(frozen=True)
class Content:
    """`key`: what it is about, the same when that changes; `log`: called with the open run for more than a summary.

    `state`: everything that must not change if it is not to be logged again. `appends`: its rows make a curve, so that
    a change needs a run of its own: W&B would append them to those that are there.
    """

    key: str
    name: str
    kind: str
    config: Mapping[str, Any]
    summary: Mapping[str, Any]
    state: Any
    tags: tuple[str, ...] = ()
    log: Callable[[Any], None] = _nothing
    appends: bool = False


def identifier(text: str) -> str:
    """A key that W&B can filter and sort by: letters, digits and underscores, not starting with a digit."""
    plain = re.sub(r"[^a-zA-Z0-9_]", "_", text)
    return plain if re.match(r"[a-zA-Z_]", plain) else f"_{plain}"


def with_identifiers(tree: Mapping[str, Any]) -> dict[str, Any]:
    """Nested settings with such keys at every level."""
    return {
        identifier(key): with_identifiers(value) if isinstance(value, Mapping) else value
        for key, value in tree.items()
    }


def tags(*texts: str) -> tuple[str, ...]:
    """Each once, as long as W&B takes them."""
    return tuple(dict.fromkeys(text[:LONGEST_TAG] for text in texts if text))


def plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """Plain JSON values: numpy scalars unwrapped, NaN as None."""
    unwrapped = {key: value.item() if hasattr(value, "item") else value for key, value in row.items()}
    return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in unwrapped.items()}


def rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The frame's rows as plain values."""
    return [plain({str(key): value for key, value in row.items()}) for row in frame.to_dict("records")]


def digest(content: Any) -> str:
    """64 hex digits of the content's canonical JSON."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()
