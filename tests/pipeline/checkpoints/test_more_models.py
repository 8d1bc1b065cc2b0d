"""The mixtures of experts and Fast-dLLM v2 from `model=NAME` to records, on small checkpoints as they are published."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from transformers import PreTrainedTokenizerFast

from pipeline.evaluation.evaluate import Evaluator
from pipeline.inputs.config import read_config
from pipeline.planning.plan import make_setting
from tests.axon.published_experts import write_published
from tests.axon.test_fast_dllm import write_fast_dllm
from tests.pipeline.conftest import VOCABULARY, compose_tree, sliced, write_checkpoint
from tests.pipeline.evaluation.test_evaluate import timeless
from tests.pipeline.formats import TEMPLATE

pytestmark = pytest.mark.slow

SIZES = {
    "vocab_size": len(VOCABULARY),
    "max_position_embeddings": 1024,
    "mask_token_id": VOCABULARY.index("<|mask|>"),
    "eos_token_id": VOCABULARY.index("<|end|>"),
}
MODELS = {
    "llada_moe_7b_a1b_base": "llada_moe",
    "llada_moe_7b_a1b_instruct": "llada_moe",
    "llada_moe_7b_a1b_instruct_td": "llada_moe",
    "llada2_0_mini": "llada2",
    "llada2_1_mini": "llada2",
    "sdar_30b_a3b_chat": "sdar_moe",
    "fast_dllm_v2_1_5b": "fast_dllm",
    "fast_dllm_v2_7b": "fast_dllm",
}


@pytest.fixture(scope="module")
def folder_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    root = tmp_path_factory.mktemp("published")

    def folder(kind: str) -> Path:
        place = root / kind
        if not place.exists():
            write_checkpoint(place)
            tokenizer = PreTrainedTokenizerFast.from_pretrained(place)
            tokenizer.chat_template = TEMPLATE
            tokenizer.save_pretrained(place)
            if kind == "fast_dllm":
                write_fast_dllm(place, **SIZES)
            else:
                write_published(place, kind, **SIZES)
        return place

    return folder


@pytest.mark.parametrize("name", MODELS)
def test_a_model_of_the_config_is_evaluated(name: str, folder_of: Callable[[str], Path]) -> None:
    folder = folder_of(MODELS[name])
    tree = compose_tree(
        f"model={name}", f"model.path={folder}", "task=arith", "gen_length=32", "block_length=null",
        "model.dtype=float32", "model.device=cpu", "decoder.threshold=0.3", "axon.gate=always", "axon.tau_sink=2x",
            "axon.attention_layers=all",
    )  # fmt: skip
    setting = make_setting(read_config(tree))
    assert setting.decode.block_alignment == ("prompt" if MODELS[name] == "llada_moe" else "absolute")
    assert setting.decode.block_length == {"fast_dllm": 16, "sdar_moe": 4}.get(MODELS[name], 32)
    together = sliced(Evaluator(batch_size=2), setting, 0, 2)
    alone = sliced(Evaluator(batch_size=1), setting, 0, 2)
    assert [timeless(record) for record in together] == [timeless(record) for record in alone]
    assert all(record.error is None and record.axon_steps for record in together)
