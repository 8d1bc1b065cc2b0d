"""The tokenizer of a checkpoint folder; no remote code is run, and no torch imported."""

from __future__ import annotations

from pathlib import Path

from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from axon.models.description import FAMILIES
from axon.models.dispatch import family_of
from axon.models.family import CheckpointError
from axon.models.folder import check_path, read_json
from axon.models.later import Later


def load_tokenizer(path: str | Path) -> PreTrainedTokenizerBase:
    """The tokenizer, from tokenizer.json or, for Dream and SDAR, vocab.json and merges.txt; no remote code is run.

    Raises CheckpointError if there is none or it is broken.
    """
    check_path(path)
    folder = Path(path)
    if (folder / "tokenizer.json").is_file():
        return read_tokenizer(path, None)
    return read_tokenizer(path, family_of(read_json(folder, "config.json"), FAMILIES).tokenizer)


def read_tokenizer(path: str | Path, from_vocabulary: Later | None) -> PreTrainedTokenizerBase:
    """From tokenizer.json, or by the class `from_vocabulary` from vocab.json and merges.txt.

    Raises CheckpointError if there is none or it is broken.
    """
    folder = Path(path)
    kind: type[PreTrainedTokenizerBase] = PreTrainedTokenizerFast
    if not (folder / "tokenizer.json").is_file():
        if from_vocabulary is None or not has_vocabulary(folder):
            raise CheckpointError(
                f"model.path={str(path)!r}: has no tokenizer.json; put the checkpoint's tokenizer there"
            )
        kind = from_vocabulary.kind
    try:
        tokenizer: PreTrainedTokenizerBase = kind.from_pretrained(str(folder))
    except Exception as error:  # tokenizers raises bare Exception on a broken file
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise CheckpointError(
            f"model.path={str(path)!r}: the tokenizer's files are broken ({reason}); copy them again"
        ) from error
    return tokenizer


def has_vocabulary(folder: Path) -> bool:
    return all((folder / name).is_file() for name in ("vocab.json", "merges.txt"))
