"""Checks that need more than the config: the GPU exists, the model can take the prompts, the cluster and W&B answer.

They run before anything is decoded. Each raises ConfigError with one line per fault.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from pathlib import Path

from pipeline.checkpoints.checkpoint import open_model
from pipeline.checkpoints.devices import check_fits, gpu_memories, has_gpu
from pipeline.checkpoints.loadable import check_loads
from pipeline.checkpoints.prompt import check_tokenizer, encode
from pipeline.errors import ConfigError, reason
from pipeline.inputs.config import ModelSettings
from pipeline.inputs.names import ADDRESS, CLIENT
from pipeline.planning.setting import Setting
from pipeline.tasks.first import first_examples

PATIENCE = 5  # seconds to wait for a cluster's answer


def check_login() -> None:
    """The user is logged in to W&B."""
    from pipeline.report.tracker import check_login as ask  # W&B takes a second to import

    try:
        ask()
    except ValueError as error:
        raise ConfigError([str(error)]) from None
    except Exception as error:  # such as a malformed key, or no network
        line = (
            f"wandb.mode=online: can't log in ({reason(error)}); run `wandb login`, or choose wandb=offline"
        )
        raise ConfigError([line]) from None


def check_settings(settings: Mapping[str, Setting], limit: int, here: bool) -> None:
    """Every setting can decode at least one of its examples. `here`: on this machine, not on a cluster."""
    faults: dict[str, None] = {}
    seen: set[object] = set()
    for setting in settings.values():
        asked = (setting.model, setting.task, setting.decode.gen_length)
        if asked in seen:
            continue
        seen.add(asked)
        try:
            if here:
                _check_device(setting.model)
            _check_prompts(setting, limit)
        except ValueError as error:
            faults[str(error)] = None
    if faults:
        raise ConfigError(faults)


def check_home() -> None:
    """The user has a home folder, which Ray asks for when it is imported: a container's may be in no list of users."""
    if os.path.expanduser("~") == "~":
        rule = "is not set, and the system knows no home folder of this user, which Ray needs"
        raise ConfigError([f"HOME: {rule}; set it, as in HOME=/tmp python launch.py ..."])


def check_address(address: str) -> None:
    """Something answers at the cluster's address. Ray itself would keep trying for minutes."""
    asked, source = _automatic() if address == "auto" else (address, "")
    named = f"cluster.address={address!r}{source}"
    if asked.startswith("ray://"):
        raise ConfigError([f"{named}: {CLIENT}"])
    found = ADDRESS.fullmatch(asked)
    if not found:  # auto: Ray looks for a cluster on this machine and says at once if there is none
        return
    try:
        socket.create_connection((found["host"].strip("[]"), int(found["port"])), PATIENCE).close()
    except (OSError, OverflowError) as error:
        line = f"{named}: nothing answers there ({reason(error)}); start Ray there, or choose cluster=local"
        raise ConfigError([line]) from None


def _automatic() -> tuple[str, str]:
    """The address that `auto` stands for, and its source: the environment, or the file that `ray start` leaves."""
    if given := os.environ.get("RAY_ADDRESS"):
        return given, f" (RAY_ADDRESS={given})"
    temporary = os.environ.get("RAY_TMPDIR") or os.environ.get("TMPDIR") or "/tmp"
    try:
        given = (Path(temporary) / "ray/ray_current_cluster").read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return "auto", ""
    return given, f" ({temporary}/ray/ray_current_cluster names {given})"


def _check_device(model: ModelSettings) -> None:
    if model.device != "cpu" and has_gpu():
        check_fits(model, open_model(model).described, gpu_memories())
    elif model.device == "cuda":
        raise ValueError("model.device='cuda': torch finds no GPU here; choose model.device=auto or cpu")


def _check_prompts(setting: Setting, limit: int) -> None:
    """At least one example's prompt leaves room for an answer. Stops at the first one found."""
    check_loads(setting.model)
    checkpoint = open_model(setting.model)
    model, length = setting.model, setting.decode.gen_length
    check_tokenizer(checkpoint.tokenizer, model)
    longest = checkpoint.described.max_length
    if length >= longest:
        raise ValueError(
            f"gen_length={length}: the model takes {longest} tokens, prompt and answer together; lower it"
        )
    sizes, faults = [], []
    for example in first_examples(setting.task, limit):
        try:
            sizes.append(len(encode(checkpoint.tokenizer, model, example, setting.task)))
        except Exception as error:  # templates and tokenizers may raise anything
            faults.append(reason(error))
        else:
            if sizes[-1] <= setting.decode.longest_prompt(longest):
                return
    if sizes:
        raise ValueError(
            f"gen_length={length}: with the shortest prompt, of {min(sizes)} tokens, it exceeds the {longest} that "
            f"the model takes; lower it{', or task.shots' * (setting.task.shots > 0)}"
        )
    raise ValueError(
        f"model.prompt={model.prompt!r}: no example becomes a prompt ({faults[0]}); choose the other form"
    )
