"""The interface of `decode`: order, callbacks, refused input, and what a trace tells."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import FrozenInstanceError, asdict, fields, replace
from typing import Any

import numpy as np
import pytest
import torch

from axon import (
    DECODERS,
    AxonSettings,
    Confidence,
    DecodeSettings,
    FixedSteps,
    Klass,
    MaskedDiffusionModel,
    Overrides,
    Trace,
    decode,
)
from axon.gates import GATES
from axon.policies import OBJECTIVES, POLICIES
from tests.axon.toy_model import MASK, toy_model
from tests.axon.traces import trace_of
from tests.axon.with_defaults import with_defaults

SHORT = DecodeSettings(gen_length=8, block_length=4, axon=AxonSettings(attention_layers="last 1"))


class Steps:
    """A watcher."""

    def asked(self, *told: Any) -> None: ...

    chose = stepped = asked


class Choices(Steps):
    """One whose method doesn't take what it is told."""

    def chose(self, support: Any) -> None: ...  # type: ignore[override]


def test_rows_come_back_in_order_and_are_reported_as_they_finish(model: MaskedDiffusionModel) -> None:
    prompts = [[1], [2, 3, 4], [5, 6], [7, 8, 9, 10]]
    seen: dict[int, Trace] = {}
    traces = decode(model, prompts, SHORT, batch_size=2, on_finish=seen.__setitem__)
    assert [list(trace.prompt) for trace in traces] == prompts
    assert seen == dict(enumerate(traces))
    assert decode(model, [], SHORT) == []


def test_timed_parts_follow_one_another(model: MaskedDiffusionModel) -> None:
    parts: list[str] = []

    @contextmanager
    def timer(part: str) -> Iterator[None]:
        parts.append(part)
        yield
        assert parts[-1] == part, "parts must not nest"

    trace = decode(model, [[1, 2]], SHORT, timer=timer)[0]
    assert set(parts) == {"model", "capture", "select"}
    assert parts.count("model") == trace.nfe


@pytest.mark.parametrize("found", [None, 3, ["model"]])
def test_a_timer_that_returns_no_context_manager_is_named(model: MaskedDiffusionModel, found: object) -> None:
    line = re.escape(f"timer('model'): returns {found!r}: must return a context manager; ")
    with pytest.raises(ValueError, match=f"^{line}decorate one that yields .*, or give None$"):
        decode(model, [[1, 2]], SHORT, timer=lambda part: found)  # type: ignore[arg-type, return-value]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"prompts": [[]]}, "is empty"),
        (
            {"prompts": [[MASK, MASK]]},
            "holds nothing but mask tokens",
        ),  # roundings would decide, so the batch
        ({"prompts": [[99]]}, "outside the vocabulary of 24"),
        ({"prompts": [[1] * 60]}, "at most 56 fit"),
        (
            {"settings": replace(SHORT, gen_length=96)},
            "^gen_length=96: the model takes 64 tokens, prompt and answer",
        ),
        ({"batch_size": 0}, "batch_size=0"),
        (
            {"settings": {"gen_length": 4}},
            r"settings=\{'gen_length': 4\}: must be of type DecodeSettings; give one, such",
        ),
        ({"model": "folder"}, r"model='folder': must be a loaded model; give load_model\('folder'\)"),
        (
            {"model": torch.nn.Sequential(torch.nn.Embedding(24, 4), torch.nn.Linear(4, 24))},
            r'^model=Sequential: must be a MaskedDiffusionModel; give load_model\("FOLDER"\), or of a network in mem',
        ),
        (
            {"prompts": torch.zeros(2, 2, 2, dtype=torch.long)},
            r"^prompts\[0\]=tensor\(\[\[0, 0\], \[0, 0\]\]\): must",
        ),
        ({"model": None}, r'^model=None: must be a loaded model; give load_model\("FOLDER"\)'),
        ({"watcher": 3}, "^watcher=3: has no method asked, chose, stepped; give an object with asked, chose"),
        ({"watcher": Steps}, "^watcher=<class .*: is a class; give an object with asked, chose, stepped"),
        (
            {"timer": "clock"},
            r"^timer='clock': must be a function of \(part\) that returns a context manager; give",
        ),
        ({"on_finish": []}, r"^on_finish=\[\]: must be a function of \(row, trace\); give one, or None"),
        (
            {"on_finish": lambda trace: None},
            r"^on_finish=<function .*: is called with \(row, trace\), and takes \(trace\) \(too many positional "
            r"arguments\); give one that takes \(row, trace\)$",
        ),
        (
            {"on_finish": lambda row, trace, more: None},
            r"takes \(row, trace, more\) \(missing a required .*'more'\)",
        ),
        ({"timer": lambda: nullcontext()}, r"^timer=<.*: is called with \(part\), and takes \(\) \("),
        (
            {"watcher": Choices()},
            r"^watcher.chose=<.*: is called with \(rows_F, support, chosen_FK, fires_F\), and takes \(support\) \(",
        ),
        ({"prompts": [1, 2]}, r"prompts\[0\]=1: must be a list of whole numbers"),
        ({"prompts": 5}, r"^prompts=5: must be a list \('int' object is not iterable\)"),
        ({"prompts": None}, "^prompts=None: must be a list"),
        ({"seeds": 0}, "^seeds=0: must be a list of whole numbers"),
        ({"prompts": [[1, 2.0]]}, r"prompts\[0\]=\[1, 2.0\]: must be a list of whole numbers"),
        ({"prompts": ["1+2="]}, r"prompts\[0\]='1\+2=': must be a list of whole numbers"),
        ({"settings": replace(SHORT, temperature=1.0)}, "seeds=none"),
        (
            {"settings": replace(SHORT, temperature=1.0), "seeds": [1.5]},
            r"seeds=\[1.5\]: must be a list of whole",
        ),
        (
            {"settings": replace(SHORT, temperature=1.0), "seeds": [2**64]},
            rf"prompts\[0\]: seed={2**64}: must lie in",
        ),
        ({"seeds": [1, 2]}, "seeds=2: there must be one for each of the 1 prompts"),
        ({"settings": DecodeSettings(gen_length=8, block_length=4)}, "it has 2 layers"),
    ],
)
def test_impossible_requests_are_refused(
    model: MaskedDiffusionModel, change: dict[str, Any], message: str
) -> None:
    request: dict[str, Any] = {"model": model, "prompts": [[1]], "settings": SHORT} | change
    with pytest.raises(ValueError, match=message) as caught:
        decode(**request)
    assert "\n" not in str(caught.value)


def test_prompts_may_come_one_by_one_and_the_longest_start_first(model: MaskedDiffusionModel) -> None:
    prompts, seen = [[1], [2, 3, 4], [5, 6]], list[int]()
    traces = decode(
        model, (own for own in prompts), SHORT, batch_size=1, on_finish=lambda row, _: seen.append(row)
    )
    assert [list(trace.prompt) for trace in traces] == prompts and seen == [1, 2, 0]


def test_prompts_and_seeds_may_be_tensors_and_traces_hold_plain_numbers(model: MaskedDiffusionModel) -> None:
    drawn, prompts = replace(SHORT, temperature=1.0), [[1, 2, 3], [4, 5, 6]]
    traces = decode(model, prompts, drawn, seeds=[7, 8])
    assert decode(model, [torch.tensor(own) for own in prompts], drawn, seeds=(7, 8)) == traces  # type: ignore[misc]
    again = decode(model, torch.tensor(prompts), drawn, seeds=torch.tensor([7, 8]))  # type: ignore[arg-type]
    assert again == traces and {type(token) for trace in again for token in trace.prompt} == {int}


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_logits_that_are_no_numbers_are_an_error_and_no_text(value: float, temperature: float) -> None:
    """As where float16 overflows, which another dtype helps against: argmax would choose some token all the same."""
    broken = toy_model()
    broken.network.get_parameter("model.norm.weight")[3] = value
    drawn = replace(SHORT, temperature=temperature)
    with pytest.raises(
        ValueError,
        match=r"^prompts\[0\]: .* NaN or infinite in float32; look for such numbers in its weights$",
    ):
        decode(broken, [[1, 2]], drawn, seeds=[1])
    with pytest.raises(ValueError, match=r"in float16; load it in bfloat16 or float32$"):
        decode(broken.half(), [[1, 2]], drawn, seeds=[1])


@pytest.mark.slow
@pytest.mark.parametrize("decoder", sorted({*DECODERS} - {"lopa"}))  # it has no room for branches
def test_a_block_of_one_position_takes_one_step(decoder: str, model: MaskedDiffusionModel) -> None:
    """Whatever is asked of attention, candidates or quotas; and a single position is a whole answer."""
    for policy, cache in itertools.product(POLICIES, ("none", "prefix", "dual")):
        if (cache == "dual" and decoder == "klass") or (cache != "none" and DECODERS[decoder].needs_shadow):
            continue
        axon = AxonSettings("always", policy, attention_layers="last 1", max_candidates=1, min_candidates=1)  # type: ignore[arg-type]
        for length in (1, 3):
            settings = DecodeSettings(length, 1, cache=cache, decoder=with_defaults(decoder), axon=axon)  # type: ignore[arg-type]
            traces = decode(model, [[1], [2, 3]], settings)
            for trace in traces:
                shown = [positions for positions in trace.reveals() if positions]
                assert shown == [[len(trace.prompt) + place] for place in range(length)]
                assert trace.nfe == length or settings.decoder.post_steps


@pytest.mark.parametrize("cache", ["none", "dual"])
def test_a_callers_autocast_is_not_the_decodes(model: MaskedDiffusionModel, cache: Any) -> None:
    """It would round to bfloat16 in a float32 model, beside a mask and a cache that stay as they are."""
    settings = replace(SHORT, cache=cache)
    traces = decode(model, [[1, 2], [3]], settings)
    with torch.autocast("cpu", torch.bfloat16):
        within = decode(model, [[1, 2], [3]], settings)
        assert torch.is_autocast_enabled("cpu")
    assert within == traces and [t.confidences for t in within] == [t.confidences for t in traces]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: DecodeSettings(gen_length=10, block_length=4), "block_length=4: must divide gen_length=10"),
        (lambda: DecodeSettings(gen_length=0), "gen_length=0"),
        (lambda: DecodeSettings(temperature=-1.0), "temperature=-1.0"),
        (lambda: DecodeSettings(temperature=float("nan")), "temperature=nan"),
        (
            lambda: DecodeSettings(temperature=1e-310),
            "temperature=1e-310: must be 0, which is greedy, or at least 1e-09; choose one of them",
        ),
        (lambda: Confidence(threshold=1.7), r"decoder.threshold=1.7: must lie in \[0, 1\]"),
        (lambda: Confidence(threshold="0.7"), r"decoder.threshold='0.7': must be a number in \[0, 1\]"),  # type: ignore[arg-type]
        (lambda: FixedSteps(steps=0), "decoder.steps=0"),
        (lambda: DecodeSettings(block_length=32, decoder=FixedSteps(steps=257)), "decoder.steps=257"),
        (lambda: FixedSteps(remasking="none"), "decoder.remasking='none': unknown"),  # type: ignore[arg-type]
        (lambda: AxonSettings(anchors=0), "axon.anchors=0"),
        (lambda: AxonSettings(gate="coverage"), "axon.gate='coverage': unknown; one of"),  # type: ignore[arg-type]
        (lambda: AxonSettings(policy="some"), "axon.policy='some'"),  # type: ignore[arg-type]
        (lambda: AxonSettings(attention_layers="some"), "axon.attention_layers='some'"),
        (lambda: AxonSettings(attention_layers=3), "axon.attention_layers=3"),  # type: ignore[arg-type]
        (lambda: AxonSettings(attention_layers=[1, 2]), r"axon.attention_layers=\[1, 2\]"),  # type: ignore[arg-type]
        (lambda: DecodeSettings(8, 4, decoder="confidence"), "decoder='confidence'"),  # type: ignore[arg-type]
        (lambda: DecodeSettings(8, 4, decoder=Confidence), "decoder=<class 'axon"),  # type: ignore[arg-type]
        (lambda: DecodeSettings(8, 4, axon=None), "axon=None"),  # type: ignore[arg-type]
        (lambda: AxonSettings(min_candidates=33), "axon.min_candidates=33"),
        (lambda: AxonSettings(uncertainty_threshold=2.0), "axon.uncertainty_threshold=2.0"),
        (lambda: Confidence(threshold=0.9 * torch.ones(())), r"0.9000\): must be a number in \[0, 1\]"),
        (lambda: Confidence(threshold="0.9"), r"threshold='0.9': must be a number in \[0, 1\]"),  # type: ignore[arg-type]
    ],
)
def test_impossible_settings_are_refused_in_one_line(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "typed"),
    [
        (lambda: Confidence(threshold=np.linspace(0.5, 0.9, 5)[-1]), Confidence(threshold=0.9)),
        (lambda: Confidence(threshold=np.linspace(0.5, 0.9, 5, dtype="f4")[-1]), Confidence(threshold=0.9)),
        (lambda: FixedSteps(steps=np.int64(8)), FixedSteps(steps=8)),
        (
            lambda: AxonSettings(anchors=np.uint8(2), alpha=np.float16(0.3)),
            AxonSettings(anchors=2, alpha=0.3),
        ),
        (lambda: AxonSettings(tau_sink=np.float32(0.1)), AxonSettings(tau_sink=0.1)),
        (lambda: DecodeSettings(np.int64(8), np.int32(4)), DecodeSettings(8, 4)),
        (lambda: Overrides(np.int64(7), block_size=np.int64(4)), Overrides(7, block_size=4)),
        (lambda: Overrides(end_tokens=(np.int64(8), "<E>")), Overrides(end_tokens=(8, "<E>"))),
        (lambda: replace(SHORT, temperature=np.float32(0.7)), replace(SHORT, temperature=0.7)),
        (lambda: replace(Klass(), threshold=np.float64(0.8)), Klass(threshold=0.8)),
    ],
)
def test_numbers_of_numpy_are_those_that_one_would_have_typed(given: Any, typed: Any) -> None:
    def values(settings: Any) -> list[tuple[type, str]]:
        return [(type(value), repr(value)) for value in asdict(settings).values()]

    assert given() == typed and values(given()) == values(typed)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: AxonSettings(anchors=np.bool_(True)),
            "axon.anchors=True: must be a whole number, 1 or more",
        ),
        (
            lambda: AxonSettings(anchors=np.float64(2.0)),
            "axon.anchors=2.0: must be a whole number, 1 or more",
        ),
        (lambda: Confidence(threshold=np.bool_(True)), "decoder.threshold=True: must be a number in"),
        (lambda: Confidence(threshold=np.float32("nan")), "decoder.threshold=nan: must lie in"),
        (
            lambda: Confidence(threshold=np.array([0.9])),
            r"decoder.threshold=array\(\[0.9\]\): must be a number",
        ),
    ],
)
def test_what_python_may_not_say_numpy_may_not_either(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_a_batch_size_may_be_a_number_of_numpy(model: MaskedDiffusionModel) -> None:
    assert decode(model, [[1]], SHORT, batch_size=np.int64(2)) == decode(model, [[1]], SHORT)


def test_every_named_part_exists() -> None:
    for gate in GATES:
        AxonSettings(gate=gate)  # type: ignore[arg-type]
    for policy in POLICIES:
        AxonSettings(policy=policy)  # type: ignore[arg-type]
    for objective in OBJECTIVES:
        AxonSettings(objective=objective)  # type: ignore[arg-type]
    assert all(DECODERS[name]().name == name for name in DECODERS)


def test_what_a_trace_tells() -> None:
    trace = trace_of((5, 6, 22, 7), (1, 0, 1, 2), axon_steps=(0,), prompt=(1, 2), gate_checks=2)
    assert (trace.revealed_at, trace.axon_steps, trace.unsupported_steps) == ((1, 0, 1, 2), (0,), ())
    assert trace.reveals() == [[3], [2, 4], [5]]
    assert (trace.tokens_decoded, trace.nfe, trace.gate_checks) == (4, 3, 2)
    assert (trace.tokens_to_eos([22]), trace.nfe_to_eos([22])) == (2, 2)
    assert (trace.tokens_to_eos([9]), trace.nfe_to_eos([9])) == (4, 3)
    late = trace_of((5, 6, 22, 7), (0, 0, 2, 1))  # the end itself comes last of all up to it
    assert (late.nfe_to_eos([22]), late.nfe_to_eos([6])) == (3, 1)
    assert (trace.tokens_to_eos([]), trace.nfe_to_eos([])) == (4, 3)
    with pytest.raises(FrozenInstanceError):
        trace.nfe = 4  # type: ignore[misc]


NUMBERS = [
    (kind, field.name)
    for kind in (DecodeSettings, AxonSettings, *DECODERS.values())
    for field in fields(kind)
    if isinstance(field.default, int | float) or field.name in ("block_length", "top_p", "steps", "tau_sink")
]


@pytest.mark.parametrize(("kind", "name"), NUMBERS)
def test_no_number_of_the_settings_goes_unchecked(kind: Any, name: str) -> None:
    """None but whole numbers or floats that are numbers, none below 0, and no truth value."""
    own = {"top_p": {"temperature": 1.0}, "max_candidates": {"min_candidates": 1}}.get(name, {})
    right = 2 if name == "base" else 1
    assert getattr(kind(**own, **{name: right}), name) == right
    for wrong in (-1, float("nan"), float("inf"), True, "x"):
        with pytest.raises(ValueError, match=f"{name}=.*: (must|unknown)") as told:
            kind(**own, **{name: wrong})
        assert "\n" not in str(told.value)
