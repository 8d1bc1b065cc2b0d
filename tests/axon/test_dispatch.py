"""Which family reads a config: told by its architecture, never guessed, and no key of it ignored."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import pytest

from axon import CheckpointError, Overrides
from axon.models.description import FAMILIES, describe
from axon.models.dispatch import REFUSED
from axon.models.overrides import Attention
from axon.models.size import size_of
from tests.axon import published
from tests.axon.published import NAMES, small


def refusal(folder: Path, config: dict[str, Any], **given: Any) -> str:
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError) as caught:
        describe(folder, Overrides(**given))
    line = str(caught.value)
    assert line.startswith(f"model.path={str(folder)!r}: ") and "\n" not in line
    return line


def test_no_two_families_share_an_architecture_or_a_name() -> None:
    for known in (
        [name for family in FAMILIES for name in family.architectures],
        [name for family in FAMILIES for name in family.model_types or (family.name,)],
        [family.name for family in FAMILIES],
    ):
        assert len(known) == len(set(known))


@pytest.mark.parametrize("name", ["llada_8b", "dream_7b", "sdar_8b"])
def test_an_unknown_architecture_is_refused_though_its_model_type_is_known(name: str, tmp_path: Path) -> None:
    """As LLaDA-MoE, which says `llada`, must not be read as the dense one where its own family is missing."""
    line = refusal(tmp_path, small(name) | {"architectures": ["SomethingElse"]})
    assert "architectures=['SomethingElse']: unknown" in line


@pytest.mark.parametrize("name", ["llada_8b", "dream_7b", "sdar_8b", "illada_8b"])
def test_without_architectures_the_model_type_decides(name: str, tmp_path: Path) -> None:
    config = small(name)
    (tmp_path / "config.json").write_text(json.dumps(config))
    named = describe(tmp_path).family.name
    del config["architectures"]
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert describe(tmp_path).family.name == named
    assert "model_type='gpt2': unknown" in refusal(tmp_path, config | {"model_type": "gpt2"})


@pytest.mark.parametrize(
    ("named", "kind"),
    [
        ("WeDLMForCausalLM", "wedlm"),
        ("DiffusionGemmaForBlockDiffusion", "diffusion_gemma"),
        ("NemotronLabsDiffusionModel", "nemotron_labs_diffusion"),
        ("EfficientDLM", "qwen3"),
        ("RND1LM", "rnd1"),
        ("DreamForCausalLM", "Dream"),
        (None, "nemotron_labs_diffusion"),
        (None, "infogain_dream"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_reason(named: str | None, kind: str, tmp_path: Path) -> None:
    line = refusal(tmp_path, {"model_type": kind} | ({"architectures": [named]} if named else {}))
    assert f"config.json: {named or kind}: " in line
    assert any(reason in line for reason in REFUSED.values())


def test_an_autoregressive_qwen_is_refused_for_want_of_a_mask_token(tmp_path: Path) -> None:
    assert "give model.mask_token_id" in refusal(tmp_path, small("open_dcoder_0_5b"))


@pytest.mark.parametrize("name", ["a2d_qwen3_0_6b", "a2d_qwen2_5_coder_0_5b"])
def test_how_a2d_attends_is_asked_for(name: str, tmp_path: Path) -> None:
    assert "give model.attention=bidirectional (mdlm) or block_causal" in refusal(tmp_path, small(name))
    for attention in get_args(Attention):
        found = describe(tmp_path, Overrides(mask_token_id=7, attention=attention))
        assert found.family.block_causal == (attention == "block_causal")


@pytest.mark.parametrize("name", ["a2d_qwen3_0_6b", "llada_8b", "sdar_8b"])
@pytest.mark.parametrize("attention", ["bd3lm", "causal", True])
def test_an_attention_of_another_name_is_not_taken_for_one(name: str, attention: Any, tmp_path: Path) -> None:
    line = refusal(tmp_path, small(name), attention=attention)
    assert f"model.attention={attention!r}: unknown; one of bidirectional, block_causal" in line


def test_attention_that_contradicts_the_family_is_refused(tmp_path: Path) -> None:
    line = refusal(tmp_path, small("llada_8b"), attention="block_causal")
    assert "model.attention='block_causal': llada is bidirectional; leave it out" in line
    assert "sdar is block_causal" in refusal(tmp_path, small("sdar_8b"), attention="bidirectional")


@pytest.mark.parametrize("name", NAMES)
def test_a_key_that_is_not_known_is_refused_by_name(name: str, tmp_path: Path) -> None:
    given: dict[str, Any] = {"attention": "bidirectional"} if name.startswith("a2d") else {}
    line = refusal(tmp_path, small(name) | {"mask_token_id": 7, "qk_scale": 1.5}, **given)
    assert "config.json: qk_scale=1.5: unknown here" in line and "give model.inert_keys=[qk_scale]" in line
    assert describe(tmp_path, Overrides(inert_keys=("qk_scale",), **given)).mask_token_id == 7
    with pytest.raises(
        CheckpointError, match=r"model.inert_keys=\[foo\]: config.json has no such key; correct it"
    ):
        describe(tmp_path, Overrides(inert_keys=("qk_scale", "foo"), **given))


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("dream_7b", "use_mrope", True),
        ("dream_7b", "use_sliding_window", True),
        ("dream_7b", "attention_bias", False),
        ("dream_7b", "rope_scaling", {"rope_type": "yarn", "factor": 4.0}),
        ("dream_7b", "rope_parameters", {"rope_type": "yarn", "rope_theta": 1e6}),
        ("sdar_8b", "layer_types", ["sliding_attention", "full_attention"]),
        ("sdar_8b", "attention_bias", True),
        ("illada_8b", "layer_norm_eps", 1e-5),
        ("illada_8b", "mlp_bias", True),
        ("illada_8b", "head_dim", 16),
        ("dream_7b", "head_dim", 16),
        ("llada_8b", "input_emb_norm", True),
        ("llada_8b", "attention_layer_norm", True),
    ],
)
def test_a_variant_that_is_not_computed_is_refused(
    name: str, key: str, value: object, tmp_path: Path
) -> None:
    assert f"{key}={value!r}" in refusal(tmp_path, small(name) | {key: value})


@pytest.mark.parametrize("name", ["illada_8b", "dream_7b"])
@pytest.mark.parametrize("heads", [4, 5])
def test_heads_share_the_hidden_size_where_they_have_no_size_of_their_own(
    name: str, heads: int, tmp_path: Path
) -> None:
    """Of 32, 5 heads would take 6 each, and leave 2 of it to none: not what a size of 6 asks for."""
    config = small(name) | {"num_attention_heads": heads, "num_key_value_heads": 1, "head_dim": 32 // heads}
    if 32 % heads:
        assert f"head_dim={32 // heads}: this variant is not supported" in refusal(tmp_path, config)
        return
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert size_of(describe(tmp_path)).shape.head == 32 // heads


@pytest.mark.parametrize("name", ["dream_7b", "sdar_8b", "experts/llada2"])
def test_heads_that_could_not_be_computed_are_refused(name: str, tmp_path: Path) -> None:
    """Before: an error of torch's, in the middle of the first decode."""
    config = {key: value for key, value in small(name).items() if key != "rotary_dim"}
    heads = config["num_attention_heads"]
    line = refusal(tmp_path, config | {"num_key_value_heads": heads - 1})
    assert f"{heads - 1} key heads for {heads} heads" in line
    if "partial_rotary_factor" in config:
        odd = config | {"partial_rotary_factor": 3 / config["head_dim"]}
    else:
        odd = config | {"hidden_size": 3 * heads} | ({"head_dim": 3} if "head_dim" in config else {})
    assert "of which 3 is rotated" in refusal(tmp_path, odd)


def test_a_key_that_llada_lacks_means_the_references_default(tmp_path: Path) -> None:
    config = small("llada_8b")
    for key in ("rope", "block_type", "activation_type", "layer_norm_type"):
        line = refusal(tmp_path, {name: value for name, value in config.items() if name != key})
        assert f"config.json: {key}=" in line and "not supported" in line
    del config["weight_tying"], config["rope_full_precision"]
    (tmp_path / "config.json").write_text(json.dumps(config))
    network = describe(tmp_path).network
    assert network["tie_word_embeddings"] and network["rope_full_precision"]


def test_transformers_5_writes_the_rotary_base_elsewhere(tmp_path: Path) -> None:
    config = small("sdar_8b")
    del config["rope_theta"], config["rope_scaling"]
    config |= {"rope_parameters": {"rope_theta": 77.0, "rope_type": "default"}, "dtype": "bfloat16"}
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert describe(tmp_path).network["rope_parameters"]["rope_theta"] == 77.0
    assert "rope_parameters say otherwise" in refusal(tmp_path, config | {"rope_theta": 5.0})


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted(published.CONFIGS.rglob("*.json")), ids=lambda path: path.stem)
def test_no_number_of_a_config_is_more_than_a_line_when_it_is_wrong(path: Path, tmp_path: Path) -> None:
    """Zero heads were a ZeroDivisionError, and a text for an optional size told as torch would."""
    config, told = json.loads(path.read_text()), 0
    attention = Overrides(attention=published.ATTENTION.get(path.stem))
    numbers = [key for key, value in config.items() if isinstance(value, int | float) or value is None]
    for key in numbers:
        for wrong in (0, 10**15, "x", float("nan")):
            (tmp_path / "config.json").write_text(json.dumps(config | {key: wrong}))
            try:
                size_of(describe(tmp_path, attention))
            except CheckpointError as error:
                assert "\n" not in str(error)
                told += 1
    assert told > 4 * 5


@pytest.mark.parametrize("path", sorted(published.CONFIGS.rglob("*.json")), ids=lambda path: path.stem)
def test_sizes_are_the_configs_own(path: Path, tmp_path: Path) -> None:
    """Test checkpoints are made from what is described, so that a size misread fits them all the same."""
    config = json.loads(path.read_text())
    (tmp_path / "config.json").write_text(json.dumps(config))
    found = size_of(
        describe(tmp_path, Overrides(attention=published.ATTENTION.get(path.stem), mask_token_id=7))
    ).shape
    heads = config.get("num_attention_heads") or config["n_heads"]
    width = config.get("hidden_size") or config["d_model"]
    assert found.heads == heads
    assert found.key_heads == (config.get("num_key_value_heads") or config["n_kv_heads"])
    assert found.head == config.get("head_dim", width // heads)
    if "num_experts" not in config:
        assert found.feed_forward == (config.get("intermediate_size") or config["mlp_hidden_size"])
