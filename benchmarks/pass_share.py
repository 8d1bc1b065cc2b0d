"""How much of a pass is neither body nor lm_head: `python benchmarks/pass_share.py [--before FOLDER --batch 1 8 32]`.

A random network with LLaDA's vocabulary decodes prompts of 128 tokens, by blocks of 32. Each decode has a process of
its own, in which one of a single block comes first, since a decode of few passes would else be timed with what is done
once a process. With `--before`, a checkout of an earlier commit, the same is timed with its library, in turns. The run
fails where the two differ in tokens or steps.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PROMPT = 128


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--before", help="folder of an earlier checkout, to compare with")
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 8, 32], help="rows decoded at once")
    parser.add_argument("--tokens", type=int, default=128, help="tokens to generate")
    parser.add_argument("--rounds", type=int, default=1, help="how often each decode is timed")
    parser.add_argument(
        "--one", nargs=3, help=argparse.SUPPRESS
    )  # library, decoder, batch: a process of a run
    chosen = parser.parse_args()
    if chosen.one:
        library, decoder, batch = chosen.one
        sys.path.insert(0, str(ROOT))
        import benchmarks  # noqa: F401  # this one, while axon is to be the library's
        import pipeline  # noqa: F401  # as this

        sys.path.insert(0, library)
        print(json.dumps(_measure(decoder, int(batch), chosen.tokens)))
        return
    libraries = {"before": chosen.before, "now": str(ROOT)} if chosen.before else {"now": str(ROOT)}
    print(f"{'batch':>6} {'decode':<20}{'library':<9}{'passes':>7}{'s a pass':>10}{'outside':>9}{'ratio':>7}")
    equal = True
    for batch in chosen.batch:
        for decoder in ("confidence", "dawn", "confidence + axon"):
            equal &= _compare(libraries, decoder, batch, chosen)
    print("decodes equal" if equal else "DECODES DIFFER")
    sys.exit(0 if equal else 1)


def _compare(libraries: dict[str, str], decoder: str, batch: int, chosen: argparse.Namespace) -> bool:
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in libraries}
    for _ in range(chosen.rounds):
        for name, library in libraries.items():
            command = [sys.executable, __file__, "--tokens", str(chosen.tokens)]
            command += ["--one", library, decoder, str(batch)]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            found[name].append(json.loads(done.stdout))
    seconds = {name: median(one["seconds"] for one in own) for name, own in found.items()}
    for name, own in found.items():
        passes = own[0]["passes"]
        outside = median(1 - one["network"] / one["seconds"] for one in own)
        ratio = f"{seconds['before'] / seconds[name]:7.2f}" if "before" in seconds else ""
        print(
            f"{batch:>6} {decoder:<20}{name:<9}{passes:>7}{seconds[name] / passes:10.3f}{outside:9.1%}{ratio}",
            flush=True,
        )
    return len({(one["decodes"], one["passes"]) for own in found.values() for one in own}) == 1


def _measure(name: str, batch: int, tokens: int) -> dict[str, Any]:
    """Seconds of a decode, those of the network's two parts, and what came out. Imports the library to be timed."""
    from pipeline.importing import importing_models

    with importing_models():  # as our commands do, in half the time
        import torch

        from axon import AxonSettings, Confidence, Dawn, DecodeSettings, decode
        from benchmarks.shapes import WIDE, peaked, random_model

    torch.manual_seed(0)
    model = peaked(random_model(WIDE, "cpu", torch.float32))
    head = model.network.get_submodule("lm_head")
    prompts = torch.randint(0, 100_000, (batch, PROMPT)).tolist()
    axon = AxonSettings(gate="always" if "axon" in name else "never", tau_sink="4x", max_anchor_steps=2)
    decoder = Dawn() if name == "dawn" else Confidence()
    decode(model, prompts, DecodeSettings(32, 32, decoder=decoder, axon=axon), batch_size=batch)
    settings = DecodeSettings(tokens, 32, decoder=decoder, axon=axon)
    spent: list[float] = []

    def start(*_: object) -> None:
        spent.append(-perf_counter())

    def stop(*_: object) -> None:
        spent[-1] += perf_counter()

    # A library of before 2026-11-26 calls transformers' own body.
    for part in (getattr(model, "body", model.network.get_submodule("model")), head):
        part.register_forward_pre_hook(start)
        part.register_forward_hook(stop)
    began = perf_counter()
    traces = decode(model, prompts, settings, batch_size=batch)
    seconds = perf_counter() - began
    decodes = repr([(trace.tokens, trace.events) for trace in traces]).encode()
    return {
        "seconds": seconds,
        "network": sum(spent),
        "passes": max(trace.nfe for trace in traces),
        "decodes": hashlib.sha256(decodes).hexdigest(),
    }


if __name__ == "__main__":
    main()
