"""AXON: supportive token revealing for masked diffusion language models.

Example::

    from axon import DecodeSettings, decode, load_model

    traces = decode(load_model("checkpoint"), [[1, 2, 3]], DecodeSettings(gen_length=64))

Names are imported when they are first used, so that settings can be made and checked without loading torch.
"""

from typing import TYPE_CHECKING

from axon.lazy import lazily

if TYPE_CHECKING:
    from axon.decoders import (
        DECODERS,
        Clad,
        Confidence,
        Credit,
        Dapd,
        Dawn,
        DecoderSettings,
        Dsb,
        Dus,
        EntropyBounded,
        EntropyThreshold,
        Factor,
        FixedSteps,
        Hierarchy,
        HierarchyRemasking,
        JointThreshold,
        Klass,
        LeftToRight,
        LocalLeap,
        Lopa,
        PcSampler,
        Rcr,
        SlowFast,
        Wino,
    )
    from axon.decoding import decode, row_seed
    from axon.models import CheckpointError, MaskedDiffusionModel, Overrides, load_model, load_tokenizer
    from axon.settings import AxonSettings, DecodeSettings
    from axon.trace import Trace

__all__ = [
    "DECODERS",
    "AxonSettings",
    "CheckpointError",
    "Clad",
    "Confidence",
    "Credit",
    "Dapd",
    "Dawn",
    "DecodeSettings",
    "DecoderSettings",
    "Dsb",
    "Dus",
    "EntropyBounded",
    "EntropyThreshold",
    "Factor",
    "FixedSteps",
    "Hierarchy",
    "HierarchyRemasking",
    "JointThreshold",
    "Klass",
    "LeftToRight",
    "LocalLeap",
    "Lopa",
    "MaskedDiffusionModel",
    "Overrides",
    "PcSampler",
    "Rcr",
    "SlowFast",
    "Trace",
    "Wino",
    "decode",
    "load_model",
    "load_tokenizer",
    "row_seed",
]

__getattr__ = lazily(
    __name__,
    {
        "axon.decoders": (
            "DECODERS",
            "Clad",
            "Confidence",
            "Credit",
            "Dapd",
            "Dawn",
            "DecoderSettings",
            "Dsb",
            "Dus",
            "EntropyBounded",
            "EntropyThreshold",
            "Factor",
            "FixedSteps",
            "Hierarchy",
            "HierarchyRemasking",
            "JointThreshold",
            "Klass",
            "LeftToRight",
            "LocalLeap",
            "Lopa",
            "PcSampler",
            "Rcr",
            "SlowFast",
            "Wino",
        ),
        "axon.decoding": ("decode", "row_seed"),
        "axon.models": (
            "CheckpointError",
            "MaskedDiffusionModel",
            "Overrides",
            "load_model",
            "load_tokenizer",
        ),
        "axon.settings": ("AxonSettings", "DecodeSettings"),
        "axon.trace": ("Trace",),
    },
)
