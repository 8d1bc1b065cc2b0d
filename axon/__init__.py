"""AXON: supportive token revealing for masked diffusion language models.

Example::

    from axon import DecodeSettings, decode, load_model

    traces = decode(load_model("checkpoint"), [[1, 2, 3]], DecodeSettings(gen_length=64))
"""

from axon.dawn import Dawn
from axon.decode import decode, row_seed
from axon.decoders import (
    DECODERS,
    Confidence,
    DecoderSettings,
    EntropyBounded,
    Factor,
    FixedSteps,
    LeftToRight,
    LocalLeap,
)
from axon.klass import Klass
from axon.models import CheckpointError, MaskedDiffusionModel, load_model, load_tokenizer
from axon.settings import AxonSettings, DecodeSettings
from axon.trace import Trace

__all__ = [
    "DECODERS",
    "AxonSettings",
    "CheckpointError",
    "Confidence",
    "Dawn",
    "DecodeSettings",
    "DecoderSettings",
    "EntropyBounded",
    "Factor",
    "FixedSteps",
    "Klass",
    "LeftToRight",
    "LocalLeap",
    "MaskedDiffusionModel",
    "Trace",
    "decode",
    "load_model",
    "load_tokenizer",
    "row_seed",
]
