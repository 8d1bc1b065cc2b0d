"""Count how often each token of a checkpoint's tokenizer occurs in files, for `decoder.token_counts`.

`.jsonl`: the texts of every row, other values left out; any other file is one text (UTF-8).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NoReturn

from axon.models import load_tokenizer
from axon.own_code import WRONG_INPUT
from axon.token_counts import TokenCounts
from axon.unknown import unknown


def count(token_lists: Iterable[Iterable[int]]) -> TokenCounts:
    """Of texts that are tokens by now."""
    counts = Counter(token for tokens in token_lists for token in tokens)
    return TokenCounts(counts.total(), counts)


def texts(file: Path) -> Iterator[str]:
    """Raises ValueError, one line, for a file that can't be read."""
    try:
        content = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ValueError(f"{file}: can't be read ({error.strerror}); give a file of text") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"{file}: is not UTF-8 ({error.reason}); save it as UTF-8") from None
    if file.suffix != ".jsonl":
        yield content
        return
    # A text may hold what str.splitlines takes for a line's end.
    for number, line in enumerate(content.split("\n"), 1):
        try:
            row = json.loads(line) if line.strip() else {}
        except ValueError as error:
            raise ValueError(f"{file}: line {number} is no JSON ({error}); correct it") from None
        if not isinstance(row, dict):
            raise ValueError(f'{file}: line {number} is no object; write a row such as {{"text": ...}}')
        yield from (value for value in row.values() if isinstance(value, str))


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        "python -m axon.count_tokens",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("checkpoint", help="a folder or a hub id with the tokenizer")
    parser.add_argument("files", nargs="+", type=Path, help="the text to count")
    parser.add_argument("--out", type=Path, required=True, help="the table, a JSON file")
    chosen = parser.parse_args(words)
    try:
        tokenizer = load_tokenizer(chosen.checkpoint)
        read = [text for file in chosen.files for text in texts(file)]
        if strange := unknown(tokenizer, read):
            print(strange.told("texts"), file=sys.stderr)
        found = count(tokenizer(text, add_special_tokens=False)["input_ids"] for text in read)
        if not found.total:
            raise ValueError(f"{chosen.files[0]}: there is no text; give files with some")
        chosen.out.write_text(found.text() + "\n", encoding="utf-8")
    except OSError as error:
        _refuse(
            f"--out {chosen.out}: can't be written ({error.strerror}); give a file in a folder that exists"
        )
    except ValueError as error:
        _refuse(str(error).replace("model.path=", "checkpoint="))
    print(f"{chosen.out}: {found.total} tokens, {len(found.counts)} different")


def _refuse(message: str) -> NoReturn:
    print(" ".join(message.split()), file=sys.stderr)
    sys.exit(WRONG_INPUT)


if __name__ == "__main__":
    main()
