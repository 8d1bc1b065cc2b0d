"""Texts for which a tokenizer has no tokens: it writes one that stands for anything, and the model can't tell what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

SHOWN = 5


@dataclass(frozen=True)
class Unknown:
    """What of some texts a tokenizer doesn't know."""

    token: str  # which stands for it
    texts: int  # of all
    holding: int  # such texts among them
    tokens: int  # that stand for it, in all
    # Distinct ones, the most frequent first: characters, or longer where each alone is known.
    pieces: tuple[str, ...]

    def told(self, what: str) -> str:
        """`what`: whose texts they are, such as "prompts of lists"."""
        shown = ", ".join(repr(piece[:20]) for piece in self.pieces[:SHOWN])
        more = f" and {len(self.pieces) - SHOWN:,} more" if len(self.pieces) > SHOWN else ""
        times = "once" if self.tokens == 1 else f"{self.tokens:,} times"
        return (
            f"the tokenizer doesn't know {shown}{more}: in {self.holding:,} of {self.texts:,} {what} the model is "
            f"given {self.token} in place of what is written there ({times} in all); give texts in its characters, "
            "or another model"
        )


def unknown(tokenizer: PreTrainedTokenizerBase, texts: Iterable[str]) -> Unknown | None:
    """None where it knows all. One with a token for each byte does, and of it no text is looked at."""
    token = unknown_token(tokenizer)
    if token is None:
        return None
    own: Any = tokenizer.backend_tokenizer
    number, count, pieces = own.token_to_id(token), 0, list[list[str]]()
    for text in texts:
        count += 1
        if found := list(_pieces(own, number, token, text)):
            pieces.append(found)
    if not pieces:
        return None
    every = Counter(piece for found in pieces for piece in found)
    single = Counter[str]()
    for piece, times in every.items():
        alone = [each for each in piece if number in own.encode(each, add_special_tokens=False).ids]
        single.update(dict.fromkeys(alone or [piece], times))
    most = tuple(piece for piece, _ in single.most_common())
    return Unknown(token, count, len(pieces), every.total(), most)


def unknown_token(tokenizer: PreTrainedTokenizerBase) -> str | None:
    """What it writes for what it doesn't know; None where it has no such token, whatever its config names so."""
    own: Any = getattr(tokenizer, "backend_tokenizer", None)
    if own is None:
        return None
    if hasattr(own.model, "unk_token"):
        return own.model.unk_token  # type: ignore[no-any-return]
    named: str | None = tokenizer.unk_token  # of a unigram model, which doesn't tell its own
    return named


def _pieces(own: Any, number: int, token: str, text: str) -> Iterator[str]:
    """What the text says where the token stands; not where the text itself says the token."""
    encoded = own.encode(text, add_special_tokens=False)
    if number in encoded.ids:
        for each, (start, end) in zip(encoded.ids, encoded.offsets, strict=True):
            if each == number and text[start:end] != token:
                yield text[start:end]
