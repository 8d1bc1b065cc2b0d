"""The bundled model's tokenizer: a small fixed vocabulary, longest match first, spaces and line ends included."""

from __future__ import annotations

import string

from tokenizers import Tokenizer, decoders, models
from transformers import PreTrainedTokenizerFast

END, MASK = "<|end|>", "<|mask|>"
OPERATIONS = (("add", "+", range(1, 10)), ("minus", "-", range(1, 10)), ("times", "*", range(2, 10)))
WORDS = (
    # numbers, and operations with a small number, in words and in signs
    *(str(number) for number in range(30)),
    *(f"{word} {number}" for word, _, numbers in OPERATIONS for number in numbers),
    *(f"{sign}{number}" for _, sign, numbers in OPERATIONS for number in numbers),
    # the totals of arith
    *(f"={number}" for number in range(30)),
    *("=", "=?", "; ", "####"),
    # the edits of lists; their items are capital letters
    *("copy ", "reverse ", "sort ", "insert ", "remove ", "replace ", "swap "),
    *string.ascii_uppercase,
    # the descriptions of pycode
    *("# ", "def f(", "take ", "keep ", "all", "over ", "under ", "even", "odd"),
    *("if ", " then ", " else ", ", ", "reverse", "upper", "lower", "first ", "last ", "strip"),
    # Python
    *(
        "\n",
        "\n    ",
        "\n        ",
        "\n            ",
        "return ",
        "for ",
        " in ",
        " if ",
        "=[]",
        "::-1",
        "%2==",
    ),
    *(".append(", ".upper()", ".lower()", ".strip()"),
    *("):", ":", ",", "(", ")", "[", "]", "<", ">", "<=", ">="),
    *("a", "b", "e", "i", "r", "s", "t", "u", "v", "x", "xs", "y", "z", " "),
)


def build_tokenizer() -> PreTrainedTokenizerFast:
    """Greedy longest match over WORDS (WordPiece without a continuation mark); decoding joins the pieces."""
    vocabulary = {word: number for number, word in enumerate((*WORDS, END, MASK))}
    assert len(vocabulary) == len(WORDS) + 2, "a word occurs twice"
    model = models.WordPiece(
        vocabulary, unk_token=END, continuing_subword_prefix="", max_input_chars_per_word=100_000
    )
    tokenizer = Tokenizer(model)
    tokenizer.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=END,
        pad_token=END,
        mask_token=MASK,
        clean_up_tokenization_spaces=False,
        model_max_length=512,
    )
