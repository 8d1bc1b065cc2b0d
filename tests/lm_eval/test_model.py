"""The model class in this process: every request is met or refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import huggingface_hub.constants
import pytest
import torch

import axon.room
from axon import AxonSettings, Confidence, DecodeSettings, decode
from axon.decoding import stream
from pipeline.tasks import get_task
from tests.axon.traces import trace_of
from tests.lm_eval.harness import MISSING, TINY

pytest.importorskip("lm_eval", reason=MISSING)

from lm_eval.api.instance import Instance
from lm_eval.api.model import CachingLM

from lm_eval_axon.arguments import LOG, Request
from lm_eval_axon.model import AxonLM

PROMPTS = [example.prompt for example in get_task("arith").examples("test", 1, 6)]
CANVAS = {"gen_length": 20, "block_length": 20, "decoder.threshold": 0.7}
DRAWN = {"do_sample": True, "temperature": 1.5}


def lm(**arguments: Any) -> AxonLM:
    return AxonLM(str(TINY), device="cpu", **{"batch_size": "4"} | CANVAS | arguments)


def answers(model: Any, prompts: list[str] = PROMPTS, **kwargs: Any) -> list[str]:
    requests = [
        Instance("generate_until", {}, (prompt, kwargs), 0, ("arith", number, 1))
        for number, prompt in enumerate(prompts)
    ]
    return list(model.generate_until(requests))


def settings(length: int) -> DecodeSettings:
    """The settings of CANVAS with another length."""
    return DecodeSettings(length, 20, decoder=Confidence(threshold=0.7), axon=AxonSettings(gate="never"))


def direct(model: AxonLM, length: int, kept: int) -> list[str]:
    """The first `kept` tokens that axon.decode gives on a canvas of `length`."""
    prompts = [model.tokenizer.encode(prompt, add_special_tokens=False) for prompt in PROMPTS]
    traces = decode(model.model, prompts, settings(length))
    ends = model.model.end_token_ids
    return [str(model.tokenizer.decode(t.tokens[: min(kept, t.tokens_to_eos(ends))])) for t in traces]


@pytest.mark.slow
@pytest.mark.parametrize("kwargs", [{}, DRAWN])
def test_the_batch_size_changes_no_answer(kwargs: dict[str, Any]) -> None:
    alone = answers(lm(batch_size=1), **kwargs)
    assert alone == answers(lm(batch_size="4"), **kwargs) == answers(lm(batch_size="auto"), **kwargs)


@pytest.mark.slow
def test_prompts_that_the_tokenizer_cannot_write_are_warned_of_once(caplog: pytest.LogCaptureFixture) -> None:
    answers(lm(), [PROMPTS[0], "5 €, 3 €?", "7 €?"])
    [line] = [record.message for record in caplog.records if "the tokenizer" in record.message]
    assert "doesn't know '€', '?': in 2 of 3 prompts the model is given <|end|> in place of" in line
    caplog.clear()
    answers(lm())
    assert not any("the tokenizer" in record.message for record in caplog.records)


@pytest.mark.slow
def test_an_answer_ends_before_the_first_stop() -> None:
    model = lm()
    whole = answers(model, until=[])
    assert all("####" in text and "=" in text for text in whole)
    assert answers(model, until=["####", "nowhere"]) == [text.split("####")[0] for text in whole]
    assert answers(model, until="=") == [text.split("=")[0] for text in whole]


def test_a_stop_that_is_a_token_ends_the_text_though_decoding_drops_it() -> None:
    model = lm()
    model.tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_end|>"]})
    place = model.tokenizer.convert_tokens_to_ids("<|im_end|>")
    trace = trace_of((5, place, 6), (0, 1, 2))
    read = {stops: model._answer(trace, Request(settings(20), stops, 20)) for stops in [(), ("<|im_end|>",)]}
    assert read == {(): model.tokenizer.decode([5, 6]), ("<|im_end|>",): model.tokenizer.decode([5])}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "max_tokens", "canvas"), [("max_gen_toks", 7, 20), ("max_new_tokens", 21, 40)]
)
def test_max_gen_toks_is_rounded_up_to_blocks_and_cuts_the_answer(
    name: str, max_tokens: int, canvas: int
) -> None:
    model = lm()
    assert answers(model, **{name: max_tokens}) == direct(model, canvas, max_tokens)
    [counts] = model.get_model_info()["axon"]
    assert counts["settings"]["gen_length"] == canvas


@pytest.mark.slow
def test_a_request_overrides_the_models_temperature() -> None:
    greedy, drawing = lm(), lm(temperature=1.5)
    assert answers(drawing, do_sample=False) == answers(greedy) == answers(greedy, temperature=0.0)
    assert answers(drawing) == answers(greedy, temperature=1.5) == answers(greedy, **DRAWN) != answers(greedy)
    assert answers(drawing) != answers(lm(temperature=1.5, seed=1))
    likeliest = lm(temperature=1.5, top_p=0.5)
    assert answers(likeliest) == answers(drawing, top_p=0.5) != answers(drawing)
    assert answers(likeliest, top_p=1) == answers(drawing)
    assert answers(likeliest, do_sample=False) == answers(greedy)


def test_repetitions_of_an_example_are_sampled_independently() -> None:
    request = Instance("generate_until", {}, (PROMPTS[0], {"temperature": 3.0}), 0, ("arith", 0, 4))
    assert len(set(lm().generate_until([request] * 4))) > 1


@pytest.mark.slow
def test_counts_are_kept_for_each_task_and_settings() -> None:
    model = lm()
    answers(model)
    answers(model, PROMPTS[:2])
    answers(model, PROMPTS[:3], temperature=1.0)
    info = model.get_model_info()["axon"]
    assert [(entry["task"], entry["answers"]) for entry in info] == [("arith", 8), ("arith", 3)]
    assert info[0]["nfe_per_answer"] == info[0]["nfe"] / 8 and info[0]["tokens"] == 8 * 20


SILENT = {"axon": "coverage_gap", "axon.beta_r": 0.0, "axon.beta_u": 0.0}


@pytest.mark.parametrize(
    ("gate", "intervenes"),
    [({}, False), ({"axon": "off"}, False), ({"axon": "always"}, True), (SILENT, False)],
)
def test_axon_is_off_unless_asked_for_and_its_silence_is_told(
    gate: dict[str, Any], intervenes: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", LOG.name)
    model = lm(**gate)
    answers(model)
    [counts] = model.get_model_info()["axon"]
    assert (counts["mechanism"]["axon_steps"] > 0) == intervenes
    assert ("AXON: its gate fired in no step" in caplog.text) == (gate == SILENT)


@pytest.mark.slow
def test_answers_from_lm_evals_cache_are_equal_and_cost_nothing(tmp_path: Path) -> None:
    model = lm()
    first = answers(CachingLM(model, str(tmp_path / "cache.db")), until=["####"])
    counts = model.get_model_info()
    again = CachingLM(model, str(tmp_path / "cache.db"))
    assert answers(again, until=["####"]) == first and model.get_model_info() == counts
    assert answers(again, until=["="]) != first and model.get_model_info() != counts


def test_what_was_decoded_before_a_crash_is_in_lm_evals_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = lm(batch_size=1)
    cached = CachingLM(model, str(tmp_path / "cache.db"))
    whole, room = model._answer, iter(range(4))
    monkeypatch.setattr(model, "_answer", lambda *given: (next(room), whole(*given))[1])
    with pytest.raises(StopIteration):
        answers(cached)
    assert len(cached.dbdict) == 4


@pytest.mark.slow
def test_requests_with_different_settings_get_their_own_answers() -> None:
    model = lm()
    asked = [{}, {"max_gen_toks": 40}, {"until": ["="]}, {"max_gen_toks": 40}, {"temperature": 3.0}, {}]
    requests = [
        Instance("generate_until", {}, (prompt, kwargs), 0, ("arith", number, 1))
        for number, (prompt, kwargs) in enumerate(zip(PROMPTS, asked, strict=True))
    ]
    alone = [model.generate_until([request])[0] for request in requests]
    assert model.generate_until(requests) == alone and len(set(alone)) == len(alone)


@pytest.mark.parametrize("kind", ["loglikelihood", "loglikelihood_rolling"])
def test_likelihoods_are_refused(kind: str) -> None:
    with pytest.raises(NotImplementedError, match="choose tasks of output_type generate_until"):
        getattr(lm(), kind)([])


def test_chats_go_through_the_tokenizers_template() -> None:
    model = lm()
    with pytest.raises(ValueError, match=r"apply_chat_template='default': .* leave it out, as it has none"):
        model.chat_template(True)
    turns = "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}"
    model.tokenizer.chat_template = {
        "default": turns + "{% if add_generation_prompt %}>{% endif %}",
        "short": turns,
    }
    chat = [{"role": "user", "content": "1"}, {"role": "assistant", "content": "2"}]
    assert model.chat_template(True) == model.tokenizer.chat_template["default"]
    assert model.apply_chat_template(chat[:1]) == "[user]1>"
    assert model.apply_chat_template(chat, add_generation_prompt=False) == "[user]1[assistant]2"
    assert model.chat_template("short") == turns and model.apply_chat_template(chat[:1]) == "[user]1"
    with pytest.raises(ValueError, match=r"apply_chat_template='long': .*; one of default, short"):
        model.chat_template("long")
    assert model.tokenizer_name.endswith("assets__tiny")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"decoder": "dwan"}, "decoder='dwan': unknown; one of fixed_steps, confidence,"),
        ({"axon": "coverage"}, "axon='coverage': unknown; one of off, always, never, coverage_gap,"),
        ({"decoder.tau_low": 0.5}, "decoder.tau_low=0.5: unknown with decoder=confidence; decoder=dawn has it; one"),
        ({"threshold": 0.5}, "threshold=0.5: unknown with decoder=confidence; one of decoder.threshold"),
        ({"pretrained": None}, "pretrained: missing; write --model_args pretrained=FOLDER_OR_HUB_ID"),
        ({"decoder.threshold": 2}, "decoder.threshold=2: must lie in [0, 1]"),
        ({"axon.anchor": 2}, "axon.anchor=2: unknown with decoder=confidence; one of axon.policy, axon.anchors,"),
        ({"axon.gate": "always"}, "axon.gate='always': unknown"),
        ({"axon.attention_layers": "some"}, "axon.attention_layers='some': unknown; write"),
        ({"length": 2}, "length=2: unknown with decoder=confidence; one of gen_length, block_length,"),
        ({"block_length": 7}, "block_length=7: must divide gen_length=20"),
        ({"temperature": -1}, "temperature=-1: must be a number, 0 or more"),
        ({"batch_size": "many"}, "batch_size='many': must be a whole number, 1 or more, or auto (as many rows as"),
        ({"batch_size": "auto:4"}, "batch_size='auto:4': must be a whole number, 1 or more, or auto (as many rows"),
        ({"seed": -1}, "seed=-1: must be a whole number, 0 or more"),
        ({"dtype": "int8"}, "dtype='int8': unknown; one of float32"),
        ({"attention_kernel": "flash"}, "attention_kernel='flash': unknown; one of"),
        ({"device": "quantum"}, "device='quantum': cannot be used here"),
        ({"pretrained": "/nowhere"}, "pretrained='/nowhere': is not a folder; give a checkpoint folder"),
        ({"pretrained": "~no-such-user/x"}, "pretrained='~no-such-user/x': is not a folder; give a checkpoint folder"),
        ({"revision": "v9"}, f"revision='v9': {TINY} is a folder, which has no revisions; leave it out"),
        ({"family": "dream"}, f"pretrained={str(TINY)!r}: a checkpoint of llada, and family=dream; choose"),
        ({"pretrained": "someone/absent"}, "pretrained='someone/absent': not on this disk and cannot be downloaded"),
    ],
)  # fmt: skip
def test_an_impossible_argument_is_one_line(
    arguments: dict[str, Any], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ValueError) as caught:
        AxonLM(**{"pretrained": str(TINY), "device": "cpu"} | CANVAS | arguments)
    line = str(caught.value)
    assert line.startswith(told) and "\n" not in line and "model.path" not in line


@pytest.mark.parametrize(
    ("kwargs", "told"),
    [
        ({"num_beams": 2}, "generation_kwargs num_beams=2: not supported by masked diffusion decoding; give --gen_kw"),
        ({"top_p": 0.9}, "top_p=0.9: limits sampling, and temperature=0 samples nothing"),
        ({"top_p": 2, "do_sample": True, "temperature": 1}, "top_p=2: must be above 0 and at most 1"),
        ({"top_k": 5}, "generation_kwargs top_k=5: not supported by masked diffusion decoding; one of until,"),
        ({"do_sample": True}, "generation_kwargs do_sample=True: needs a temperature above 0"),
        ({"temperature": -1}, "temperature=-1.0: must be a number, 0 or more"),
        ({"max_gen_toks": 0}, "generation_kwargs max_gen_toks=0: must be a whole number, 1 or more"),
        ({"max_gen_toks": 60}, "decoder.steps=8: must be a multiple of the 3 blocks"),
        ({"max_gen_toks": 10_000}, "decoder.steps=8: must be a multiple of the 500 blocks"),
    ],
)  # fmt: skip
def test_nothing_in_a_request_is_ignored(kwargs: dict[str, Any], told: str) -> None:
    model = AxonLM(
        str(TINY), decoder="fixed_steps", device="cpu", **{"decoder.steps": 8}, gen_length=20, block_length=20
    )
    with pytest.raises(ValueError) as caught:
        answers(model, **kwargs)
    assert str(caught.value).startswith(told) and "\n" not in str(caught.value)
    assert model.get_model_info() == {"axon": []}


@pytest.mark.slow
def test_settings_without_effect_are_accepted_and_layers_may_be_a_number() -> None:
    model = lm(axon="always", **{"axon.attention_layers": 3})
    assert answers(model, num_beams=1, top_p=1.0) == answers(model)


def test_axons_defaults_are_not_taken_for_another_family_in_silence(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Those published for LLaDA and Dream; SDAR's candidates, layers and conflicts are others."""
    monkeypatch.setattr("lm_eval_axon.model.OF_DEFAULTS", ("dream",))
    told = "a checkpoint of llada; AXON's values that are not given are those published for dream,"
    for arguments, warned in [
        ({}, False),
        ({"axon": "always"}, True),
        ({"axon": "always", "family": "llada"}, False),
    ]:
        caplog.clear()
        lm(**arguments)
        assert (told in caplog.text) == warned


def test_a_prompt_too_long_for_the_canvas_is_refused_before_anything_is_decoded() -> None:
    model = lm()
    with pytest.raises(
        ValueError, match=r"^prompts\[\d\]: \d+ tokens: at most 12 fit before gen_length=500 .*; shorten"
    ):
        answers(model, max_gen_toks=500)
    assert model.get_model_info() == {"axon": []}


@pytest.mark.slow
def test_memory_that_runs_out_halves_the_batch_and_changes_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = answers(lm())

    def small(
        model: Any, prompts: Any, settings: Any, rows: Any, timer: Any, on_batch: Any, leeway: bool
    ) -> Any:
        def begin(at_once: int, columns: int) -> None:
            on_batch(at_once, columns)
            if at_once > 1:
                raise torch.OutOfMemoryError("CUDA out of memory")

        return stream(model, prompts, settings, rows, timer, begin, leeway=leeway)

    monkeypatch.setattr(axon.room, "stream", small)
    model = lm()
    assert answers(model) == expected
    [counts] = model.get_model_info()["axon"]
    assert counts["least_batch"] == 1
