"""Model families and their checkpoints."""

from axon.models.checkpoint import load_model, load_tokenizer
from axon.models.family import CheckpointError
from axon.models.model import MaskedDiffusionModel

__all__ = ["CheckpointError", "MaskedDiffusionModel", "load_model", "load_tokenizer"]
