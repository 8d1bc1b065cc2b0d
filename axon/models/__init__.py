"""Model families and their checkpoints. Names are imported when they are first used: networks need torch."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from axon.models.checkpoint import load_model, load_tokenizer
    from axon.models.family import CheckpointError
    from axon.models.model import MaskedDiffusionModel
    from axon.models.overrides import Overrides

__all__ = ["CheckpointError", "MaskedDiffusionModel", "Overrides", "load_model", "load_tokenizer"]

_HOME = {
    "CheckpointError": "axon.models.family",
    "MaskedDiffusionModel": "axon.models.model",
    "Overrides": "axon.models.overrides",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOME.get(name, "axon.models.checkpoint")), name)
    globals()[name] = value  # asked for once
    return value
