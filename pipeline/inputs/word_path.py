"""A word of the command line that names a file or folder of this machine: `run=~/outputs/x`."""

from __future__ import annotations

import os
from pathlib import Path

from pipeline.errors import ConfigError
from pipeline.inputs.names import expanded


def read_path(key: str, text: str | os.PathLike[str]) -> Path:
    """With `~` expanded. Raises ConfigError, one line that names `key`, for the home of a user whom nobody knows."""
    try:
        return expanded(text)
    except ValueError as error:
        raise ConfigError([f"{key}={os.fspath(text)}: {error}"]) from None
