"""Model families and their checkpoints."""

from axon.models.checkpoint import FAMILIES, load_model, load_tokenizer
from axon.models.family import CheckpointError
from axon.models.model import MaskedDiffusionModel

__all__ = ["FAMILIES", "CheckpointError", "MaskedDiffusionModel", "load_model", "load_tokenizer"]
