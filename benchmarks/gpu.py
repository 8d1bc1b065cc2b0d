"""What has to be measured on a GPU: `python benchmarks/gpu.py [--device cuda --sections cost memory]`.

The sections run in the order of their worth, whatever order they are named in:

- verify: the recorded decodes (../shared/golden) in float32 and bfloat16
- speed: tokens a second at LLaDA-8B's and SDAR-8B's sizes, ours against the releases' loops, and the roofline
- cost: milliseconds of a step by part, and peak memory, with random weights at LLaDA-8B's sizes, batch 1, 8 and 32;
  the ratio of a step with AXON to one without
- waits: how often the host waits for the device in a pass, as CUDA's own debug mode counts it
- compiled: a pass with torch.compile and with CUDA graphs
- memory: a batch for which memory is made too small on purpose
- batching: the share of prompts that decode alike in batches of several sizes, in bfloat16
- workers: a sweep of two workers on one GPU (needs Ray and Hydra)

With `--seconds`, the section in progress then is stopped, and those that were not begun are named; what was printed
until then stands. `speed` takes at most half of what is left. deploy/device.sh runs it where nothing can be fetched.
A section that fails says why and the others go on; the exit code is 1 then, as it is where time ran out. With
`--device cpu` everything runs at small sizes, so that the script is known to work before a GPU is at hand
(tests/test_benchmarks.py). On a machine that has this checkout alone, `--golden FOLDER` says where the recorded decodes
were copied to.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from types import FrameType

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch

from axon import AxonSettings, Confidence, Dawn, DecodeSettings, Klass, MaskedDiffusionModel, decode
from axon.decoders import DecoderSettings
from axon.room import Room
from axon.waiting import Prompt, Waiting
from benchmarks.gpu_speed import SPEED_MINUTES, compiled, speed
from benchmarks.shapes import LLADA_8B, TOY, random_model
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
TIGHT = 4 * 2**30  # bytes that `memory` leaves beside the weights


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--sections", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    parser.add_argument("--golden", type=Path, default=GOLDEN, help="folder of the recorded decodes")
    parser.add_argument(
        "--seconds", type=int, help="for all sections together; without it, as long as they take"
    )
    asked = parser.parse_args()
    if asked.seconds is not None and asked.seconds < 1:
        parser.error(f"--seconds {asked.seconds}: at least 1; leave it out for no limit")
    device = torch.device(asked.device)
    print(f"{device_name(device)}, torch {torch.__version__}")
    end = None if asked.seconds is None else perf_counter() + asked.seconds
    chosen = [name for name in SECTIONS if name in asked.sections]
    failed = [name for name in chosen if not _section(name, device, asked.golden, end)]
    if failed:
        sys.exit(f"FAILED: {', '.join(failed)}")


def _section(name: str, device: torch.device, golden: Path, end: float | None) -> bool:
    """Whether the section ran to its end; it is stopped at `end`."""
    start = perf_counter()
    if end is not None and start >= end:
        print(f"\n== {name}: no time left", flush=True)
        return False
    print(f"\n== {name}", flush=True)
    try:
        if end is not None:
            signal.signal(signal.SIGALRM, _stop)
            signal.setitimer(signal.ITIMER_REAL, end - start)
        if name == "verify":
            verify(device, golden)
        elif name == "speed" and end is not None:
            speed(device, min(SPEED_MINUTES, (end - start) / 120))
        else:
            SECTIONS[name](device)
        return True
    except Exception:  # device time is short: what the others measure is wanted
        traceback.print_exc()
        return False
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        print(f"({name}: {perf_counter() - start:.0f} s)", flush=True)


def _stop(signum: int, frame: FrameType | None) -> None:
    raise TimeoutError("--seconds are over")


def verify(device: torch.device, golden: Path = GOLDEN) -> None:
    on_gpu = device.type == "cuda"  # a processor takes minutes for each
    wrong = []
    for name in ("llada", "dream", "sdar") if on_gpu else ("llada",):
        for dtype in ("float32", "bfloat16") if on_gpu else ("float32",):
            words = ["-m", "axon.verify", str(golden / f"{name}.json")]
            words += ["--checkpoint", str(golden / f"{name}-tiny"), "--device", str(device)]
            words += ["--forward", str(golden / f"{name}_forward.safetensors"), "--dtype", dtype]
            try:
                _run(*words)
            except subprocess.CalledProcessError:
                wrong.append(f"{name} in {dtype}")
    if wrong:
        raise AssertionError(f"not as recorded: {', '.join(wrong)}")


def batching(device: torch.device) -> None:
    _run(
        str(ROOT / "benchmarks/batching.py"), "--device", str(device), "--dtype", "bfloat16", "--rounds", "2"
    )


def cost(device: torch.device) -> None:
    model = _model(device)
    print(
        f"{'batch':>6}{'':>14}{'':>8}"
        + "".join(f"{part:>9}" for part in (*PARTS, "all"))
        + f"{'GiB':>7}{'ratio':>7}"
    )
    for batch in (1, 8, 32) if device.type == "cuda" else (1, 2):
        for decoder in DECODERS:
            alone = 0.0
            for gate in ("never", "always"):
                _step(model, batch, DecodeSettings(2, 1, decoder=decoder, axon=_axon(gate)))  # to warm up
                length = CANVAS[device.type][1]
                settings = DecodeSettings(length, length, decoder=decoder, axon=_axon(gate))
                spent, peak = _step(model, batch, settings)
                cells = "".join(f"{1000 * second:9.2f}" for second in (*spent, sum(spent)))
                side = "+ AXON" if gate == "always" else ""
                alone = alone or sum(spent)
                print(
                    f"{batch:>6}{decoder.name:>14}{side:>8}{cells}{peak / 2**30:7.1f}{sum(spent) / alone:7.2f}",
                    flush=True,
                )


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
                decode(model, [[1] * 20] * 4, settings, timer=timer)
                torch.cuda.set_sync_debug_mode("default")
            found = sum("synchroniz" in str(one.message) for one in warned)
            print(
                f"{decoder.name:>14} {gate:>7}: {found / timer.entered['model']:.2f} per pass, rows that leave included"
            )


def memory(device: torch.device) -> None:
    """The rows of a batch that does not fit are decoded in smaller ones, and what they held is given back."""
    model = _model(device)
    cuda = device.type == "cuda"
    if cuda:
        total = torch.cuda.get_device_properties(device).total_memory
        torch.cuda.set_per_process_memory_fraction(
            (torch.cuda.memory_allocated(device) + TIGHT) / total, device
        )
    prompt, length = CANVAS[device.type]
    prompts = [Prompt(row, [1 + row % 7] * prompt, None) for row in range(64 if cuda else 4)]
    before = torch.cuda.memory_allocated(device) if cuda else 0
    room = Room(len(prompts), print)
    settings = DecodeSettings(length, length, decoder=Klass(), axon=_axon("never"))
    sizes = [rows for _, _, rows in room.stream(model, Waiting([prompts]), settings)]
    held = torch.cuda.memory_allocated(device) - before if cuda else 0
    print(
        f"{len(prompts)} rows asked for, decoded {sorted(set(sizes))} at once; {held / 2**20:.0f} MiB held afterwards"
    )
    if cuda:
        torch.cuda.set_per_process_memory_fraction(1.0, device)


def workers(device: torch.device) -> None:
    each = "0.5" if device.type == "cuda" else "0"
    words = ["sweep=with_axon", "task=arith", "limit=64", "wandb=off", "trade_off.values=[0.7,0.9]"]
    out = [
        "out=outputs/benchmark",
        f"store=outputs/benchmark/{int(perf_counter())}",
    ]  # decoded anew every time
    _run("launch.py", *words, *out, "cluster.workers=2", f"cluster.gpus_per_worker={each}")


def _model(device: torch.device) -> MaskedDiffusionModel:
    if device.type == "cuda":
        return random_model(LLADA_8B, str(device))
    return random_model(TOY, str(device), torch.float32)


def _axon(gate: str) -> AxonSettings:
    return AxonSettings(gate=gate, tau_sink="4x", max_anchor_steps=1000)  # type: ignore[arg-type]


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


SECTIONS: dict[str, Callable[[torch.device], None]] = {  # the order of their worth
    "verify": verify,
    "speed": speed,
    "cost": cost,
    "waits": waits,
    "compiled": compiled,
    "memory": memory,
    "batching": batching,
    "workers": workers,
}


if __name__ == "__main__":
    main()
