"""A folder with the files of a released SDAR: planned and decoded by `model=sdar_1_7b_chat model.path=FOLDER`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from transformers.convert_slow_tokenizer import bytes_to_unicode

from pipeline.checkpoints.checkpoint import open_model
from pipeline.evaluation.evaluate import Evaluator
from pipeline.inputs.block_size import unlike_training
from pipeline.inputs.config import read_config
from pipeline.planning.plan import make_setting
from tests.axon.published import write_published, write_tokens
from tests.pipeline.conftest import compose_tree, sliced

TEMPLATE = (
    "{% for turn in messages %}<|im_start|>{{ turn.role }}\n{{ turn.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """No mask_token_id and no block_size in config.json, two names of the mask token, no tokenizer.json."""
    folder = write_published(tmp_path_factory.mktemp("SDAR-1.7B-Chat"), "sdar_8b")
    letters = list(bytes_to_unicode().values())
    others = [f"<{number}>" for number in range(len(letters), 151643)]
    specials = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *(f"<|{n}|>" for n in range(151646, 151669))]
    numbers = {token: number for number, token in enumerate([*letters, *others])}
    added = dict(enumerate(specials, 151643))
    (folder / "vocab.json").write_text(json.dumps(numbers))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    write_tokens(folder, added | {151669: "<|MASK|>"}, "<|MASK|>")
    tokenizer = json.loads((folder / "tokenizer_config.json").read_text())
    tokenizer |= {
        "chat_template": TEMPLATE,
        "eos_token": "<|endoftext|>",
        "tokenizer_class": "Qwen2Tokenizer",
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer))
    named = {text: number for number, text in added.items()} | {"<MASK>": 151669}
    (folder / "added_tokens.json").write_text(json.dumps(named))
    (folder / "special_tokens_map.json").write_text(json.dumps({"mask_token": "<MASK>"}))
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": [151645, 151643]}))
    return folder


@pytest.mark.slow
def test_a_released_sdar_is_planned_and_decoded(released: Path) -> None:
    chosen = ["model=sdar_1_7b_chat", f"model.path={released}", "gen_length=8", "block_length=null"]
    setting = make_setting(read_config(compose_tree(*chosen, "model.dtype=float32", "limit=2")))
    checkpoint = open_model(setting.model)
    assert checkpoint.tokenizer.mask_token_id == checkpoint.described.mask_token_id == 151669
    assert len(checkpoint.tokenizer) == 151670
    assert (setting.decode.block_length, setting.decode.block_alignment) == (4, "absolute")
    assert unlike_training([setting]) == []
    records = sliced(Evaluator(batch_size=2), setting, 0, 2)
    assert [record.error for record in records] == [None, None]
    assert all(8 <= len(record.tokens) < 8 + 4 for record in records)  # the last block is filled
    assert not any(151669 in record.tokens for record in records)
