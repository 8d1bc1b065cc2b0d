"""What end of text does to decoding: `full`, `stop_at_eos`, and LLaDA's own two rules."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from itertools import chain, count
from typing import ClassVar

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from axon import Confidence, DecodeSettings, EntropyBounded, FixedSteps, LeftToRight, Trace, decode
from axon.proposal import Proposal
from axon.reads import Reads
from axon.settings import BlockAlignment, EndOfText
from axon.state import StepState
from axon.tokens import one_of
from axon.trace import NOT_DECODED
from tests.axon.test_laws import BLOCK, COMBINATIONS, GEN, MIXED, law, prompts_of
from tests.axon.toy_model import MASK, toy_model

MODEL = toy_model()
BASE = COMBINATIONS["confidence, never"]
LLADAS_OWN: list[EndOfText] = ["confidence_eos_eot_inf", "logits_eos_inf"]
STOPPED = [name for name in COMBINATIONS if "never" in name or name in ("confidence, always", "temperature")]


def _decode(prompts: list[list[int]], settings: DecodeSettings, mode: EndOfText) -> list[Trace]:
    return decode(MODEL, prompts, replace(settings, end_of_text=mode), seeds=list(range(len(prompts))))


@pytest.fixture(autouse=True)
def common_ends(monkeypatch: pytest.MonkeyPatch) -> tuple[int, ...]:
    """The two tokens that the toy model writes most end its text and a turn."""
    written = Counter(chain.from_iterable(trace.tokens for trace in decode(MODEL, MIXED, BASE)))
    ends = tuple(token for token, _ in written.most_common(2))
    monkeypatch.setattr(MODEL, "end_token_ids", ends)
    monkeypatch.setattr(MODEL, "eos_token_ids", ends[:1])
    return ends


@pytest.mark.slow
@pytest.mark.parametrize("name", STOPPED)
def test_stopping_changes_nothing_up_to_the_end_and_saves_the_rest(
    name: str, common_ends: tuple[int, ...]
) -> None:
    @law(6)
    @given(prompts=prompts_of, alignment=st.sampled_from(["absolute", "prompt"]))
    def check(prompts: list[list[int]], alignment: BlockAlignment) -> None:
        setting = replace(COMBINATIONS[name], block_alignment=alignment)
        full = _decode(prompts, setting, "full")
        stopped = _decode(prompts, setting, "stop_at_eos")
        for long, short in zip(full, stopped, strict=True):
            end = long.tokens_to_eos(common_ends) + 1
            assert short.tokens[:end] == long.tokens[:end]
            assert short.revealed_at[:end] == long.revealed_at[:end]
            assert short.nfe_to_eos(common_ends) == long.nfe_to_eos(common_ends)
            # With a decoder that takes tokens back, a token is final once its block has ended.
            assert short.nfe == long.steps_to(end)
            left = [place for place, step in enumerate(short.revealed_at) if step == NOT_DECODED]
            assert all(place >= end and short.tokens[place] == common_ends[0] for place in left)
            assert len(left) == len(long.tokens) - short.tokens_decoded
            assert len(set(chain.from_iterable(short.reveals()))) == short.tokens_decoded

    check()


def test_some_rows_stop_early(common_ends: tuple[int, ...]) -> None:
    """The law above would say nothing if no row ever stopped."""
    stopped = _decode(MIXED, BASE, "stop_at_eos")
    assert any(NOT_DECODED in trace.revealed_at for trace in stopped)
    assert [_decode([prompt], BASE, "stop_at_eos")[0] for prompt in MIXED] == stopped


def _plain(prompt: list[int], setting: DecodeSettings) -> tuple[list[int], int]:
    """LLaDA's generate.py for one prompt at temperature 0, one position at a time: the answer and its steps.

    `fixed_steps` and `confidence` alone; the mask token is never chosen, and of equals the leftmost is revealed.
    """
    ends, eos = [*MODEL.end_token_ids], [*MODEL.eos_token_ids]
    canvas, steps = [*prompt, *[MASK] * GEN], 0
    layout = MODEL.layout([len(prompt)], GEN, BLOCK)
    for start in range(len(prompt), len(canvas), BLOCK):
        for step in count():
            masked = [place for place in range(start, start + BLOCK) if canvas[place] == MASK]
            if not masked:
                break
            hidden = MODEL(torch.tensor([canvas]), layout)
            rows = torch.zeros(len(masked), dtype=torch.long)
            logits = MODEL.logits(hidden, rows, torch.tensor(masked), layout).double()
            if setting.end_of_text == "logits_eos_inf":
                logits[:, eos] = -torch.inf
            choice = logits.clone()
            choice[:, MASK] = -torch.inf
            token = choice.argmax(1).tolist()
            if setting.end_of_text == "confidence_eos_eot_inf":
                logits[:, ends] = -torch.inf
            sure = logits.softmax(1)[range(len(masked)), token].tolist()
            best = sorted(range(len(masked)), key=lambda one: -sure[one])
            if isinstance(setting.decoder, Confidence):
                chosen = [one for one in best if sure[one] >= setting.decoder.threshold] or best[:1]
            else:
                quota = [2, 1, 1]  # 6 steps over two blocks of 4
                chosen = best[: quota[step]]
            for one in chosen:
                canvas[masked[one]] = token[one]
            steps += 1
    return canvas[len(prompt) :], steps


@pytest.mark.slow
@pytest.mark.parametrize("mode", LLADAS_OWN)
@pytest.mark.parametrize("name", ["fixed_steps, never", "confidence, never"])
def test_the_flags_do_what_lladas_own_do(name: str, mode: EndOfText, common_ends: tuple[int, ...]) -> None:
    setting, changed = COMBINATIONS[name], []

    @law(10)
    @example(prompts=MIXED)
    @given(prompts=prompts_of)
    def check(prompts: list[list[int]]) -> None:
        with torch.inference_mode():
            plain = [_plain(prompt, replace(setting, end_of_text=mode)) for prompt in prompts]
        found = _decode(prompts, setting, mode)
        assert [(list(trace.tokens), trace.nfe) for trace in found] == plain
        changed.append(found != _decode(prompts, setting, "full"))

    check()
    assert any(changed)


@dataclass(frozen=True, kw_only=True)
class Looking(Confidence):
    """Keeps what it sees, and p* of what is revealed in the block, asked for as DAWN does and as the block's."""

    reads: ClassVar[Reads] = "sequence"
    seen: list[tuple[torch.Tensor, ...]] = field(default_factory=list)

    def propose(self, state: StepState) -> Proposal:
        context = state.context()
        p_max_BW = context.p_max_at(context.decoded_BW, int(context.decoded_BW.sum()))
        revealed_BK = ~state.masked_BK
        again = p_max_BW.gather(1, state.columns_BK)[revealed_BK], state.p_max_BK[revealed_BK]
        self.seen.append((state.token_BK, state.confidence_BK, state.p_max_BK, state.log_probs(), *again))
        return super().propose(state)


def test_p_max_is_held_back_as_confidence_is(common_ends: tuple[int, ...]) -> None:
    """What AXON and DAWN read: p* is c at temperature 0, here and of decoded positions, and no probability is lost."""
    looking, held = Looking(threshold=0.5), []
    for mode in LLADAS_OWN:
        _decode(MIXED, replace(BASE, decoder=looking), mode)
        for token_BK, confidence_BK, p_max_BK, log_probs_BKV, again, revealed in looking.seen:
            torch.testing.assert_close(again, revealed)
            assert torch.equal(confidence_BK, p_max_BK)
            total_BK = log_probs_BKV.exp().sum(2)
            torch.testing.assert_close(total_BK, torch.ones_like(total_BK))
            assert bool(log_probs_BKV.isfinite().all())
            ends_BK = one_of(token_BK, common_ends)
            if mode == "confidence_eos_eot_inf":
                held.append(bool(ends_BK.any()))
                assert not confidence_BK[ends_BK].any()
            else:
                assert not one_of(token_BK, common_ends[:1]).any()
                assert not log_probs_BKV[..., list(common_ends[:1])].exp().any()
        looking.seen.clear()
    assert any(held)


def test_only_the_end_of_the_text_leaves_the_logits(common_ends: tuple[int, ...]) -> None:
    """An end of a turn may be chosen, as LLaDA's EoT: only EOS is never."""
    written = set(chain.from_iterable(trace.tokens for trace in _decode(MIXED, BASE, "logits_eos_inf")))
    assert common_ends[0] not in written and common_ends[1] in written


@pytest.mark.parametrize("decoder", [LeftToRight(), EntropyBounded(), FixedSteps(remasking="random")])
def test_holding_confidence_back_needs_a_decoder_that_reads_it(
    decoder: LeftToRight | EntropyBounded | FixedSteps,
) -> None:
    with pytest.raises(
        ValueError, match="end_of_text='confidence_eos_eot_inf': holds confidence back, and decoder"
    ):
        replace(BASE, decoder=decoder, end_of_text="confidence_eos_eot_inf")
    assert _decode(MIXED, replace(BASE, decoder=decoder), "logits_eos_inf")


@pytest.mark.parametrize("mode", ["stop_at_eos", *LLADAS_OWN])
def test_a_checkpoint_without_end_of_text_is_refused(
    mode: EndOfText, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MODEL, "end_token_ids", ())
    monkeypatch.setattr(MODEL, "eos_token_ids", ())
    with pytest.raises(
        ValueError, match=f"end_of_text='{mode}': the checkpoint's config names no eos_token_id"
    ):
        _decode(MIXED, BASE, mode)
    assert _decode(MIXED, BASE, "full")


@given(mode=st.text(max_size=8).filter(lambda text: text != "full"))
def test_unknown_modes_are_refused(mode: str) -> None:
    with pytest.raises(
        ValueError, match=r"unknown; one of confidence_eos_eot_inf, full, logits_eos_inf, stop_at_eos$"
    ):
        replace(BASE, end_of_text=mode)  # type: ignore[arg-type]
