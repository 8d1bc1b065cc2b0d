"""What is remembered from one command to the next, in the user's cache folder: JSON objects by name.

Whatever is missing, broken or can't be written is found out again, so that nothing here raises.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any


def cache_file(name: str) -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "axon-sweeps" / f"{name}.json"


def known(name: str) -> dict[str, Any]:
    with suppress(OSError, ValueError, RuntimeError):  # RuntimeError: there is no home folder
        found = json.loads(cache_file(name).read_text())
        if isinstance(found, dict):
            return found
    return {}


def keep(name: str, entries: Mapping[str, Any]) -> None:
    """Written under a temporary name: whoever reads it meanwhile finds it whole."""
    with suppress(OSError, RuntimeError):
        file = cache_file(name)
        file.parent.mkdir(parents=True, exist_ok=True)
        temporary = file.with_name(f"{file.name}.{uuid.uuid4().hex}")
        temporary.write_text(json.dumps(entries, indent=1))
        temporary.replace(file)
