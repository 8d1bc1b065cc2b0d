"""LLaDA's two rules at the end of a text: which tokens are never chosen, and which have no confidence.

Both are flags of ML-GSAI/LLaDA:generate.py, for instruct models that would end their text before it is written.
Shapes: V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from axon.models.model import MaskedDiffusionModel
from axon.settings import EndOfText
from axon.tokens import ids_on, one_of


def barred_ids(model: MaskedDiffusionModel, rule: EndOfText) -> Sequence[int]:
    """Tokens that are never chosen: under `logits_eos_inf` the ends of the text, but not those of a turn."""
    return model.eos_token_ids if rule == "logits_eos_inf" else ()


def held_ids(model: MaskedDiffusionModel, rule: EndOfText) -> Sequence[int]:
    """Tokens whose confidence is 0: under `confidence_eos_eot_inf` the ends of the text and of a turn."""
    return model.end_token_ids if rule == "confidence_eos_eot_inf" else ()


def without(logits: Tensor, ids: Sequence[int]) -> Tensor:
    """`logits` (..., V) in which those tokens have no probability; the rest share it. Finite, as entropies need."""
    if not ids:
        return logits
    return logits.index_fill(-1, ids_on(logits.device, ids), torch.finfo(logits.dtype).min)


def held_confidence(logits: Tensor, token: Tensor, ids: Sequence[int]) -> Tensor:
    """The probability (...) float64 of `token` once `ids` have none: theirs is 0, that of others grows."""
    rest = without(logits, ids).double()
    chosen = rest.gather(-1, token[..., None])[..., 0]
    return (chosen - rest.logsumexp(-1)).exp().masked_fill(one_of(token, ids), 0.0)
