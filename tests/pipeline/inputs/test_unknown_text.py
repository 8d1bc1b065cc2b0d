"""Prompts that hold what the model's tokenizer has no tokens for: said before anything is decoded, in one line."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from axon import load_tokenizer
from axon.unknown import unknown, unknown_token
from pipeline.inputs import unknown_text
from pipeline.inputs.config import Config
from pipeline.inputs.unknown_text import unknown_texts
from pipeline.jobs.run_job import run_job
from pipeline.planning.plan import make_setting
from pipeline.runs.opened import open_run
from tests.pipeline.conftest import ROOT, composing
from tests.pipeline.jobs.test_plan_job import shown

Make = Callable[..., Config]
PLAIN, STRANGE = "1+2=?", "5 €, 3 €?"
TINY = load_tokenizer(ROOT / "assets/tiny")


def rows(folder: Path, *questions: str) -> str:
    file = folder / "rows.jsonl"
    file.write_text("\n".join(json.dumps({"question": own, "answer": "#### 3"}) for own in questions))
    return str(file)


def of_gsm8k(folder: Path, *questions: str) -> list[str]:
    path = rows(folder, *questions)
    return ["task.name=gsm8k", f"task.path={path}", "task.shots=0", f"limit={len(questions)}"]


def wrapped(model: Any, **named: str) -> PreTrainedTokenizerBase:
    return PreTrainedTokenizerFast(tokenizer_object=Tokenizer(model), **named)


def test_what_is_unknown_is_counted_with_its_characters_the_most_frequent_first() -> None:
    assert unknown(TINY, ["11; add 5=?", "x = 1"]) is None
    found = unknown(TINY, ["11; add 5=?", STRANGE, "€", "é"])
    assert found is not None
    assert (found.token, found.texts, found.holding, found.tokens) == ("<|end|>", 4, 3, 3)
    assert found.pieces[0] == "€" and set(found.pieces) == {"€", "é", "?"}
    assert "\n" not in found.told("prompts")


def test_a_text_that_says_the_token_itself_is_known() -> None:
    assert unknown(TINY, ["1<|end|>2"]) is None
    found = unknown(TINY, ["1<|end|>€<|end|>"])
    assert found is not None and (found.tokens, found.pieces) == (1, ("€",))


def test_a_piece_each_of_whose_characters_is_known_is_shown_whole() -> None:
    words = models.WordLevel({"a": 0, "b": 1, "?": 2}, unk_token="?")
    found = unknown(wrapped(words), ["a", "ab"])
    assert found is not None and found.pieces == ("ab",)


def test_a_unigram_tokenizer_says_its_token_itself() -> None:
    unigram = models.Unigram([("a", 0.0), ("<unk>", -1.0)], unk_id=1)
    found = unknown(wrapped(unigram, unk_token="<unk>"), ["aa", "ab"])
    assert found is not None and (found.holding, found.pieces) == (1, ("b",))


def test_of_a_byte_level_tokenizer_no_text_is_looked_at(
    make_config: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alphabet = {letter: number for number, letter in enumerate(pre_tokenizers.ByteLevel.alphabet())}
    own = Tokenizer(models.BPE(alphabet, []))
    own.pre_tokenizer, own.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    # Whatever its config names so: Qwen's names the end of the text.
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=own, unk_token="<|endoftext|>")
    assert unknown_token(tokenizer) is None
    assert unknown(tokenizer, (pytest.fail("was read") for _ in range(1))) is None

    setting = make_setting(make_config(*of_gsm8k(tmp_path, STRANGE)))
    monkeypatch.setattr(unknown_text, "first_examples", lambda *task: pytest.fail("were made"))
    checkpoint = type("Opened", (), {"tokenizer": tokenizer})()
    assert unknown_texts([setting], 1, lambda model: checkpoint) == []


def test_it_is_said_once_for_each_model_and_task(make_config: Make, tmp_path: Path) -> None:
    words = of_gsm8k(tmp_path, PLAIN, STRANGE)
    settings = [make_setting(make_config(*words, f"decoder.threshold={value}")) for value in (0.3, 0.9)]
    [line] = unknown_texts(settings, 2)
    assert line.startswith("model.path=") and "in 1 of 2 prompts of gsm8k the model is given ? in" in line
    assert "'€'" in line and line.endswith("give texts in its characters, or another model")
    assert unknown_texts([make_setting(make_config(*of_gsm8k(tmp_path, PLAIN)))], 1) == []


@pytest.mark.slow
def test_a_run_says_it_before_it_decodes_and_its_report_does_even_where_all_is_stored(
    make_config: Make, tmp_path: Path
) -> None:
    config = make_config(*of_gsm8k(tmp_path, PLAIN, STRANGE))
    said = []
    for _ in range(2):
        out = io.StringIO()
        assert run_job(config, composing(config), ["limit=2"], Console(file=out, width=100)) == 0
        told = " ".join(out.getvalue().split())
        said.append(told.count("the tokenizer doesn't know '€'"))
        folder = Path(told.split()[-1])
        [kept] = open_run(folder).run.warnings
        assert "the tokenizer doesn't know '€'" in kept
        assert f"<li>Warning: {escape(kept)}.</li>" in (folder / "report.html").read_text()
    assert said == [1, 0]


def test_the_plan_says_it(make_config: Make, tmp_path: Path) -> None:
    assert "the tokenizer doesn't know" in " ".join(shown(make_config(*of_gsm8k(tmp_path, STRANGE))).split())
