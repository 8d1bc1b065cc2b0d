"""The mask token and the ends of a text: who says them, in which order, and never a guess."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from transformers.convert_slow_tokenizer import bytes_to_unicode

from axon import CheckpointError, Overrides, load_model, load_tokenizer
from axon.models.description import describe
from tests.axon.published import small, write_tokens
from tests.axon.toy_model import llada_tensors, write_checkpoint


def write(folder: Path, name: str, **changes: object) -> Path:
    config = {key: value for key, value in (small(name) | changes).items() if value != "absent"}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def mask(folder: Path, given: int | None = None) -> int:
    return describe(folder, Overrides(mask_token_id=given)).mask_token_id


def test_the_mask_token_is_the_users_then_the_configs_the_tokenizers_the_familys(tmp_path: Path) -> None:
    write(tmp_path, "sdar_8b")
    assert mask(tmp_path) == 151669  # the family's
    write_tokens(tmp_path, {500: "<M>"}, "<M>")
    assert mask(tmp_path) == 500  # the tokenizer's
    write(tmp_path, "sdar_8b", mask_token_id=500)
    assert mask(tmp_path) == 500
    assert mask(tmp_path, 7) == 7
    (tmp_path / "tokenizer_config.json").unlink()
    write(tmp_path, "sdar_8b", mask_token_id=600)
    assert mask(tmp_path) == 600


@pytest.mark.parametrize("wrong", [151936, -1, 10**9])
def test_a_mask_token_outside_the_vocabulary_is_refused(wrong: int, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=f"mask_token_id={wrong}.*outside the vocabulary of 151936"):
        mask(write(tmp_path, "sdar_8b", mask_token_id=wrong))
    with pytest.raises(CheckpointError, match=f"model.mask_token_id={wrong}.*outside the vocabulary"):
        mask(write(tmp_path, "sdar_8b"), wrong)


@pytest.mark.parametrize("token", [0, 151935])
def test_the_first_and_the_last_token_may_be_the_mask_or_end_a_text(token: int, tmp_path: Path) -> None:
    assert mask(write(tmp_path, "sdar_8b", mask_token_id=token)) == mask(tmp_path, token) == token
    write(tmp_path, "sdar_8b", mask_token_id=7, eos_token_id=token)
    assert describe(tmp_path).eos_token_ids == (token,)
    assert describe(tmp_path, Overrides(end_tokens=(token, 8))).end_token_ids == (token, 8)


def test_a_token_is_not_the_mask_and_an_end_of_the_text(tmp_path: Path) -> None:
    """What is not decoded counts as end-of-text, and would be the mask token."""
    write(tmp_path, "sdar_8b", mask_token_id=9, eos_token_id=[8, 9])
    with pytest.raises(
        CheckpointError, match="token 9: is named as the mask token and as an end of the text"
    ):
        describe(tmp_path)
    assert describe(tmp_path, Overrides(end_tokens=(8,))).end_token_ids == (8,)
    assert mask(tmp_path, 7) == 7


def test_the_familys_mask_token_is_not_taken_for_a_small_vocabulary(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"give model\.mask_token_id"):
        mask(write(tmp_path, "sdar_8b", vocab_size=1000))


def test_a_config_and_a_tokenizer_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    write_tokens(tmp_path, {500: "<M>"}, "<M>")
    write(tmp_path, "sdar_8b_finetuned")
    with pytest.raises(CheckpointError, match=r"config\.json says 151669, tokenizer_config\.json says 500"):
        mask(tmp_path)
    assert mask(tmp_path, 151669) == 151669


SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]


def write_sdar_tokenizer(folder: Path, *, config_says: str, others_say: str, number: int) -> None:
    """Its release names the mask token in two ways, `<|MASK|>` and `<MASK>` (../shared/FIELD.md, 0.1)."""
    vocabulary = list(bytes_to_unicode().values())
    texts = dict(zip(SPECIALS, range(len(vocabulary), number), strict=True))
    (folder / "vocab.json").write_text(json.dumps({token: n for n, token in enumerate(vocabulary)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    write_tokens(folder, {n: text for text, n in texts.items()} | {number: config_says}, config_says)
    (folder / "added_tokens.json").write_text(json.dumps(texts | {others_say: number}))
    (folder / "special_tokens_map.json").write_text(json.dumps({"mask_token": {"content": others_say}}))


def test_one_mask_token_under_two_names_is_one_and_none_is_minted(tmp_path: Path) -> None:
    number = 256 + len(SPECIALS)
    write(tmp_path, "sdar_8b", vocab_size=300, eos_token_id=256)
    write_sdar_tokenizer(tmp_path, config_says="<|MASK|>", others_say="<MASK>", number=number)
    assert mask(tmp_path) == number
    tokenizer = load_tokenizer(tmp_path)
    assert tokenizer.mask_token_id == number and len(tokenizer) == number + 1


def test_two_mask_tokens_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "sdar_8b")
    write_tokens(tmp_path, {500: "<M>"}, "<M>")
    (tmp_path / "special_tokens_map.json").write_text(json.dumps({"mask_token": "<N>"}))
    (tmp_path / "added_tokens.json").write_text(json.dumps({"<N>": 501}))
    with pytest.raises(
        CheckpointError, match=r"tokenizer_config\.json says 500, special_tokens_map\.json says 501"
    ):
        mask(tmp_path)


def test_the_tokenizer_json_is_asked_where_the_small_files_have_no_number(tmp_path: Path) -> None:
    write(tmp_path, "sdar_8b")
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"mask_token": "<M>"}))
    (tmp_path / "tokenizer.json").write_text(json.dumps({"added_tokens": [{"id": 9, "content": "<M>"}]}))
    assert mask(tmp_path) == 9


@pytest.mark.parametrize(
    ("text", "ends"), [(None, (7, 151645)), ("<|im_end|>", (7, 151645)), ("<|vision_end|>", (7,))]
)
def test_the_familys_turn_end_counts_unless_the_tokenizer_calls_it_otherwise(
    text: str | None, ends: tuple[int, ...], tmp_path: Path
) -> None:
    write(tmp_path, "dream_7b", eos_token_id=7)
    if text:
        write_tokens(tmp_path, {151645: text})
    found = describe(tmp_path)
    assert found.end_token_ids == ends and found.eos_token_ids == (7,)


def test_a_turn_end_named_as_end_of_text_is_not_end_of_text_proper(tmp_path: Path) -> None:
    write(tmp_path, "sdar_8b")
    (tmp_path / "generation_config.json").write_text(json.dumps({"eos_token_id": [151645, 151643]}))
    found = describe(tmp_path)
    assert found.end_token_ids == (151643, 151645) and found.eos_token_ids == (151643,)


@pytest.mark.parametrize(
    ("given", "ends", "proper"),
    [
        (("<|im_end|>",), (151645,), (151645,)),
        ((5, "<|im_end|>", 5), (5, 151645), (5,)),
        ((5,), (5,), (5,)),
    ],
)
def test_given_end_tokens_replace_those_of_the_files(
    given: tuple[Any, ...], ends: tuple[int, ...], proper: tuple[int, ...], tmp_path: Path
) -> None:
    write(tmp_path, "dream_7b")
    write_tokens(tmp_path, {151645: "<|im_end|>"})
    found = describe(tmp_path, Overrides(end_tokens=given))
    assert (found.end_token_ids, found.eos_token_ids) == (ends, proper)


@pytest.mark.parametrize(
    ("given", "named"), [(("<nothing>",), "'<nothing>': is no token"), ((10**6,), "1000000: lies outside")]
)
def test_impossible_end_tokens_are_refused(given: tuple[Any, ...], named: str, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=f"model.end_tokens: {named}"):
        describe(write(tmp_path, "dream_7b"), Overrides(end_tokens=given))


@pytest.mark.parametrize("given", ["<x>", 5, (), {5}])
def test_what_is_no_list_of_end_tokens_is_refused(given: Any, tmp_path: Path) -> None:
    """A text alone would end at its letters, which are tokens, too."""
    write(tmp_path, "dream_7b")
    write_tokens(tmp_path, {5: "<", 6: "x", 7: ">"})
    with pytest.raises(CheckpointError, match=r"model.end_tokens=.*: must be a list of one token or several"):
        describe(tmp_path, Overrides(end_tokens=given))


def test_a_loaded_model_has_what_was_given(tmp_path: Path) -> None:
    path = write_checkpoint(tmp_path, llada_tensors())
    model = load_model(path, overrides=Overrides(mask_token_id=3, end_tokens=(4, 5), block_size=16))
    assert (model.mask_token_id, model.end_token_ids, model.block_size) == (3, (4, 5), 16)


@pytest.mark.parametrize("wrong", [None, 1, "x", [1], {"a": 1}, True])
def test_a_tokenizers_files_of_another_form_are_no_traceback(wrong: Any, tmp_path: Path) -> None:
    """What is no token's entry names none; an end of text that is no number is refused."""
    write(tmp_path, "sdar_8b", eos_token_id=None)
    named = {"mask_token": "<m>", "added_tokens_decoder": {"7": {"content": "<m>"}}}
    for added in (wrong, {"7": wrong}, {"a": wrong}):
        (tmp_path / "tokenizer_config.json").write_text(json.dumps(named | {"added_tokens_decoder": added}))
        for whole in (wrong, {"added_tokens": wrong}, {"added_tokens": [wrong]}, {"model": wrong}):
            if isinstance(whole, dict):
                (tmp_path / "tokenizer.json").write_text(json.dumps(whole))
            assert mask(tmp_path) == 151669, "the family's: no file numbers what is named"
    if wrong not in (None, 1) or isinstance(wrong, bool):
        with pytest.raises(CheckpointError, match=r"eos_token_id=.*: must be token numbers below 151936"):
            describe(write(tmp_path, "sdar_8b", eos_token_id=[wrong]))
