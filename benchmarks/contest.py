"""A release's loop and ours on the same prompts: what each is asked, what they took, whether they agree."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from statistics import median
from time import perf_counter, process_time

import torch
from torch import Tensor

from axon import AxonSettings, Confidence, Dawn, DecodeSettings, FixedSteps, LeftToRight, decode
from axon.models.attend import without_plans
from benchmarks.peers import axon_release, dawn, fast_dllm, llada, sdar
from benchmarks.peers.network import Decoded, Network
from benchmarks.sizes import Size
from pipeline.evaluation.stopwatch import synchronize
from pipeline.jobs.timing import take_turns

THRESHOLD = 0.9
OFF = AxonSettings(gate="never")
EXAMPLES = 8  # prompts that a small model decodes in a turn; a large one as many as the batch has rows
Loop = Callable[[Size, Network, Tensor], Decoded]


@dataclass(frozen=True)
class Contest:
    """A release's loop, and the settings under which ours does the same."""

    theirs: Loop
    ours: Callable[[Size], DecodeSettings]
    rows_independent: bool = True  # whether the release's batch decodes as its rows one by one
    block_causal: bool = False
    most_rows: int | None = None  # that the release's loop takes

    def fits(self, size: Size, batch: int) -> bool:
        """Whether the loop runs this model, and so many rows at once."""
        rows_fit = self.most_rows is None or batch <= self.most_rows
        return self.block_causal == size.model.block_causal and rows_fit


@dataclass(frozen=True)
class Side:
    """What one loop took for all prompts of a turn: medians of the turns."""

    wall: float
    processor: float
    passes: int


@dataclass(frozen=True)
class Result:
    theirs: Side
    ours: Side
    equal: float  # share of the tokens
    must_agree: bool
    scatter: float  # of the turns on the clock, relative to their median

    @property
    def agrees(self) -> bool:
        return self.equal == 1.0

    @property
    def ratio_per_pass(self) -> float:
        """Of processor time a pass, theirs by ours."""
        ratio = self.theirs.processor / self.ours.processor
        return ratio * self.ours.passes / self.theirs.passes


@dataclass(frozen=True)
class Turn:
    """What a loop took for all prompts once, and the tokens of each."""

    wall: float
    processor: float
    passes: int
    tokens: list[tuple[int, ...]]


def contenders(contest: Contest, size: Size, batch: int) -> dict[str, Callable[[], Turn]]:
    """Both sides, each to be called for a turn on the same prompts."""
    examples = min(EXAMPLES, len(size.prompts)) if size.model.vocab_size < 10_000 else batch
    count = max(batch, examples // batch * batch)
    batches = [size.prompts[start : start + batch] for start in range(0, count, batch)]
    runs = {"theirs": partial(_theirs, contest, size), "ours": partial(_ours, contest.ours(size), size)}
    return {name: partial(_timed, run, batches, size.model.device) for name, run in runs.items()}


def hold(contest: Contest, size: Size, batch: int, rounds: int) -> Result:
    """Both decode in every round, after one to warm up; with 0 rounds that one is measured."""
    turns: dict[str, list[Turn]] = {"theirs": [], "ours": []}
    for number, name, turn in take_turns(contenders(contest, size, batch), rounds):
        if number or not rounds:
            turns[name].append(turn)
    return Result(
        _side(turns["theirs"]),
        _side(turns["ours"]),
        equal(turns["theirs"][0], turns["ours"][0]),
        contest.rows_independent or batch == 1,
        max(_scatter([turn.wall for turn in own]) for own in turns.values()),
    )


def equal(one: Turn, other: Turn) -> float:
    """The share of tokens that are equal."""
    pairs = [pair for rows in zip(one.tokens, other.tokens, strict=True) for pair in zip(*rows, strict=True)]
    return sum(first == second for first, second in pairs) / len(pairs)


def _timed(
    run: Callable[[list[list[int]]], tuple[int, list[tuple[int, ...]]]],
    batches: list[list[list[int]]],
    device: torch.device,
) -> Turn:
    passes = 0
    tokens: list[tuple[int, ...]] = []
    synchronize(device)
    wall, processor = perf_counter(), process_time()
    for prompts in batches:
        called, decoded = run(prompts)
        passes, tokens = passes + called, tokens + decoded
    synchronize(device)
    return Turn(perf_counter() - wall, process_time() - processor, passes, tokens)


def _theirs(contest: Contest, size: Size, prompts: list[list[int]]) -> tuple[int, list[tuple[int, ...]]]:
    network = Network(size.model)
    with without_plans(size.model.device):  # or each new width would cost them what ours avoids
        decoded = contest.theirs(size, network, torch.tensor(prompts, device=size.model.device))
    return decoded.passes, [tuple(row) for row in decoded.tokens_BG.tolist()]


def _ours(
    settings: DecodeSettings, size: Size, prompts: list[list[int]]
) -> tuple[int, list[tuple[int, ...]]]:
    """All rows start together: the batch has as many passes as its longest row."""
    traces = decode(size.model, prompts, settings, batch_size=len(prompts))
    return max(trace.nfe + trace.prefill_passes + trace.store_passes for trace in traces), [
        trace.tokens for trace in traces
    ]


def _side(turns: list[Turn]) -> Side:
    wall, processor = median(one.wall for one in turns), median(one.processor for one in turns)
    return Side(wall, processor, turns[0].passes)


def _scatter(values: list[float]) -> float:
    return (max(values) - min(values)) / median(values)


def _plain(size: Size, **changes: object) -> DecodeSettings:
    settings: dict[str, object] = {"axon": OFF, **changes}
    return DecodeSettings(size.gen_length, size.block_length, **settings)  # type: ignore[arg-type]


def _llada(size: Size, network: Network, prompts: Tensor) -> Decoded:
    return llada.generate(network, prompts, size.gen_length, size.block_length, size.fixed_steps)


def _fast_dllm(cache: fast_dllm.FastCache, size: Size, network: Network, prompts: Tensor) -> Decoded:
    return fast_dllm.generate(network, prompts, size.gen_length, size.block_length, THRESHOLD, cache)


def _dawn(size: Size, network: Network, prompts: Tensor) -> Decoded:
    return dawn.generate(network, prompts, size.gen_length, size.block_length, _rule(size))


def _axon(over_dawn: bool, size: Size, network: Network, prompts: Tensor) -> Decoded:
    base = axon_release.Base(_rule(size) if over_dawn else None, THRESHOLD)
    return axon_release.generate(network, prompts, size.gen_length, size.block_length, base, size.tau_sink)


def _rule(size: Size) -> dawn.DawnRule:
    return dawn.DawnRule(tau_sink=size.tau_sink)


def _our_dawn(size: Size) -> Dawn:
    return Dawn(tau_sink=size.tau_sink, tau_low=0.7)


def _our_axon(size: Size) -> AxonSettings:
    return AxonSettings(budget_counts="steps", tau_sink=size.tau_sink)


CONTESTS: dict[str, Contest] = {
    "LLaDA, fixed steps": Contest(
        _llada, lambda size: _plain(size, decoder=FixedSteps(steps=size.fixed_steps))
    ),
    "Fast-dLLM, threshold": Contest(
        partial(_fast_dllm, "none"), lambda size: _plain(size, decoder=Confidence(threshold=THRESHOLD))
    ),
    "Fast-dLLM, prefix cache": Contest(
        partial(_fast_dllm, "prefix"),
        lambda size: _plain(size, decoder=Confidence(threshold=THRESHOLD), cache="prefix"),
    ),
    "Fast-dLLM, dual cache": Contest(
        partial(_fast_dllm, "dual"),
        lambda size: _plain(size, decoder=Confidence(threshold=THRESHOLD), cache="dual"),
    ),
    "DAWN": Contest(_dawn, lambda size: _plain(size, decoder=_our_dawn(size)), rows_independent=False),
    "AXON over threshold": Contest(
        partial(_axon, False), lambda size: _plain(size, axon=_our_axon(size)), rows_independent=False
    ),
    "AXON over DAWN": Contest(
        partial(_axon, True),
        lambda size: _plain(size, decoder=_our_dawn(size), axon=_our_axon(size)),
        rows_independent=False,
    ),
    "SDAR, block cache": Contest(
        lambda size, network, prompts: sdar.generate(network, prompts, size.gen_length, size.block_length),
        lambda size: _plain(size, decoder=LeftToRight(), cache="block", block_alignment="absolute"),
        block_causal=True,
        most_rows=1,
    ),
}
