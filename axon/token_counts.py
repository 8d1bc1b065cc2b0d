"""How often each token occurs in some text: a table in a file, as PC-Sampler's release has it.

`{"num_token": tokens of the text, "p_baseline_dict": {"token id": how often it occurs}}`; axon/count_tokens.py makes
one. Shapes: V vocabulary.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch import Tensor

KEY = "decoder.token_counts"
HERE = Path(__file__).resolve().parents[1]  # the bundled model's table lies beside this package
REMEDY = "make it again with python -m axon.count_tokens"
LEAST = 1e-9  # added to every frequency, so that 0 has a logarithm
DIGITS = 16  # of the digest


@dataclass(frozen=True, eq=False)
class TokenCounts:
    """`counts` by token id; a token that isn't there counts as one of `total`."""

    total: int
    counts: Mapping[int, int]

    @cached_property
    def digest(self) -> str:
        """Of the numbers alone, wherever the file lies and however it is written."""
        return hashlib.sha256(self.text().encode()).hexdigest()[:DIGITS]

    def text(self) -> str:
        """What is written to a file."""
        counts = {str(token): self.counts[token] for token in sorted(self.counts)}
        return json.dumps({"num_token": self.total, "p_baseline_dict": counts})


@lru_cache(maxsize=8)
def rarity(counts: TokenCounts, vocab_size: int, device: torch.device) -> Tensor:
    """-log(f + 1e-9) of each token's frequency f, in nats, (V,) float64. Raises ValueError for another vocabulary."""
    import torch  # here, so that a table can be checked without torch

    if (last := max(counts.counts)) >= vocab_size:
        rule = f"the table counts a token {last}, and the model has {vocab_size} tokens"
        raise ValueError(f"{KEY}: {rule}; give the table of the model's own tokenizer")
    counts_V = torch.ones(vocab_size, dtype=torch.float64)
    counts_V[torch.tensor(list(counts.counts))] = torch.tensor(
        list(counts.counts.values()), dtype=torch.float64
    )
    return -(counts_V / counts.total + LEAST).log().to(device)


def digest_of(named: str) -> str:
    """The digest of the table in that file. A setting made of its identity names no file but this: it stays."""
    if re.fullmatch(f"[0-9a-f]{{{DIGITS}}}", named) and not Path(named).exists():
        return named
    return read_counts(named).digest


def read_counts(path: str) -> TokenCounts:
    """The table in that file, named relative to the working directory or to where this package lies.

    Raises ValueError, one line, where there is none.
    """
    file = Path(path).expanduser()
    if not file.is_file() and (HERE / path).is_file():
        file = HERE / path
    try:
        return _read(str(file), file.stat().st_mtime_ns)
    except OSError as error:
        raise ValueError(
            f"{KEY}={path!r}: cannot be read ({error.strerror}); give a file that exists"
        ) from None
    except ValueError as error:
        raise ValueError(f"{KEY}={path!r}: {error}; {REMEDY}") from None


@lru_cache(maxsize=8)
def _read(file: str, changed: int) -> TokenCounts:
    """`changed`: when the file did, so that it is read again then."""
    try:
        table = json.loads(Path(file).read_text(encoding="utf-8"))
    except ValueError:
        raise ValueError("is no JSON") from None
    if not isinstance(table, dict) or not isinstance(table.get("p_baseline_dict"), dict):
        raise ValueError("must be an object with num_token and p_baseline_dict")
    total, counts = table.get("num_token"), table["p_baseline_dict"]
    if not _is_count(total) or not total or not counts:
        raise ValueError(
            f"num_token={total!r}: must be how many tokens were counted, and some of them be there"
        )
    for token, count in counts.items():
        if not token.isdecimal() or not _is_count(count) or count > total:
            rule = f"must be token ids and how often they occur, at most num_token={total}"
            raise ValueError(f"p_baseline_dict has {token!r}: {count!r}, and {rule}")
    return TokenCounts(total, {int(token): count for token, count in counts.items()})


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
