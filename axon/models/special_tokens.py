"""The tokens that mean something to decoding: the mask, the end of text, the end of a turn. Read from JSON alone.

A loaded tokenizer would not do: it may mint a number for a special token that its files name in two ways.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from axon.models.family import CheckpointError, Family
from axon.models.folder import read_json

# What ends a turn of a chat, in the tokenizers of the families here; a text that it ends goes on in no release.
TURN_ENDS = frozenset({"<|im_end|>", "<|eot_id|>", "<|role_end|>"})


@dataclass(frozen=True)
class Ends:
    """Tokens that end a text."""

    eos: tuple[int, ...]  # end-of-text proper
    every: tuple[int, ...]  # with those that end a turn of a chat


class TokenTexts:
    """Which text each token number stands for, as the tokenizer's files say. The big ones are read when needed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def ids(self, text: str) -> set[int]:
        """The numbers of the token with this text; empty if no file knows it, several if they disagree."""
        return self._small.get(text) or self._large.get(text) or set()

    def texts(self, token: int) -> set[str]:
        """The texts of a token number among the added tokens of the small files."""
        return {text for text, ids in self._small.items() if token in ids}

    @cached_property
    def mask_ids(self) -> dict[int, str]:
        """The numbers of what the files name as mask token, each with the file. Two of them contradict each other."""
        found: dict[int, str] = {}
        for name in ("tokenizer_config.json", "special_tokens_map.json"):
            named = self._file(name).get("mask_token")
            text = named.get("content") if isinstance(named, dict) else named
            if isinstance(text, str):
                found |= dict.fromkeys(self.ids(text) - found.keys(), name)
        return found

    @cached_property
    def _small(self) -> dict[str, set[int]]:
        added = self._file("tokenizer_config.json").get("added_tokens_decoder")
        numbered = added if isinstance(added, dict) else {}
        pairs = [
            (entry.get("content"), number) for number, entry in numbered.items() if isinstance(entry, dict)
        ]
        return _by_text([*pairs, *self._file("added_tokens.json").items()])

    @cached_property
    def _large(self) -> dict[str, set[int]]:
        whole = self._file("tokenizer.json")
        listed, model = whole.get("added_tokens"), whole.get("model")
        entries = [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
        added = [(entry.get("content"), entry.get("id")) for entry in entries]
        own = model.get("vocab") if isinstance(model, dict) else None
        vocabulary = own or self._file("vocab.json")
        return _by_text([*added, *(vocabulary.items() if isinstance(vocabulary, dict) else ())])

    def _file(self, name: str) -> Mapping[str, Any]:
        try:
            return read_json(self._folder, name) if (self._folder / name).is_file() else {}
        except CheckpointError as error:
            raise CheckpointError(
                f"the tokenizer's files are broken ({name}: {error.__cause__}); copy them again"
            ) from error


def _by_text(pairs: Sequence[tuple[object, object]]) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {}
    for text, number in pairs:
        if isinstance(text, str) and str(number).isdecimal():
            found.setdefault(text, set()).add(int(str(number)))
    return found


def mask_token_id(
    override: int | None, config: Mapping[str, Any], texts: TokenTexts, family: Family, vocabulary: int
) -> int:
    """The mask token: as the user, config.json, the tokenizer or, last, the family says. Never guessed.

    Raises CheckpointError if none does, if config.json and the tokenizer contradict each other, and for a number
    outside the vocabulary.
    """
    own = config.get("mask_token_id")
    if override is not None:
        return _inside(f"model.mask_token_id={override}", override, vocabulary, "give another")
    if own is not None:
        found = _inside(f"config.json: mask_token_id={own!r}", own, vocabulary, "repair it")
        _refuse_contradiction({found: "config.json", **_known(texts, vocabulary)})
        return found
    named = _known(texts, vocabulary)
    _refuse_contradiction(named)
    if named:
        return next(iter(named))
    if family.mask_token_id is not None and family.mask_token_id < vocabulary:
        return family.mask_token_id
    own = family.mask_token_id
    outside = (
        "" if own is None else f", and {family.name}'s {own} lies outside the vocabulary of {vocabulary}"
    )
    raise CheckpointError(
        f"config.json: mask_token_id=None: neither it nor the tokenizer names the mask token{outside}; give "
        "model.mask_token_id"
    )


def _known(texts: TokenTexts, vocabulary: int) -> dict[int, str]:
    return {token: file for token, file in texts.mask_ids.items() if token < vocabulary}


def _inside(named: str, token: object, vocabulary: int, remedy: str) -> int:
    if not isinstance(token, int) or isinstance(token, bool) or not 0 <= token < vocabulary:
        raise CheckpointError(f"{named}: lies outside the vocabulary of {vocabulary}; {remedy}")
    return token


def _refuse_contradiction(named: Mapping[int, str]) -> None:
    if len(named) > 1:
        sayings = ", ".join(f"{file} says {token}" for token, file in named.items())
        raise CheckpointError(f"the mask token: {sayings}; repair one of them or give model.mask_token_id")


def end_tokens(
    override: Sequence[int | str] | None,
    folder: Path,
    config: Mapping[str, Any],
    texts: TokenTexts,
    family: Family,
    vocabulary: int,
) -> Ends:
    """The tokens that end a text: the user's, or those of config.json, generation_config.json and the family.

    Raises CheckpointError for a number outside the vocabulary, a text that is no single token, or no list at all: the
    letters of a text are tokens, too.
    """
    if override is not None and (
        isinstance(override, str) or not isinstance(override, Sequence) or not override
    ):
        raise CheckpointError(
            f"model.end_tokens={override!r}: must be a list of one token or several; give texts or numbers"
        )
    named = _named(folder, config, vocabulary)
    named = named or tuple(token for token in family.eos_token_ids if token < vocabulary)
    turns = {token for text in TURN_ENDS for token in texts.ids(text)} if override else set()
    if override is not None:
        every = tuple(dict.fromkeys(_chosen(item, texts, vocabulary) for item in override))
    else:
        turns = {token for token in family.turn_end_token_ids if _ends_turns(token, texts, vocabulary)}
        every = tuple(dict.fromkeys((*named, *sorted(turns))))
    proper = tuple(token for token in every if token not in turns)
    return Ends(proper or every, every)


def _ends_turns(token: int, texts: TokenTexts, vocabulary: int) -> bool:
    """Whether the release's token is in this vocabulary, and the tokenizer at hand does not call it otherwise."""
    known = texts.texts(token)
    return token < vocabulary and (not known or bool(known & TURN_ENDS))


def _chosen(item: int | str, texts: TokenTexts, vocabulary: int) -> int:
    if isinstance(item, str):
        ids = texts.ids(item)
        if len(ids) != 1:
            raise CheckpointError(
                f"model.end_tokens: {item!r}: is no token of this checkpoint; give a token's text or number"
            )
        [item] = ids
    return _inside(f"model.end_tokens: {item}", item, vocabulary, "give another")


def _named(folder: Path, config: Mapping[str, Any], vocabulary: int) -> tuple[int, ...]:
    """Every end-of-text token named by config.json and, if there is one, generation_config.json."""
    named = [("config.json", config.get("eos_token_id"))]
    if (folder / "generation_config.json").is_file():
        generation = read_json(folder, "generation_config.json")
        named.append(("generation_config.json", generation.get("eos_token_id")))
    found: dict[int, None] = {}
    for name, value in named:
        for token in value if isinstance(value, list) else [] if value is None else [value]:
            if not isinstance(token, int) or isinstance(token, bool) or not 0 <= token < vocabulary:
                raise CheckpointError(
                    f"{name}: eos_token_id={value!r}: must be token numbers below {vocabulary}; repair it"
                )
            found[token] = None
    return tuple(found)
