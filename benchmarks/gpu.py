"""What has to be measured on a GPU: `python benchmarks/gpu.py [--device cuda --sections cost memory --seconds 540]`.

The sections run in the order of their worth, whatever order they are named in:

- verify: the recorded decodes (../shared/golden) in float32 and bfloat16
- laws: every decoder, gate, policy and cache on a small network, as on the processor (tests/axon/test_gpu.py)
- speed: tokens a second at LLaDA-8B's and SDAR-8B's sizes, ours against the releases' loops, and the roofline
- gap: where a pass's time goes, on the host and by kernel
- cost: milliseconds of a step by part, and peak memory, with random weights at LLaDA-8B's sizes, batch 1, 8 and 32;
  the ratio of a step with AXON to the same pass and the base decoder's own parts
- waits: how often the host waits for the device in a pass, as CUDA's own debug mode counts it
- compiled: a pass with torch.compile and with CUDA graphs
- memory: a batch for which memory is made too small on purpose
- batching: the share of prompts that decode alike in batches of several sizes, in bfloat16 and float32
- workers: a sweep of two workers on one GPU

With `--seconds` a section gets at most half of what is left, and the last one all of it; what it has printed until
then stands. A section that fails says why and the others go on; the exit code is 1 then. With `--device cpu` everything
runs at small sizes, so that the script is known to work before a GPU is at hand (tests/test_benchmarks.py). On a
machine that has this checkout alone, `--golden FOLDER` says where the recorded decodes were copied to; deploy/device.sh
takes them there.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import traceback
import warnings
from collections.abc import Callable
from functools import partial
from math import inf
from pathlib import Path
from time import perf_counter
from types import FrameType

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
import transformers

import axon.verify
from axon import AxonSettings, Confidence, Dawn, DecodeSettings, Klass, MaskedDiffusionModel, decode
from axon.decoders import DecoderSettings
from axon.room import Room, give_back
from axon.waiting import Prompt, Waiting
from benchmarks.gpu_gap import gap
from benchmarks.gpu_speed import compiled, families, network_of, speed
from benchmarks.shapes import TOY, random_model
from pipeline.environment import device_name
from pipeline.evaluation.stopwatch import Stopwatch

ROOT = Path(__file__).resolve().parents[1]
GOLDEN = ROOT / "../shared/golden"
CANVAS = {
    "cuda": (468, 32),
    "cpu": (40, 8),
}  # positions of the prompt, and generated ones, a step for each at most
DECODERS: tuple[DecoderSettings, ...] = (Confidence(), Dawn(tau_sink="4x"), Klass())
PARTS = ("model", "capture", "select")
TIGHT = 3 * 2**30  # bytes that `memory` leaves beside the weights
HELD = 64 * 2**20  # bytes that may stay behind: small tables, kept from pass to pass
GENTLY = 0.8  # of its seconds, after which `speed` begins nothing


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--sections", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    parser.add_argument("--golden", type=Path, default=GOLDEN, help="folder of the recorded decodes")
    parser.add_argument("--seconds", type=int, help="for all sections together; without it, no limit")
    asked = parser.parse_args()
    if asked.seconds is not None and asked.seconds < 1:
        parser.error(f"--seconds {asked.seconds}: at least 1; leave it out for no limit")
    if asked.device == "cuda" and not torch.cuda.is_available():
        parser.error("--device cuda: torch finds no GPU here; choose cpu")
    device = torch.device(asked.device)
    print(f"{device_name(device)}, torch {torch.__version__}, transformers {transformers.__version__}")
    end = perf_counter() + (asked.seconds or inf)
    chosen = [name for name in SECTIONS if name in asked.sections]
    failed = []
    for name in chosen:
        left = end - perf_counter()
        seconds = left if name == chosen[-1] else left / 2
        given = {"verify": {"golden": asked.golden}, "speed": {"seconds": GENTLY * seconds}}.get(name, {})
        if not _section(name, partial(SECTIONS[name], device, **given), seconds):
            failed.append(name)
    if failed:
        sys.exit(f"FAILED: {', '.join(failed)}")


def _section(name: str, run: Callable[[], None], seconds: float) -> bool:
    """Whether it ran to its end."""
    print(f"\n== {name}", flush=True)
    start = perf_counter()
    signal.signal(signal.SIGALRM, _stop)
    try:
        if seconds < inf:
            signal.setitimer(signal.ITIMER_REAL, max(seconds, 1e-3))
        run()
        return True
    except TimeOver as over:
        print(f"stopped: {over}")
        return False
    except Exception:  # device time is short: what the others measure is wanted
        traceback.print_exc()
        return False
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        print(f"({name}: {perf_counter() - start:.0f} s)", flush=True)
        give_back()


class TimeOver(BaseException):
    """Not an Exception: what runs then must not take it for a fault of its own."""


def _stop(signum: int, frame: FrameType | None) -> None:
    raise TimeOver("its share of --seconds is over")


def verify(device: torch.device, golden: Path = GOLDEN) -> None:
    on_gpu = device.type == "cuda"  # a processor takes minutes for each
    wrong = []
    for name in ("llada", "dream", "sdar") if on_gpu else ("llada",):
        for dtype in ("float32", "bfloat16") if on_gpu else ("float32",):
            words = [str(golden / f"{name}.json"), "--checkpoint", str(golden / f"{name}-tiny")]
            words += ["--forward", str(golden / f"{name}_forward.safetensors")]
            if axon.verify.main([*words, "--device", str(device), "--dtype", dtype]):
                wrong.append(f"{name} in {dtype}")
    if wrong:
        raise AssertionError(f"not as recorded: {', '.join(wrong)}")


def laws(device: torch.device) -> None:
    """On a processor the tests take a stand-in for another device."""
    _run("-m", "pytest", "-q", "-p", "no:cacheprovider", str(ROOT / "tests/axon/test_gpu.py"))


def batching(device: torch.device) -> None:
    for dtype in ("bfloat16", "float32"):
        _run(str(ROOT / "benchmarks/batching.py"), "--device", str(device), "--dtype", dtype, "--rounds", "2")


def cost(device: torch.device) -> None:
    """With AXON, rows leave at other steps: a pass of that batch is compared, not one of the batch without."""
    network = _model(device)
    print(
        f"{'batch':>6}{'':>14}{'':>8}"
        + "".join(f"{part:>9}" for part in (*PARTS, "all"))
        + f"{'GiB':>7}{'ratio':>7}"
    )
    for batch in (1, 8, 32) if device.type == "cuda" else (1, 2):
        for decoder in DECODERS:
            alone = 0.0
            for gate in ("never", "always"):
                _step(network, batch, DecodeSettings(2, 1, decoder=decoder, axon=_axon(gate)))  # to warm up
                length = CANVAS[device.type][1]
                settings = DecodeSettings(length, length, decoder=decoder, axon=_axon(gate))
                spent, peak = _step(network, batch, settings)
                cells = "".join(f"{1000 * second:9.2f}" for second in (*spent, sum(spent)))
                side = "+ AXON" if gate == "always" else ""
                model, *parts = spent
                alone = sum(parts) if gate == "never" else alone
                last = f"{peak / 2**30:7.1f}{sum(spent) / (model + alone):7.2f}"
                print(f"{batch:>6}{decoder.name:>14}{side:>8}{cells}{last}", flush=True)


def waits(device: torch.device) -> None:
    if device.type != "cuda":
        print("only CUDA counts them; benchmarks/pass_cost.py counts them on a processor")
        return
    model = random_model(TOY, str(device))
    for decoder in DECODERS:
        for gate in ("never", "always"):
            settings = DecodeSettings(64, 32, decoder=decoder, axon=_axon(gate))
            timer = Stopwatch(device)
            with warnings.catch_warnings(record=True) as warned:
                warnings.simplefilter("always")
                torch.cuda.set_sync_debug_mode("warn")
                try:
                    decode(model, [[1] * 20] * 4, settings, timer=timer)
                finally:
                    torch.cuda.set_sync_debug_mode("default")
            found = sum("synchroniz" in str(one.message) for one in warned)
            print(
                f"{decoder.name:>14} {gate:>7}: {found / timer.entered['model']:.2f} per pass, rows that leave included"
            )


def memory(device: torch.device) -> None:
    """The rows of a batch that does not fit are decoded in smaller ones, and what they held is given back."""
    model, cuda = _model(device), device.type == "cuda"
    device = model.device  # by its number, without which torch sets no limit
    prompt, length = CANVAS[device.type]
    settings = DecodeSettings(length, length, decoder=Klass(), axon=_axon("never"))
    prompts = [Prompt(row, [1 + row % 7] * prompt, None) for row in range(64 if cuda else 4)]
    decode(model, [prompts[0].tokens], settings)  # after which CUDA's libraries have their own memory
    give_back()
    before = torch.cuda.memory_allocated(device) if cuda else 0
    if cuda:
        total = torch.cuda.get_device_properties(device).total_memory
        torch.cuda.set_per_process_memory_fraction((before + TIGHT) / total, device)
    try:
        room = Room(len(prompts), print)
        sizes = [rows for _, _, rows in room.stream(model, Waiting([prompts]), settings)]
    finally:
        if cuda:
            torch.cuda.set_per_process_memory_fraction(1.0, device)
    held = torch.cuda.memory_allocated(device) - before if cuda else 0
    print(
        f"{len(prompts)} rows asked for, decoded {sorted(set(sizes))} at once; {held / 2**20:.0f} MiB held afterwards"
    )
    if cuda and (len(prompts) in sizes or held > HELD):
        raise AssertionError("memory did not run out, or was not given back")


def workers(device: torch.device) -> None:
    each = "0.5" if device.type == "cuda" else "0"
    words = ["sweep=with_axon", "task=arith", "limit=64", "wandb=off", "trade_off.values=[0.7,0.9]"]
    out = [
        "out=outputs/benchmark",
        f"store=outputs/benchmark/{int(perf_counter())}",
    ]  # decoded anew every time
    _run("launch.py", *words, *out, "cluster.workers=2", f"cluster.gpus_per_worker={each}")


def _model(device: torch.device) -> MaskedDiffusionModel:
    return network_of(*families(device.type != "cuda")["LLaDA-8B"][:2], device)


def _axon(gate: str) -> AxonSettings:
    return AxonSettings(gate=gate, tau_sink="4x", max_anchor_steps=1000)


def _step(model: MaskedDiffusionModel, batch: int, settings: DecodeSettings) -> tuple[list[float], int]:
    """Seconds of a step of the batch, by part, and the most memory that was allocated."""
    cuda = model.device.type == "cuda"
    if cuda:
        torch.cuda.reset_peak_memory_stats(model.device)
    timer = Stopwatch(model.device)
    prompts = [[1 + row % 7] * CANVAS[model.device.type][0] for row in range(batch)]
    decode(model, prompts, settings, batch_size=batch, timer=timer)
    spent = [timer.seconds[part] / timer.entered["model"] for part in PARTS]
    return spent, torch.cuda.max_memory_allocated(model.device) if cuda else 0


def _run(*words: str) -> None:
    """Python on the words; what it prints is shown. Raises CalledProcessError where it fails."""
    subprocess.run([sys.executable, *words], cwd=ROOT, check=True)


SECTIONS: dict[str, Callable[..., None]] = {  # in the order of their worth
    "verify": verify,
    "laws": laws,
    "speed": speed,
    "gap": gap,
    "cost": cost,
    "waits": waits,
    "compiled": compiled,
    "memory": memory,
    "batching": batching,
    "workers": workers,
}


if __name__ == "__main__":
    main()
