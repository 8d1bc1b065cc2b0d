"""Mixtures of experts as published: what they load as, what they compute, and that they decode like any other model."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from axon import (
    AxonSettings,
    CheckpointError,
    Confidence,
    Dawn,
    DecodeSettings,
    MaskedDiffusionModel,
    decode,
    load_model,
)
from axon.attention import Capture
from axon.models.description import describe
from axon.models.family import Family
from axon.models.llada2 import LLADA2
from axon.models.llada_moe import LLADA_MOE
from axon.models.sdar_moe import SDAR_MOE
from benchmarks.experts import launched
from tests.axon.plain_experts import llada2_logits, llada2_route, softmax_logits
from tests.axon.published_experts import FULL, SMALL, published_tensors, write_published
from tests.axon.toy_model import MASK, VOCAB

KINDS = list(SMALL)
PLAIN = {"llada_moe": softmax_logits, "llada2": llada2_logits, "sdar_moe": softmax_logits}
PROMPTS = [[1, 2, 3, 4, 5], [6, 7], [8]]
every_kind = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, MaskedDiffusionModel]:
    root = tmp_path_factory.mktemp("published")
    return {kind: load_model(write_published(root / kind, kind)) for kind in KINDS}


def _seen(mask: Tensor | None, width: int) -> Tensor:
    return torch.ones(width, width, dtype=torch.bool) if mask is None else mask[0, 0] == 0


def _both(kind: str, model: MaskedDiffusionModel, seed: int) -> tuple[Tensor, Tensor]:
    """Our logits and the second implementation's on a random canvas, in the model's type."""
    tokens_BW = torch.randint(0, VOCAB, (1, 24), generator=torch.Generator().manual_seed(seed))
    layout = model.layout([8], 16, 8)
    with torch.inference_mode():
        ours = model.network.get_submodule("lm_head")(model(tokens_BW, layout))[0]
        tensors = {name: tensor.to(model.dtype) for name, tensor in published_tensors(kind).items()}
        theirs = PLAIN[kind](tensors, SMALL[kind], tokens_BW[0], _seen(layout.mask, 24))
    return ours, theirs


@every_kind
@pytest.mark.parametrize("seed", range(3))
def test_the_network_is_the_releases(kind: str, seed: int, models: dict[str, MaskedDiffusionModel]) -> None:
    ours, theirs = _both(kind, models[kind], seed)
    assert ours.abs().max() > 1
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)


@every_kind
@pytest.mark.parametrize("seed", range(3))
def test_in_bfloat16_it_is_the_releases_to_the_bit(kind: str, seed: int, tmp_path: Path) -> None:
    """Any other order of sums would round differently, and near a tie choose other experts."""
    ours, theirs = _both(kind, load_model(write_published(tmp_path, kind), dtype="bfloat16"), seed)
    assert torch.equal(ours, theirs)


@every_kind
@pytest.mark.parametrize("decoder", [Confidence(threshold=0.5), Dawn(tau_edge=0.1, tau_low=0.3)])
def test_a_batch_decodes_as_its_rows(
    kind: str, decoder: Any, models: dict[str, MaskedDiffusionModel]
) -> None:
    settings = DecodeSettings(
        gen_length=16,
        block_length=8,
        decoder=decoder,
        axon=AxonSettings(tau_sink="2x", target_nfe=2, attention_layers="all", max_anchor_steps=2),
    )
    together = decode(models[kind], PROMPTS, settings)
    assert together == [trace for prompt in PROMPTS for trace in decode(models[kind], [prompt], settings)]
    assert all(MASK not in trace.tokens for trace in together)
    assert any(trace.axon_steps for trace in together)


@every_kind
def test_attention_is_captured_in_every_layer(kind: str, models: dict[str, MaskedDiffusionModel]) -> None:
    model = models[kind]
    layout = model.layout([5], 8, 4)
    tokens_BW = torch.arange(13)[None]
    capture = Capture((0, 1), layout.real_BW)
    with torch.inference_mode():
        hidden = model(tokens_BW, layout, capture)
        assert torch.equal(hidden, model(tokens_BW, layout))
    attention = capture.rows(torch.tensor([0]), torch.arange(13)[None])[0]
    torch.testing.assert_close(attention.sum(1), torch.ones(13))
    assert torch.equal(attention > 0, _seen(layout.mask, 13))


@pytest.mark.slow
@every_kind
def test_flops_are_those_that_torch_counts(kind: str, tmp_path: Path) -> None:
    """One row, so no padding; eager attention, whose products torch's counter sees."""

    def grouped(rows: Any, weights: Any, *_: Any, **__: Any) -> int:  # torch's counter has no rule for it
        return 2 * rows[0] * rows[1] * weights[2]

    settings = DecodeSettings(
        gen_length=8, block_length=8, decoder=Confidence(), axon=AxonSettings(gate="never")
    )
    model = load_model(write_published(tmp_path, kind), attention_kernel="eager")
    with FlopCounterMode(display=False, custom_mapping={torch.ops.aten._grouped_mm: grouped}) as counter:
        [trace] = decode(model, PROMPTS[:1], settings)
    assert counter.get_total_flops() == model.flops(trace)


@pytest.mark.slow
@given(
    routes=st.lists(
        st.lists(st.integers(0, 7), min_size=3, max_size=3, unique=True), min_size=1, max_size=40
    ),
    seed=st.integers(0, 100),
)
@pytest.mark.parametrize("family", [LLADA_MOE, LLADA2], ids=lambda family: family.name)
@settings(max_examples=60, deadline=None)
def test_the_grouped_product_is_a_loop_over_experts(
    family: Family, routes: list[list[int]], seed: int
) -> None:
    """For any choice of experts: none of a position is lost, and an expert that nobody chose changes nothing."""
    network = family.build(family.read_config(SMALL[family.name]))
    experts = network.get_submodule("model.layers.1.mlp.experts")
    generator = torch.Generator().manual_seed(seed)
    for parameter in experts.parameters():
        nn.init.normal_(parameter, generator=generator)
    chosen, x_ND = torch.tensor(routes), torch.randn(len(routes), 16, generator=generator)
    weights = torch.rand(chosen.shape, generator=generator)
    gate_up, down = experts.get_parameter("gate_up_proj"), experts.get_parameter("down_proj")
    expected = torch.zeros_like(x_ND)
    with torch.inference_mode():
        for position, numbers in enumerate(routes):
            for rank, number in enumerate(numbers):
                gate, up = (gate_up[number] @ x_ND[position]).chunk(2)
                out = down[number] @ (nn.functional.silu(gate) * up)
                expected[position] += weights[position, rank] * out
        found = experts(x_ND, chosen, weights)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5 * float(expected.abs().max()))


@pytest.mark.parametrize("family", [LLADA_MOE, LLADA2, SDAR_MOE], ids=lambda family: family.name)
def test_no_pass_loops_over_experts(family: Family) -> None:
    """A pass starts as many kernels with 24 experts as with 12."""
    kernels = []
    for experts in (12, 24):
        network = family.build(family.read_config(SMALL[family.name] | {"num_experts": experts})).eval()
        body = partial(network.get_submodule("model"), torch.arange(20)[None], use_cache=False)
        kernels.append(launched(body))
    assert kernels[0] == kernels[1]


@given(seed=st.integers(0, 10_000), spread=st.sampled_from([0.0, 0.1, 3.0]))
@settings(max_examples=60, deadline=None)
def test_llada2_chooses_by_score_and_bias_and_weighs_by_score(seed: int, spread: float) -> None:
    config = SMALL["llada2"]
    network = LLADA2.build(LLADA2.read_config(config))
    router = network.get_submodule("model.layers.1.mlp.gate")
    generator = torch.Generator().manual_seed(seed)
    tensors = {
        "model.layers.1.mlp.gate.weight": torch.randn(12, 16, generator=generator),
        "model.layers.1.mlp.gate.expert_bias": torch.randn(12, generator=generator) * spread,
    }
    router.load_state_dict(
        {
            "weight": tensors["model.layers.1.mlp.gate.weight"],
            "e_score_correction_bias": tensors["model.layers.1.mlp.gate.expert_bias"],
        }
    )
    x_ND = torch.randn(10, 16, generator=generator)
    with torch.inference_mode():
        _, weights, chosen = router(x_ND)
    expected_weights, expected = llada2_route(tensors, config, "model.layers.1", x_ND)
    order, expected_order = chosen.argsort(1), expected.argsort(1)
    assert torch.equal(chosen.gather(1, order), expected.gather(1, expected_order))
    torch.testing.assert_close(weights.gather(1, order), expected_weights.gather(1, expected_order))


def test_the_bias_that_chooses_experts_is_rounded_as_by_the_releases_modeling_file(tmp_path: Path) -> None:
    """docs/models.md: SGLang and transformers' own module keep it in float32."""
    model = load_model(write_published(tmp_path, "llada2"), "bfloat16")
    stored = published_tensors("llada2")["model.layers.1.mlp.gate.expert_bias"]
    bias = model.network.get_buffer("model.layers.1.mlp.gate.e_score_correction_bias")
    assert torch.equal(bias.float(), stored.bfloat16().float()) and not torch.equal(bias.float(), stored)


@pytest.mark.parametrize(
    ("kind", "mask", "ends", "block"),
    [
        ("llada_moe", 156895, (156892,), None),
        ("llada2", 156895, (156892,), 32),
        ("sdar_moe", 151669, (151643, 151645), 4),
    ],
)
def test_the_published_configs_are_understood(
    kind: str, mask: int, ends: tuple[int, ...], block: int | None, tmp_path: Path
) -> None:
    (tmp_path / "config.json").write_text(json.dumps(FULL[kind]))
    found = describe(tmp_path)
    assert (found.family.name, found.mask_token_id, found.end_token_ids, found.block_size) == (
        kind,
        mask,
        ends,
        block,
    )
    assert found.num_layers == FULL[kind]["num_hidden_layers"]


@pytest.mark.parametrize(
    ("kind", "change", "named"),
    [
        ("llada_moe", {"qk_layernorm": False}, "qk_layernorm"),
        ("llada_moe", {"qk_layernorm": ...}, "qk_layernorm"),
        ("llada_moe", {"partial_rotary_factor": 0.5}, "partial_rotary_factor"),
        ("llada_moe", {"shared_expert_intermediate_size": 8}, "shared_expert_intermediate_size"),
        ("llada_moe", {"moe_router_enable_expert_bias": True}, "moe_router_enable_expert_bias"),
        ("llada_moe", {"moe_layer_freq": [1]}, "moe_layer_freq"),
        ("llada_moe", {"num_attention_heads": 3}, "num_attention_heads"),
        ("llada2", {"score_function": "softmax"}, "score_function"),
        ("llada2", {"model_type": "llada2_moe_veomni"}, "model_type"),
        ("llada2", {"n_group": 5}, "n_group"),
        ("llada2", {"topk_group": 9}, "topk_group"),
        ("llada2", {"num_experts_per_tok": 7}, "num_experts_per_tok"),
        ("llada2", {"rotary_dim": 8}, "rotary_dim"),
        ("llada2", {"num_shared_experts": 2}, "num_shared_experts"),
        ("llada2", {"image_token_offset": 157184}, "image_token_offset"),  # LLaDA2.0-Uni's
        ("sdar_moe", {"mlp_only_layers": [0]}, "mlp_only_layers"),
        ("sdar_moe", {"norm_topk_prob": ...}, "norm_topk_prob"),
        ("sdar_moe", {"shared_experts": 1}, "shared_experts"),
    ],
)
def test_what_would_be_computed_differently_is_refused_by_name(
    kind: str, change: dict[str, object], named: str, tmp_path: Path
) -> None:
    with pytest.raises(CheckpointError, match=named) as caught:
        load_model(write_published(tmp_path, kind, **change))
    assert "\n" not in str(caught.value)


def test_a_mixture_is_never_read_as_a_dense_model(tmp_path: Path) -> None:
    """LLaDA-MoE's model_type is LLaDA's."""
    folder = write_published(tmp_path, "llada_moe")
    assert describe(folder).family.name == "llada_moe"
    with pytest.raises(CheckpointError, match="d_model"):
        load_model(write_published(tmp_path, "llada_moe", architectures=...))


def test_the_scale_of_llada2s_experts_is_the_releases_where_its_config_is_silent() -> None:
    silent = {key: value for key, value in SMALL["llada2"].items() if key != "routed_scaling_factor"}
    assert LLADA2.read_config(silent)["routed_scaling_factor"] == 2.5


def test_layers_without_experts_load_where_the_config_puts_them(tmp_path: Path) -> None:
    network = LLADA_MOE.build(LLADA_MOE.read_config(SMALL["llada_moe"] | {"moe_layer_freq": [0, 1]}))
    shapes = {name: tensor.shape for name, tensor in network.state_dict().items()}
    assert shapes["model.layers.0.mlp.gate_proj.weight"] == (24, 16)
    assert shapes["model.layers.1.mlp.experts.gate_up_proj"] == (8, 16, 16)


def test_a_fused_projection_with_rows_to_spare_is_refused(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    folder, tensors = write_published(tmp_path, "llada2"), published_tensors("llada2")
    name = "model.layers.0.attention.query_key_value.weight"
    tensors[name] = torch.cat([tensors[name], tensors[name][:8]])
    save_file(tensors, folder / "model.safetensors")
    with pytest.raises(CheckpointError, match="query_key_value"):
        load_model(folder)
