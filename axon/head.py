"""The model's output layer, as the rule at the end of a text leaves what it says (axon/end_of_text.py).

Shapes: B rows, W canvas width, D hidden size, V vocabulary.
"""

from __future__ import annotations

from torch import Tensor

from axon.beliefs import most_likely
from axon.end_of_text import barred_ids, held_confidence, held_ids, without
from axon.models.layout import Layout
from axon.models.model import MaskedDiffusionModel
from axon.settings import EndOfText


class Head:
    """Logits at chosen positions, and what is likeliest by them."""

    def __init__(self, model: MaskedDiffusionModel, rule: EndOfText) -> None:
        self._model = model
        self._barred = barred_ids(model, rule)
        self._held = held_ids(model, rule)

    def logits(self, hidden_BWD: Tensor, rows: Tensor, columns: Tensor, layout: Layout) -> Tensor:
        """(..., V) of the positions (rows, columns), two index tensors of the same shape."""
        return without(self._model.logits(hidden_BWD, rows, columns, layout), self._barred)

    def likeliest(self, logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """x0 at temperature 0 and p*, and the log of the partition sum."""
        token, p_max, partition = most_likely(logits, self._model.mask_token_id)
        return token, self.confidence(logits, token, p_max), partition

    def confidence(self, logits: Tensor, token: Tensor, probability: Tensor) -> Tensor:
        """How sure `token` counts as: its probability, unless the end-of-text rule holds some tokens back."""
        return held_confidence(logits, token, self._held) if self._held else probability
