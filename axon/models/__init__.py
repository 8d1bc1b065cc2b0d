"""Model families and their checkpoints. Names are imported when they are first used: networks need torch."""

from typing import TYPE_CHECKING

from axon.lazy import lazily

if TYPE_CHECKING:
    from axon.models.checkpoint import load_model
    from axon.models.family import CheckpointError
    from axon.models.model import MaskedDiffusionModel
    from axon.models.overrides import Overrides
    from axon.models.tokenizer import load_tokenizer

__all__ = ["CheckpointError", "MaskedDiffusionModel", "Overrides", "load_model", "load_tokenizer"]

__getattr__ = lazily(
    __name__,
    {
        "axon.models.family": ("CheckpointError",),
        "axon.models.model": ("MaskedDiffusionModel",),
        "axon.models.overrides": ("Overrides",),
        "axon.models.checkpoint": ("load_model",),
        "axon.models.tokenizer": ("load_tokenizer",),
    },
)
