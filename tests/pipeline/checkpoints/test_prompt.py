"""How an example becomes tokens: raw, after BOS, through the chat template; its wordings; what can't be asked."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from axon import load_tokenizer
from pipeline.checkpoints.prompt import check_tokenizer, encode, form_of
from pipeline.evaluation.evaluate import Loaded
from pipeline.inputs.config import Config, ModelSettings, read_config, to_tree
from pipeline.planning.plan import make_setting
from pipeline.tasks import Example, TaskSettings, check_form, forms, get_task, open_task
from pipeline.tasks.candidate import stopped
from pipeline.tasks.task import Chat
from tests.axon.traces import trace_of
from tests.pipeline.conftest import compose_tree
from tests.pipeline.formats import TEMPLATE, random_checkpoint
from tests.shared import DATA, needs_rows

CHAT = ModelSettings("model", None, "float32", "sdpa", "cpu", "chat")
RAW, BOS = replace(CHAT, prompt="raw"), replace(CHAT, prompt="bos")
THINKING = TEMPLATE + "{% if enable_thinking is defined and not enable_thinking %}(no thoughts){% endif %}"
HUMANEVAL = TaskSettings("humaneval", "test", 0)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> PreTrainedTokenizerBase:
    return load_tokenizer(random_checkpoint("llada", tmp_path_factory.mktemp("tokenizer") / "random"))


def asked(tokenizer: Any, model: ModelSettings, task: TaskSettings, example: Example) -> str:
    return str(tokenizer.decode(encode(tokenizer, model, example, task)))


def test_a_chat_sees_its_shots_as_text_or_turns_and_the_answers_opening_last(tokenizer: Any) -> None:
    chat = Chat("2?", shots=(("1?", " one"),), opening="It is ")
    example = Example("x", "2+0=", "two", None, shots=(("1+0=", " one"),), between=";", chat=chat)
    seen = {
        (model.prompt, form, style): asked(
            tokenizer, model, replace(HUMANEVAL, form=form, shot_style=style), example
        )
        for model in (RAW, CHAT)
        for form in (None, "completion")
        for style in ("text", "turns")
    }
    assert {seen["raw", form, style] for form in (None, "completion") for style in ("text", "turns")} == {
        "1+0= one;2+0="
    }
    assert seen["chat", None, "text"] == "<user>1? one2?\n<assistant>It is ".replace("one2", "one;2")
    assert seen["chat", None, "turns"] == "<user>1?\n<assistant>one\n<user>2?\n<assistant>It is "
    assert seen["chat", "completion", "text"] == "<user>1+0= one;2+0=\n<assistant>"
    assert seen["chat", "completion", "turns"] == "<user>1+0=\n<assistant>one\n<user>2+0=\n<assistant>"


def test_turns_that_belong_to_the_wording_are_word_for_word(tokenizer: Any) -> None:
    example = Example("x", "2", "", None, chat=Chat("2?", (("1?", "one \n"),), in_turns=True))
    assert asked(tokenizer, CHAT, HUMANEVAL, example) == "<user>1?\n<assistant>one \n\n<user>2?\n<assistant>"


def test_bos_stands_once_before_the_raw_text(tokenizer: Any, tmp_path: Path) -> None:
    tokenizer.save_pretrained(tmp_path)
    begun = PreTrainedTokenizerFast.from_pretrained(tmp_path, bos_token="<|end|>")
    example = Example("x", "2+0=", "", None, shots=(("1+0=", "1"),), between=";")
    bare = encode(begun, RAW, example, HUMANEVAL)
    assert encode(begun, BOS, example, HUMANEVAL) == [begun.bos_token_id, *bare]
    check_tokenizer(begun, BOS)
    with pytest.raises(ValueError, match=r"model\.prompt='bos': the tokenizer of model names no bos_token"):
        check_tokenizer(tokenizer, BOS)


def test_dreams_bos_is_a_token_of_its_tokenizers_own_files(tmp_path: Path) -> None:
    """<|beginoftext|> is an added token of tokenizer_config.json, as there is no tokenizer.json."""
    folder = random_checkpoint("dream", tmp_path)
    (folder / "tokenizer.json").unlink()
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    specials = ["<|endoftext|>", "<|beginoftext|>", "<|mask|>"]
    added = {str(256 + n): {"content": text, "special": True} for n, text in enumerate(specials)}
    names = dict(zip(("eos_token", "bos_token", "mask_token"), specials, strict=True))
    (folder / "vocab.json").write_text(json.dumps({letter: n for n, letter in enumerate(letters)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    (folder / "tokenizer_config.json").write_text(json.dumps({"added_tokens_decoder": added, **names}))
    tokenizer = load_tokenizer(folder)
    check_tokenizer(tokenizer, BOS)
    ids = encode(tokenizer, BOS, Example("x", "2+0=", "", None), HUMANEVAL)
    assert ids[0] == 257 and tokenizer.decode(ids) == "<|beginoftext|>2+0="
    assert compose_tree("model=dream_v0_base_7b")["model"]["prompt"] == "bos"


def test_keywords_reach_the_template_and_unknown_ones_are_refused(tokenizer: Any, tmp_path: Path) -> None:
    tokenizer.save_pretrained(tmp_path)
    thinking = PreTrainedTokenizerFast.from_pretrained(tmp_path)
    thinking.chat_template = THINKING
    example = Example("x", "2?", "", None)
    for keywords, ending in [
        ({}, ""),
        ({"enable_thinking": True}, ""),
        ({"enable_thinking": False}, "(no thoughts)"),
    ]:
        model = replace(CHAT, template=keywords)
        check_tokenizer(thinking, model)
        assert asked(thinking, model, HUMANEVAL, example) == f"<user>2?\n<assistant>{ending}"
    with pytest.raises(ValueError, match=r"never reads it; one of enable_thinking$"):
        check_tokenizer(thinking, replace(CHAT, template={"enable_thoughts": False}))
    with pytest.raises(ValueError, match=r"model\.template\.messages='x': .*never reads it; leave it out"):
        check_tokenizer(tokenizer, replace(CHAT, template={"messages": "x"}))
    thinking.chat_template = "{% nothing_of_jinja %}"  # what it reads can't be told
    with pytest.raises(ValueError, match=r"never reads it; leave it out$"):
        check_tokenizer(thinking, replace(CHAT, template={"enable_thinking": False}))
    check_tokenizer(tokenizer, replace(RAW, template={"enable_thoughts": False}))


def test_what_a_chat_reads_is_part_of_its_identity(make_config: Callable[..., Config]) -> None:
    def identity(*overrides: str) -> tuple[str, dict[str, Any]]:
        setting = make_setting(make_config("model.prompt=chat", *overrides))
        return setting.id, dict(setting.identity["model"])

    plain, off, on = (
        identity(*words)
        for words in (
            (),
            ('model.template={"enable_thinking": false}',),
            ('model.template={"enable_thinking": true}',),
        )
    )
    assert len({plain[0], off[0], on[0]}) == 3
    assert "template" not in plain[1] and off[1]["template"] == {"enable_thinking": False}


@given(st.dictionaries(st.text(min_size=1), st.none() | st.booleans() | st.integers() | st.text()))
def test_keywords_are_read_back_as_they_were_written(tree: dict[str, Any], keywords: dict[str, Any]) -> None:
    config = read_config({**tree, "model": {**tree["model"], "template": keywords}})
    assert config.model.template == keywords
    assert to_tree(config)["model"]["template"] == keywords
    assert read_config(to_tree(config)) == config and hash(config.model) == hash(config.model)
    none = read_config({**tree, "model": {**tree["model"], "template": None}})
    assert none.model.template == {} and (none == config) == (not keywords)


def test_keywords_can_be_given_on_the_command_line() -> None:
    tree = compose_tree("model=llada_8b_instruct", "model.template={enable_thinking: false}")
    assert read_config(tree).model.template == {"enable_thinking": False}


@pytest.mark.parametrize("name", ["arith", "gsm8k", "math500", "humaneval", "mbpp", "sudoku_n4"])
def test_without_a_form_the_task_is_asked_as_it_always_was(name: str) -> None:
    task = TaskSettings(name, "test", 0)
    assert form_of(task, "raw") == form_of(task, "bos") == "completion"
    assert form_of(task, "chat") == ("instruct" if "instruct" in forms(name) else "completion")
    assert ("instruct" in forms(name)) == (name in ("humaneval", "mbpp", "sudoku_n4"))


@pytest.mark.parametrize("form", ["instruct", "opencompass", "opencompass_8e312c"])
def test_a_chats_wording_needs_a_chat(form: Any) -> None:
    check_form("humaneval", form, "chat")
    for prompt in ("raw", "bos"):
        with pytest.raises(
            ValueError, match=rf"task\.form='{form}': is asked in a chat, not with model\.prompt="
        ):
            check_form("humaneval", form, prompt)


class Model:
    end_token_ids = ()


@given(st.text("ABC|", min_size=1, max_size=12))
def test_an_answer_ends_at_a_stop_that_is_a_special_token(tokenizer: Any, text: str) -> None:
    """<|mask|>, here |, stands for any special token that ends nothing by itself."""
    ids = tuple(tokenizer.encode(text.replace("|", "<|mask|>"), add_special_tokens=False))
    assert len(ids) == len(text)
    loaded, trace = Loaded(Model, tokenizer, RAW), trace_of(ids, (0,) * len(ids))
    assert loaded.answer(trace) == text.replace("|", ""), "without a stop, only special tokens are dropped"
    for stop in ("|", "C", "A|B", "|C"):
        expected = text.partition(stop)[0].replace("|", "")
        assert loaded.answer(trace, (stop.replace("|", "<|mask|>"),)) == expected
    assert loaded.answer(trace, ("C", "B")) == stopped(text, ("C", "B")).replace("|", "")


def bytes_tokenizer() -> PreTrainedTokenizerBase:
    """Writes every text: a token is a byte, as at the bottom of Dream's and SDAR's tokenizers."""
    alphabet = {letter: number for number, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    made = Tokenizer(models.BPE(alphabet, []))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(
        tokenizer_object=made, eos_token="<|endoftext|>", additional_special_tokens=["<|im_end|>"]
    )


@pytest.mark.slow
@needs_rows
@pytest.mark.parametrize(
    ("name", "file"),
    [("gsm8k", "gsm8k_test.jsonl"), ("mbpp", "mbpp.jsonl"), ("humaneval", "HumanEval.jsonl.gz")],
)
def test_where_no_special_token_is_written_the_scored_text_is_the_same(name: str, file: str) -> None:
    loaded = Loaded(Model, bytes_tokenizer(), RAW)
    task = open_task(TaskSettings(name, "test", 0, path=str(DATA / file)))
    for example in task.examples("test", 0, 100):
        for ending in ("", "\n\nQuestion: 7 and 8? \u540d"):
            text = example.reference + ending
            ids = tuple(loaded.tokenizer.encode(text, add_special_tokens=False))
            trace = trace_of(ids, (0,) * len(ids))
            assert loaded.answer(trace) == text
            assert loaded.answer(trace, task.stops) == stopped(text, task.stops)
            if name == "gsm8k":
                now = task.score(loaded.answer(trace, task.stops), example)
                assert now == task.score(text, example) and now.value == 1.0


def test_gsm8ks_own_stop_is_found_among_the_special_tokens() -> None:
    loaded = Loaded(Model, bytes_tokenizer(), RAW)
    ids = tuple(loaded.tokenizer.encode("so 7<|im_end|> not 8", add_special_tokens=False))
    trace = trace_of(ids, (0,) * len(ids))
    assert loaded.answer(trace) == "so 7 not 8"
    assert loaded.answer(trace, get_task("gsm8k").stops) == "so 7"
