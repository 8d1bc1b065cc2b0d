"""Model families and their checkpoints. Names are imported when they are first used: networks need torch."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from axon.models.checkpoint import load_model
    from axon.models.family import CheckpointError
    from axon.models.model import MaskedDiffusionModel
    from axon.models.overrides import Overrides
    from axon.models.tokenizer import load_tokenizer

__all__ = ["CheckpointError", "MaskedDiffusionModel", "Overrides", "load_model", "load_tokenizer"]

_HOME = {
    "CheckpointError": "axon.models.family",
    "MaskedDiffusionModel": "axon.models.model",
    "Overrides": "axon.models.overrides",
    "load_model": "axon.models.checkpoint",
    "load_tokenizer": "axon.models.tokenizer",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value  # asked for once
    return value
