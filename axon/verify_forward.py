"""Recorded forward passes beside a model's: how far apart, and in low precision whether roundings explain it.

In float32 passes agree or not. In bfloat16 and float16 roundings move all logits: the root mean square of their
differences, as a share of the recorded logits' own spread, tells a right model from a wrong one better than the largest
difference does. On three references of up to 32 layers it is 2 to 4 % in bfloat16; with half the rotary base 7 to 20 %,
with a hundredth of it, or with another token in place of the mask, 50 % and more. (An epsilon of 1e-3 in place of 1e-6
moves 0.3 %, in any precision: that only float32 tells. LOG.md, 2026-11-27.)
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from axon.attention import Capture
from axon.layers import resolve_layers
from axon.models import MaskedDiffusionModel

ROUNDED = 8  # machine epsilons of a spread: 6 % in bfloat16, 0.8 % in float16
INF = float("inf")
ANOTHER = 0.25  # of a spread: with so much the tokens are other ones


@dataclass(frozen=True)
class Difference:
    """How one forward pass differs from the recorded one."""

    logits: float  # the largest absolute differences
    attention: float
    share: float  # root mean square of the logits' differences, as a share of the recorded logits' spread
    same: int  # positions with the recorded most likely token,
    positions: int  # of so many


def layer_spec(cases: Mapping[str, Any]) -> str:
    """Which layers the cases average attention over, as `resolve_layers` has it: "last 4" of "last 4 of 32"."""
    return re.sub(r"\s+of\s+\d+$", "", cases["attention_layers"])


def forward_differences(
    model: MaskedDiffusionModel, tensors: Mapping[str, torch.Tensor], cases: Mapping[str, Any]
) -> list[Difference]:
    """Compare every recorded forward pass: logits at all positions and the mean attention of the chosen layers."""
    layers = resolve_layers(layer_spec(cases), model.num_layers)
    count = sum(name.startswith("input_") for name in tensors)
    found = []
    for index in range(count):
        tokens_BW = tensors[f"input_{index}"][None].to(model.device)
        width, gen_length = tokens_BW.shape[1], cases["gen_length"]
        layout = model.layout(
            [width - gen_length],
            gen_length,
            cases["block_length"],
            cases.get("block_alignment", "prompt"),
        )
        capture = Capture(layers, layout.real_BW)
        row = torch.zeros(width, dtype=torch.long, device=model.device)
        columns = torch.arange(width, device=model.device)
        with torch.inference_mode():
            hidden_BWD = model(tokens_BW, layout, capture)
            logits_WV = model.logits(hidden_BWD, row, columns, layout).float().cpu()
            attention_WW = capture.rows(row[:1], columns[None])[0].cpu()
        found.append(
            _difference(logits_WV, tensors[f"logits_{index}"], attention_WW - tensors[f"attention_{index}"])
        )
    return found


def _difference(logits_WV: torch.Tensor, recorded_WV: torch.Tensor, attention_WW: torch.Tensor) -> Difference:
    apart_WV, attention_WW = map(_known, (logits_WV - recorded_WV, attention_WW))
    spread = float((recorded_WV - recorded_WV.mean(-1, keepdim=True)).square().mean().sqrt())
    same_W = logits_WV.argmax(-1) == recorded_WV.argmax(-1)
    return Difference(
        float(apart_WV.abs().max()),
        float(attention_WW.abs().max()),
        float(apart_WV.square().mean().sqrt()) / spread if 0 < spread < INF else INF,
        int(same_W.sum()),
        len(same_W),
    )


def _known(apart: torch.Tensor) -> torch.Tensor:
    """NaN as infinity: of two numbers `max` may pass over a NaN, so that it would agree with anything."""
    return apart.masked_fill(apart.isnan(), INF)


def verify_forward(
    model: MaskedDiffusionModel, cases: Mapping[str, Any], path: Path, tolerance: float | None
) -> bool:
    """Whether all passes agree to the tolerance; without one they are told apart, and none disagrees."""
    try:
        found = forward_differences(model, load_file(path), cases)
    except (KeyError, RuntimeError) as error:
        raise ValueError(f"{path}: does not fit the checkpoint ({error})") from error
    if not found:
        raise ValueError(f"{path}: holds no forward pass; name its tensors input_0, logits_0 and attention_0")
    agree = 0
    for number, difference in enumerate(found):
        good = tolerance is None or max(difference.logits, difference.attention) <= tolerance
        agree += good
        verdict = "" if tolerance is None else " agrees" if good else " DISAGREES"
        print(
            f"forward {number}{verdict}: logits within {difference.logits:.1e} ({100 * difference.share:.2g} % of "
            f"their spread), attention {difference.attention:.1e}; the most likely token is the recorded one at "
            f"{difference.same} of {difference.positions} positions"
        )
    if tolerance is not None:
        print(f"{agree} of {len(found)} forward passes agree to {tolerance:g}")
    else:
        print(graded(found, model.dtype))
    return agree == len(found)


def graded(found: Sequence[Difference], dtype: torch.dtype) -> str:
    """What differences in low precision say of the model, in a line."""
    same, positions = sum(own.same for own in found), sum(own.positions for own in found)
    most, rounded = max(own.share for own in found), ROUNDED * torch.finfo(dtype).eps
    roundings = f"roundings of {str(dtype).removeprefix('torch.')}"
    if most <= rounded:
        outcome = f"no more than {roundings} may move them (up to {100 * rounded:.2g} %)"
    else:
        outcome = (
            f"{'as those of ANOTHER model' if most > ANOTHER else 'MORE than roundings'}: {roundings} move them by up "
            f"to {100 * rounded:.2g} %, so check the rotary base, the mask and the files in float32"
        )
    return (
        f"{len(found)} forward passes compared, without a limit (--tolerance): logits differ by up to "
        f"{100 * most:.2g} % of their spread, {same} of {positions} most likely tokens are the recorded ones; {outcome}"
    )
