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

from axon.models import load_tokenizer
from axon.token_counts import TokenCounts


def count(token_lists: Iterable[Iterable[int]]) -> TokenCounts:
    """Of texts that are tokens by now."""
    counts = Counter(token for tokens in token_lists for token in tokens)
    return TokenCounts(counts.total(), counts)


def texts(file: Path) -> Iterator[str]:
    """Raises OSError or ValueError for a file that can't be read."""
    content = file.read_text(encoding="utf-8")
    if file.suffix != ".jsonl":
        yield content
        return
    for line in content.splitlines():
        row = json.loads(line) if line.strip() else {}
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
        found = count(
            tokenizer(text, add_special_tokens=False)["input_ids"]
            for file in chosen.files
            for text in texts(file)
        )
        if not found.total:
            raise ValueError(f"{chosen.files[0]}: there is no text; give files with some")
        chosen.out.write_text(found.text() + "\n", encoding="utf-8")
    except (OSError, ValueError) as error:
        sys.exit(" ".join(str(error).split()))
    print(f"{chosen.out}: {found.total} tokens, {len(found.counts)} different")


if __name__ == "__main__":
    main()
