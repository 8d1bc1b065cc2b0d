"""The body computes what transformers' own modules compute, to the bit, for every family and every kind of pass."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import linear, silu
from transformers import Qwen2Config, Qwen2ForCausalLM

import axon.attention
import axon.models.body
from axon import AxonSettings, DecodeSettings, MaskedDiffusionModel, Overrides, Wino, decode, load_model
from axon.attention import Capture
from axon.models.attend import without_plans
from axon.models.body import Body
from axon.models.dream import DREAM
from axon.models.layer import Rotation, _silu
from axon.models.model import PassPart
from tests.axon import published, published_experts
from tests.axon.toy_model import toy_model

KINDS = [*published.NAMES, *published_experts.SMALL]


@pytest.fixture(scope="module", params=KINDS)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    kind: str = request.param
    write = published_experts if kind in published_experts.SMALL else published
    return kind, write.write_published(tmp_path_factory.mktemp("body") / kind, kind)


def _theirs(model: MaskedDiffusionModel, tokens_BW: Tensor, layout: Any, **extra: Any) -> Tensor:
    with torch.inference_mode():
        output = model.network.get_submodule("model")(
            input_ids=tokens_BW,
            attention_mask=layout.mask,
            position_ids=layout.positions_BQ,
            use_cache=False,
            is_causal=False,
            **extra,
        )
    hidden_BWD: Tensor = output.last_hidden_state
    return hidden_BWD


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_states_logits_and_captured_attention_are_transformers(folder: tuple[str, Path], dtype: str) -> None:
    kind, path = folder
    model = load_model(path, dtype, overrides=Overrides(attention=published.ATTENTION.get(kind)))
    head = model.network.get_submodule("lm_head")
    last = tuple(range(model.num_layers))[-2:]
    for lengths in ([9], [5, 5, 5], [9, 1, 4]):
        layout = model.layout(lengths, 16, 8)
        random = torch.Generator().manual_seed(len(lengths))
        tokens_BW = torch.randint(0, model.vocab_size, layout.real_BW.shape, generator=random)
        own, of_theirs = Capture(last, layout.real_BW), Capture(last, layout.real_BW)
        with torch.inference_mode():
            plain = _theirs(model, tokens_BW, layout, axon_capture=of_theirs)
            assert plain.abs().max() > 0.1 and plain.isfinite().all()
            hidden_BWD = model(tokens_BW, layout)
            assert torch.equal(hidden_BWD, plain)
            some = slice(-8, None)  # of a large vocabulary, the logits of a few columns
            assert torch.equal(head(hidden_BWD[:, some]), head(plain[:, some]))
            assert torch.equal(model(tokens_BW, layout, own), plain)
            assert torch.equal(own.column_means(None), of_theirs.column_means(None))


@pytest.mark.parametrize("family", ["llada", "dream", "sdar"])
def test_rotations_reach_as_far_as_the_canvas(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are computed for a few positions, and for more where a longer canvas comes; the dtype may change between."""
    monkeypatch.setattr("axon.models.body.STEP", 1)
    model = toy_model(family)
    for lengths, dtype in (
        ([2], torch.float32),
        ([9, 1], torch.float32),
        ([4], torch.bfloat16),
        ([12], torch.bfloat16),
    ):
        model = model.to(dtype)
        layout = model.layout(lengths, 6, 3)
        tokens_BW = torch.randint(0, 20, layout.real_BW.shape, generator=torch.Generator().manual_seed(0))
        with torch.inference_mode():
            assert torch.equal(model(tokens_BW, layout), _theirs(model, tokens_BW, layout))


def _adapted(network: Any, name: str) -> Any:
    """With a module there that computes more than its weights, which are those that it had."""
    part = network.get_submodule(name)
    part.__class__ = type("Adapter", (type(part),), {})
    return network


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("embed_tokens", "Embedding"),
        ("layers.1.self_attn.q_proj", "Linear"),
        ("layers.1.self_attn.o_proj", "Linear"),
        ("layers.1.mlp.down_proj", "Linear"),
    ],
)
def test_a_module_that_computes_more_than_its_weights_say_is_refused(name: str, kind: str) -> None:
    """An adapter's, which the weights that are read here know nothing of: the base model would answer in its place."""
    model = toy_model()
    with pytest.raises(ValueError, match=rf"^Adapter: only a plain {kind} .*; merge an adapter into it"):
        MaskedDiffusionModel(_adapted(model.network, f"model.{name}"), model._family, 23, (22,), 64)


def test_what_is_no_network_of_a_family_is_refused_in_one_line() -> None:
    """Some were told when they decoded, by an attribute or a layer that was not there."""
    own, known = nn.Linear(2, 2), toy_model()
    network = known.network
    for wrong, family, line in (
        (own, known._family, "network=Linear: must be a network of transformers"),
        (network, "dream", "family='dream': must be a Family"),
    ):
        with pytest.raises(ValueError, match=f"^{line}") as caught:
            MaskedDiffusionModel(wrong, family, 23, (22,), 64)  # type: ignore[arg-type]
        assert "\n" not in str(caught.value)


def test_a_network_whose_attention_is_not_captured_is_refused_and_the_remedy_serves() -> None:
    """It decoded without AXON, and with AXON ended in an assertion."""
    model = toy_model("dream")
    network = Qwen2ForCausalLM(Qwen2Config(**model.network.config.to_dict())).eval()
    network.load_state_dict(model.network.state_dict())
    with pytest.raises(ValueError, match=r"its attention 'sdpa' can't be captured; call network\.set_attn"):
        MaskedDiffusionModel(network, DREAM, 23, (22,), 64)
    network.set_attn_implementation("axon_sdpa")
    mine = MaskedDiffusionModel(network, DREAM, 23, (22,), 64)
    settings = DecodeSettings(gen_length=8, block_length=4, axon=AxonSettings(attention_layers="all"))
    assert decode(mine, [[1, 2], [3]], settings) == decode(model, [[1, 2], [3]], settings)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["llada_8b", "dream_7b", "sdar_8b"])
def test_masks_have_the_dtype_of_what_attends(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """cuDNN reads a mask of another dtype as if it were of the queries', and says nothing (pytorch/pytorch#191612)."""
    found: list[list[torch.dtype]] = []
    plain = axon.attention.scaled_dot_product_attention

    def told(
        query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None, **extra: Any
    ) -> Tensor:
        found.append([part.dtype for part in (query, key, value, attn_mask) if part is not None])
        return plain(query, key, value, attn_mask, **extra)

    for place in (axon.attention, torch.nn.functional):
        monkeypatch.setattr(place, "scaled_dot_product_attention", told)
    model = load_model(published.write_published(tmp_path / kind, kind), "bfloat16")
    settings = DecodeSettings(8, 4, axon=AxonSettings(gate="never"))
    caches = ["none", "block"] if model.block_causal else ["none", "prefix", "dual"]
    for cache in caches:
        found.clear()
        decode(model, [[1, 2, 3], [4]], replace(settings, cache=cache))  # type: ignore[arg-type]
        if cache == "none" and not model.shifted:
            decode(model, [[1, 2, 3]], replace(settings, decoder=Wino()))
        assert any(len(dtypes) == 4 for dtypes in found), "there was no mask"
        assert {dtype for dtypes in found for dtype in dtypes} == {torch.bfloat16}


@pytest.mark.parametrize(
    ("sizes", "passes"), [((32, 28), 1), ((32, 5), 2), ((5, 32), 2), ((5, 7), 2), ((32,), 1)]
)
def test_parts_share_a_pass_only_where_each_of_them_rounds_alone(
    sizes: tuple[int, ...], passes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five rows are rounded otherwise than as a part of many: 37 together would hide that."""
    model, capture, done = toy_model(), Capture((), torch.ones((1, 1), dtype=torch.bool)), []
    for name in ("in_one_pass", "forward"):
        monkeypatch.setattr(MaskedDiffusionModel, name, lambda *given: done.append(given))
    tokens = [torch.zeros((1, size), dtype=torch.long) for size in sizes]
    model.together([PassPart(own, None, capture, None, None) for own in tokens])  # type: ignore[arg-type]
    assert len(done) == passes


@pytest.mark.slow
def test_a_model_that_nobody_holds_is_gone_at_once(folder: tuple[str, Path]) -> None:
    """Not only when Python looks for cycles: on a GPU the next one would be read beside it."""
    kind, path = folder
    model = load_model(path, overrides=Overrides(attention=published.ATTENTION.get(kind)))
    decode(model, [[1, 2, 3]], DecodeSettings(8, 4, axon=AxonSettings(attention_layers="all")))
    weight = weakref.ref(model.network.get_parameter("model.layers.0.self_attn.q_proj.weight"))
    gc.collect()
    gc.disable()
    try:
        del model
        assert weight() is None
    finally:
        gc.enable()


def test_attention_gives_its_memory_back_before_the_mlp(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept alive longer lies where the MLP could write: new memory, which costs more than most operators."""
    model = toy_model()
    layer, kept, alive = model.body._layers[0], [], []

    def attend(own: Any, query_key_NCA: Tensor, value_NGA: Tensor) -> Tensor:
        mixed_ND = torch.zeros(len(value_NGA), model.hidden_size)
        kept.extend(map(weakref.ref, (query_key_NCA, value_NGA, mixed_ND)))
        return mixed_ND

    def mlp(x_ND: Tensor, *_: Any) -> Tensor:
        alive.extend(one for one in kept if one() is not None)
        return x_ND.clone()

    monkeypatch.setattr(layer, "_mlp", mlp)
    x_ND, angles = torch.ones(5, model.hidden_size), torch.zeros(1, 5, model._head_size)
    layer(x_ND, Rotation.of(angles.cos(), angles.sin()), attend, linear)
    assert len(kept) == 3 and not alive


@pytest.mark.parametrize("width", [64, 100, 112, 384])
def test_a_part_of_a_tensor_is_activated_as_a_tensor_of_its_own(width: int) -> None:
    """Bit for bit, also where a row ends within a vector."""
    both = 4 * torch.randn(45, 2 * width, generator=torch.Generator().manual_seed(0))
    gate, _ = both.split(width, 1)
    expected = silu(gate.contiguous())
    assert torch.equal(_silu(gate), expected) and torch.equal(_silu(gate.contiguous()), expected)


@pytest.mark.parametrize("rotated", [torch.float32, torch.bfloat16])
def test_a_rotation_takes_no_more_memory_than_its_precision_asks_for(rotated: torch.dtype) -> None:
    angles = torch.rand(1, 5, 8, generator=torch.Generator().manual_seed(0))
    rotation = Rotation.of(angles.cos().to(rotated), angles.sin().to(rotated))
    x_NHA = torch.ones(5, 2, 8, dtype=torch.bfloat16)
    found = rotation(x_NHA)
    assert found.dtype is rotated
    assert (found.data_ptr() == x_NHA.data_ptr()) == (rotated is torch.bfloat16)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_heads_in_16_bits_are_rotated_as_on_a_processor(dtype: torch.dtype) -> None:
    """But for one rounding, seldom."""
    torch.manual_seed(0)
    angles = 100 * torch.rand(1, 50, 64)
    rotation, x_NHA = Rotation.of(angles.cos(), angles.sin()), torch.randn(50, 12, 64).to(dtype)
    found, expected = rotation._in_16_bits(x_NHA), rotation(x_NHA.clone()).to(dtype)
    assert found.dtype is dtype
    assert (found != expected).sum() < 20  # of 38,400
    torch.testing.assert_close(found, expected, rtol=torch.finfo(dtype).eps, atol=1e-6)


def test_a_gpu_attends_without_the_kernel_that_plans_for_each_width(monkeypatch: pytest.MonkeyPatch) -> None:
    """Torch's switches are there without a GPU."""
    through, found = Body._through, []

    def told(*arguments: Any) -> Tensor:
        cuda = torch.backends.cuda
        found.append((cuda.cudnn_sdp_enabled(), cuda.flash_sdp_enabled(), cuda.math_sdp_enabled()))
        return through(*arguments)

    monkeypatch.setattr(Body, "_through", told)
    model, settings = toy_model(), DecodeSettings(4, 4, axon=AxonSettings(gate="never"))
    for place in ("cpu", "cuda"):
        monkeypatch.setattr(
            axon.models.body, "without_plans", lambda _, to=place: without_plans(torch.device(to))
        )
        decode(model, [[1, 2, 3]], settings)
        assert set(found) == {(place == "cpu", True, True)}
        assert torch.backends.cuda.cudnn_sdp_enabled()
        found.clear()
