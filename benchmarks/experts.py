"""What grouped products buy: `python benchmarks/experts.py [--device cuda --dtype bfloat16 --hidden 2048]`.

One layer of 64 experts, of which a position goes through 8 (LLaDA-MoE's), as this project computes it and as a loop
over the experts, taking turns: milliseconds, kernels, the ratio, and how far apart the two results are.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import perf_counter

import torch
from torch import Tensor, nn
from transformers.models.qwen3_moe.modeling_qwen3_moe import Qwen3MoeSparseMoeBlock

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import axon.models.experts  # noqa: F401  # says what IN_ORDER is
from axon.models.qwen import QWEN3_MOE_CONFIG
from axon.models.stacking import IN_ORDER
from benchmarks.bench import medians
from benchmarks.counted import Launches
from pipeline.evaluation.stopwatch import synchronize

POSITIONS, EXPERTS, CHOSEN, ROUNDS = (32, 256, 2048), 64, 8, 9


def main() -> None:
    options = ArgumentParser(description=__doc__)
    options.add_argument("--device", default="cpu")
    options.add_argument("--dtype", default="float32", choices=("float32", "bfloat16", "float16"))
    options.add_argument("--hidden", type=int, default=256)
    options.add_argument("--width", type=int, default=256)
    asked = options.parse_args()
    block = _block(asked.hidden, asked.width).to(asked.device, getattr(torch, asked.dtype)).eval()
    print(f"{'positions':>9}{'loop ms':>10}{'grouped ms':>12}{'ratio':>8}{'kernels':>14}{'apart':>10}")
    with torch.inference_mode():
        for count in POSITIONS:
            x_1ND = torch.randn(1, count, asked.hidden).to(asked.device, getattr(torch, asked.dtype))
            runs = {"loop": partial(looped, block, x_1ND), "grouped": partial(block, x_1ND)}
            spent = medians({name: partial(_timed, run, x_1ND.device) for name, run in runs.items()}, ROUNDS)
            loop, group = (spent[name]["all"] * 1e3 for name in runs)
            kernels = " / ".join(str(launched(run)) for run in runs.values())
            apart = float((runs["loop"]() - runs["grouped"]()).abs().max())
            print(f"{count:>9}{loop:10.2f}{group:12.2f}{loop / group:8.2f}{kernels:>14}{apart:10.1e}")


def looped(block: nn.Module, x_1ND: Tensor) -> Tensor:
    """The same layer as a loop over all experts."""
    x_ND = x_1ND.flatten(0, 1)
    _, weights, chosen = block.get_submodule("gate")(x_ND)
    experts, total_ND = block.get_submodule("experts"), torch.zeros_like(x_ND)
    for number, (gate_up, down) in enumerate(
        zip(experts.get_parameter("gate_up_proj"), experts.get_parameter("down_proj"), strict=True)
    ):
        rows, ranks = (chosen == number).nonzero(as_tuple=True)
        gate, up = (x_ND[rows] @ gate_up.T).chunk(2, dim=1)
        total_ND[rows] += (nn.functional.silu(gate) * up) @ down.T * weights[rows, ranks, None]
    return total_ND.view(x_1ND.shape)


def launched(run: Callable[[], object]) -> int:
    """Kernels that a GPU would be asked to start."""
    launches = Launches()
    with launches:
        run()
    return launches.total


def _block(hidden: int, width: int) -> nn.Module:
    config = QWEN3_MOE_CONFIG(
        experts_implementation=IN_ORDER,
        hidden_size=hidden,
        moe_intermediate_size=width,
        num_experts=EXPERTS,
        num_experts_per_tok=CHOSEN,
    )
    torch.manual_seed(0)
    block = Qwen3MoeSparseMoeBlock(config).requires_grad_(False)
    for parameter in block.parameters():
        nn.init.normal_(parameter, std=parameter.shape[-1] ** -0.5)
    return block


def _timed(run: Callable[[], object], device: torch.device) -> dict[str, float]:
    synchronize(device)
    start = perf_counter()
    run()
    synchronize(device)
    return {"all": perf_counter() - start}


if __name__ == "__main__":
    main()
