"""The bundled model: its tokenizer, its training batches, and the accuracy of the committed weights."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from assets.tiny import training
from assets.tiny.batches import CANVASES, Canvas, draw_batch, mask_answers
from assets.tiny.card import measure
from assets.tiny.tokenizer import END, MASK, build_tokenizer
from assets.tiny.training import Training
from axon import Confidence, FixedSteps, load_model, load_tokenizer
from pipeline.tasks import split_of

FOLDER = Path(__file__).resolve().parents[2] / "assets" / "tiny"
COUNT = 128  # two full batches of `measure`
BAR = {"arith": 0.95, "pycode": 0.90, "lists": 0.90}
every_canvas = pytest.mark.parametrize("canvas", CANVASES, ids=lambda canvas: canvas.task.name)


@every_canvas
def test_the_tokenizer_is_lossless_and_every_example_fits_its_canvas(canvas: Canvas) -> None:
    tokenizer = load_tokenizer(FOLDER)
    assert tokenizer.get_vocab() == build_tokenizer().get_vocab()
    for example in canvas.task.examples("train", 5, 300):
        prompt = tokenizer(example.prompt, add_special_tokens=False)["input_ids"]
        reference = tokenizer(example.reference, add_special_tokens=False)["input_ids"]
        assert tokenizer.decode(prompt) == example.prompt and tokenizer.decode(reference) == example.reference
        assert len(prompt) <= canvas.prompt and len(reference) < canvas.answer
        assert not {tokenizer.eos_token_id, tokenizer.mask_token_id} & {*prompt, *reference}


@every_canvas
def test_training_batches_hold_only_training_examples(canvas: Canvas) -> None:
    tokenizer = build_tokenizer()
    tokens_BL, prompt_B1 = draw_batch(canvas, tokenizer, random.Random(1))
    for row, length in zip(tokens_BL.tolist(), prompt_B1[:, 0].tolist(), strict=True):
        assert split_of(tokenizer.decode(row[:length])) == "train"
        assert row[-1] == tokenizer.eos_token_id


def test_masks_spare_prompts_and_follow_t() -> None:
    tokens_BL, prompt_B1 = torch.zeros(4000, 30, dtype=torch.long), torch.full((4000, 1), 10)
    noised_BL, masked_BL, t_B1 = mask_answers(tokens_BL, prompt_B1, 7, torch.Generator().manual_seed(0))
    assert not masked_BL[:, :10].any()
    assert torch.equal(noised_BL == 7, masked_BL)
    rates_B = masked_BL[:, 10:].float().mean(1)
    assert abs(float((rates_B - t_B1[:, 0]).mean())) < 0.01
    assert abs(float(t_B1.mean()) - 0.5) < 0.01
    weights = (masked_BL[:, 10:] / t_B1).mean()  # E[1{masked} / t] = 1: the objective counts each token once
    assert abs(float(weights) - 1) < 0.05


@pytest.mark.slow
def test_a_training_run_that_was_stopped_and_continued_equals_one_that_was_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "CANVASES", [replace(CANVASES[0], rows=2)])
    whole, stopped = (Training(0, 3e-3, "cpu", compiled=False) for _ in range(2))
    losses = [float(*whole.advance()) for _ in range(3)]
    assert [float(*stopped.advance()) for _ in range(2)] == losses[:2]
    stopped.save(tmp_path / "state.pt")
    continued = Training(0, 3e-3, "cpu", compiled=False)
    continued.load(tmp_path / "state.pt")
    assert continued.step == 2
    assert float(*continued.advance()) == losses[2]
    for name, run in (("whole", whole), ("continued", continued)):
        run.export(tmp_path / name)
    weights, again = (load_file(tmp_path / name / "model.safetensors") for name in ("whole", "continued"))
    assert weights.keys() == again.keys()
    assert all(torch.equal(tensor, again[name]) for name, tensor in weights.items())


def test_the_checkpoint_is_small_and_in_lladas_format() -> None:
    assert sum(file.stat().st_size for file in FOLDER.rglob("*") if file.is_file()) < 20e6
    with safe_open(FOLDER / "model.safetensors", "pt") as tensors:
        names = set(tensors.keys())
        assert sum(tensors.get_tensor(name).numel() for name in names) < 8e6
    assert "model.transformer.blocks.7.ff_proj.weight" in names
    model, tokenizer = load_model(FOLDER), load_tokenizer(FOLDER)
    assert model.num_layers >= 8
    assert tokenizer.convert_tokens_to_ids([END, MASK]) == [*model.end_token_ids, model.mask_token_id]


@pytest.mark.slow
@every_canvas
def test_one_token_per_step_reaches_the_required_accuracy(canvas: Canvas) -> None:
    figure = measure(load_model(FOLDER), load_tokenizer(FOLDER), canvas, FixedSteps(), COUNT)
    assert figure.nfe == canvas.answer
    assert figure.accuracy >= BAR[canvas.task.name]


@pytest.mark.slow
def test_lower_thresholds_trade_quality_for_speed() -> None:
    """At the fast end, at least two tasks lose ten points, and at least two take at most a quarter of the steps."""
    model, tokenizer = load_model(FOLDER), load_tokenizer(FOLDER)
    falls, ratios = [], []
    for canvas in CANVASES:
        fast, slow = (measure(model, tokenizer, canvas, Confidence(threshold=t), COUNT) for t in (0.3, 0.99))
        falls.append(slow.accuracy - fast.accuracy)
        ratios.append(slow.nfe / fast.nfe)
    assert sum(fall >= 0.10 for fall in falls) >= 2
    assert sum(ratio >= 4 for ratio in ratios) >= 2
