"""A decoder with its defaults, and with the file that it can't do without."""

from __future__ import annotations

from pathlib import Path

from axon import DECODERS, DecoderSettings

TOY_COUNTS = str(Path(__file__).with_name("toy_counts.json"))  # of the toy model's tokens


def with_defaults(name: str) -> DecoderSettings:
    own = {"token_counts": TOY_COUNTS} if name == "pc_sampler" else {}
    return DECODERS[name](**own)  # type: ignore[arg-type]
