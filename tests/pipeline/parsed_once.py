"""Hydra parses the same thirty files, and OmegaConf the same interpolations, anew for each config that is composed: a
third of the time that composing takes. The tests compose a thousand in a process, of the same texts.
"""

from __future__ import annotations

import copy
from functools import cache
from typing import IO, Any

import omegaconf._utils
import omegaconf.base
from omegaconf import OmegaConf
from omegaconf.grammar_parser import parse


def parse_once() -> None:
    """From now on a text that was parsed before is not parsed again. One that can't be parsed is, for its error."""
    omegaconf._utils.parse = omegaconf.base.parse = cache(parse)
    load, parsed = OmegaConf.load, dict[str, Any]()

    def kept(file: IO[str]) -> Any:
        if not hasattr(file, "read"):
            return load(file)
        text = file.read()
        file.seek(0)
        if text not in parsed:
            parsed[text] = load(file)
        return copy.deepcopy(parsed[text])

    OmegaConf.load = kept
