"""What the block cache buys: `python benchmarks/block_cache.py [--tokens 256 --batch 1 8]`.

A random network of SDAR's kind decodes the same prompts without and with `cache: block`, in turns: seconds, and
positions that went through the network. The run fails unless tokens and steps are equal.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import perf_counter

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pipeline.importing import importing_models

with importing_models():  # as our commands do, in half the time
    import torch

    from axon import AxonSettings, DecodeSettings, FixedSteps, MaskedDiffusionModel, decode
    from axon.models.sdar import SDAR
    from axon.trace import Trace
    from benchmarks.bench import medians
    from benchmarks.shapes import SDAR_SMALL, random_model
    from pipeline.evaluation.stopwatch import synchronize

OFF = AxonSettings(gate="never")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument(
        "--device", default="cuda" if torch.cuda.is_available() else "cpu", help="where to run"
    )
    parser.add_argument("--prompt", type=int, default=128, help="tokens of a prompt")
    parser.add_argument("--tokens", type=int, default=256, help="tokens to generate")
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 8], help="rows decoded at once")
    parser.add_argument(
        "--rounds", type=int, default=1, help="how often each is timed, after once to warm up"
    )
    chosen = parser.parse_args()
    torch.manual_seed(0)
    dtype = torch.float32 if chosen.device == "cpu" else torch.bfloat16
    model = random_model(SDAR_SMALL, chosen.device, dtype, SDAR)
    print(f"SDAR, 8 layers of 512, {dtype} on {chosen.device}, {torch.get_num_threads()} threads; "
          f"prompt {chosen.prompt}, {chosen.tokens} tokens, {chosen.rounds} rounds")  # fmt: skip
    heads = "".join(f"{name:>11}{'cached':>9}{'ratio':>7}" for name in ("seconds", "positions"))
    print(f"\n{'batch':>6} {'decode':<28}{heads}")
    equal = True
    for batch in chosen.batch:
        prompts = torch.randint(0, 29000, (batch, chosen.prompt)).tolist()
        for name, settings in _settings(chosen.tokens).items():
            equal &= _compare(model, prompts, name, settings, chosen.rounds)
    print("decodes equal" if equal else "DECODES DIFFER")
    sys.exit(0 if equal else 1)


def _settings(tokens: int) -> dict[str, DecodeSettings]:
    plain = DecodeSettings(tokens, 4, block_alignment="absolute", sink_rows="visible", axon=OFF)
    always = AxonSettings(gate="always", policy="cover", tau_sink="4x", max_anchor_steps=2)
    half, eighth = FixedSteps(steps=tokens // 2), FixedSteps(steps=tokens // 8)
    return {
        "blocks of 4, 2 a step": replace(plain, decoder=half),
        "blocks of 32, 8 a step": replace(plain, block_length=32, decoder=eighth),
        "blocks of 32, with AXON": replace(plain, block_length=32, decoder=eighth, axon=always),
    }


def _compare(
    model: MaskedDiffusionModel, prompts: list[list[int]], name: str, settings: DecodeSettings, rounds: int
) -> bool:
    traces: dict[str, list[Trace]] = {}
    runs = {
        cache: partial(_decode, model, prompts, replace(settings, cache=cache), traces)
        for cache in ("none", "block")
    }
    seconds = {cache: found["all"] for cache, found in medians(runs, rounds).items()}
    positions = {
        cache: sum(trace.computed_positions for trace in own) / len(own) for cache, own in traces.items()
    }
    shown = "".join(
        f"{found['none']:11,.{digits}f}{found['block']:9,.{digits}f}{found['none'] / found['block']:7.1f}"
        for found, digits in ((seconds, 2), (positions, 0))
    )
    print(f"{len(prompts):>6} {name:<28}{shown}", flush=True)
    return all(
        (one.tokens, one.events) == (other.tokens, other.events)
        for one, other in zip(traces["none"], traces["block"], strict=True)
    )


def _decode(
    model: MaskedDiffusionModel,
    prompts: list[list[int]],
    settings: DecodeSettings,
    traces: dict[str, list[Trace]],
) -> dict[str, float]:
    synchronize(model.device)
    start = perf_counter()
    traces[settings.cache] = decode(model, prompts, settings, batch_size=len(prompts))
    synchronize(model.device)
    return {"all": perf_counter() - start}


if __name__ == "__main__":
    main()
