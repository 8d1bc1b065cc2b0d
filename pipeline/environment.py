"""What a command ran on: the versions of the code and of its packages, and the machine.

Holds nothing that says who ran it: no user or host names, no paths, no environment variables.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import subprocess
from contextlib import suppress
from dataclasses import asdict
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic.dataclasses import dataclass

from pipeline.checkpoints.devices import has_gpu
from pipeline.inputs.dotted import flatten
from pipeline.tasks.task import STRICT

if TYPE_CHECKING:
    import torch

REPOSITORY = Path(__file__).resolve().parents[1]
PROJECT = "axon-sweeps"
CODE = ("axon", "pipeline")
PACKAGES = (  # what can move a token, a score or an interval
    "torch",
    "transformers",
    "tokenizers",
    "safetensors",
    "datasets",
    "ray",
    "hydra-core",
    "pydantic",
    "numpy",
    "pandas",
    "pyarrow",
    "scipy",
    "math-verify",
    "sacrebleu",
    "rouge-score",
    "wandb",
)
TOLD = ("torch", "transformers")
PATIENCE = 10  # seconds for a program that is asked for a version


@dataclass(frozen=True, config=STRICT)
class Hardware:
    """The machine on which the command was given; a cluster's workers may be other machines."""

    system: str
    processor: str | None
    cores: int
    memory: int | None  # bytes
    device: Literal["cpu", "cuda"]  # what model.device=auto means there
    gpus: tuple[str, ...]
    cuda_driver: str | None


@dataclass(frozen=True, config=STRICT)
class Environment:
    project: str | None  # version of the installed project
    commit: str | None  # None outside of a git checkout
    dirty: bool | None  # whether tracked files differed from the commit
    python: str
    packages: dict[str, str]
    hardware: Hardware
    # A digest of the code: two changed copies of one commit differ. None: an older run.
    code: str | None = None

    def __str__(self) -> str:
        """What a reader looks for first: `commit 0d755d7, Python 3.11.2, torch 2.13.0, ..., cpu (2 cores)`."""
        where = ", ".join(self.hardware.gpus) or f"{self.hardware.device} ({self.hardware.cores} cores)"
        changed = " with changes" if self.dirty else ""
        parts = (
            f"commit {self.commit[:7]}{changed}" if self.commit else "",
            f"Python {self.python}",
            *(f"{name} {self.packages[name]}" for name in TOLD if name in self.packages),
            where,
        )
        return ", ".join(filter(None, parts))


@lru_cache(maxsize=1)
def this_environment() -> Environment:
    """Of this process. It takes a fraction of a second, the first time."""
    commit = _git("rev-parse", "HEAD") if _is_checkout() else None
    changes = _git("status", "--porcelain", "--untracked-files=no") if commit else None
    return Environment(
        project=_version(PROJECT),
        commit=commit,
        dirty=None if changes is None else bool(changes),
        python=platform.python_version(),
        packages={name: found for name in PACKAGES if (found := _version(name))},
        hardware=_hardware(),
        code=_code(),
    )


def device_name(device: torch.device, *others: torch.device) -> str:
    """The GPU's name, or the processor's; with the number of GPUs that a model is split over: `2 x NVIDIA H100`."""
    import torch

    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
        return f"{1 + len(others)} x {name}" if others else name
    return f"{device.type} ({_processor() or platform.machine()})"


def differences(then: Environment, now: Environment) -> list[str]:
    """One line for each thing in which two environments differ: `packages.torch: 2.12.0 then, 2.13.0 now`."""
    before, after = flatten(asdict(then)), flatten(asdict(now))
    if None in (then.code, now.code):
        before["code"] = after["code"] = None
    return [
        f"{key}: {_shown(before.get(key))} then, {_shown(after.get(key))} now"
        for key in {**before, **after}
        if before.get(key) != after.get(key)
    ]


def _shown(value: Any) -> str:
    if isinstance(value, (tuple, list)):
        return ", ".join(map(str, value)) or "none"
    return "none" if value is None else str(value)


def _code() -> str:
    """Of all that decodes and scores, changes that nobody has committed included."""
    found = hashlib.sha256()
    for file in sorted(file for folder in CODE for file in (REPOSITORY / folder).rglob("*.py")):
        found.update(f"{file.relative_to(REPOSITORY)}\0{file.stat().st_size}\0".encode() + file.read_bytes())
    return found.hexdigest()[:16]


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _is_checkout() -> bool:
    """Whether this repository is itself a git checkout, not a folder inside another one."""
    top = _git("rev-parse", "--show-toplevel")
    return top is not None and Path(top).resolve() == REPOSITORY


def _git(*words: str) -> str | None:
    return _said("git", "-C", str(REPOSITORY), *words)


def _said(*command: str) -> str | None:
    """What a program prints; None if it isn't there or fails."""
    with suppress(OSError, subprocess.SubprocessError, UnicodeDecodeError):
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True)
        return done.stdout.strip()
    return None


def _hardware() -> Hardware:
    # Asked of the driver's own tool: torch would open a CUDA context in a process that may only hand out work.
    listed = _said("nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader") or ""
    gpus = [line.rpartition(",") for line in listed.splitlines() if "," in line]
    return Hardware(
        system=f"{platform.system()} {platform.machine()}",
        processor=_processor(),
        cores=os.cpu_count() or 1,
        memory=_memory(),
        device="cuda" if has_gpu() else "cpu",
        gpus=tuple(name.strip() for name, _, _ in gpus),
        cuda_driver=gpus[0][2].strip() if gpus else None,
    )


@lru_cache(maxsize=1)
def _processor() -> str | None:
    with suppress(OSError):
        if found := re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE):
            return found[1].strip()
    return platform.processor() or None


def _memory() -> int | None:
    with suppress(OSError, ValueError, AttributeError):  # Linux and macOS know it
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return None
