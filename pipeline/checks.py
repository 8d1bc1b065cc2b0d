"""Wrong input that takes a look at the world to see: places that can't be written, a GPU that isn't there, prompts
that fit no model. Looked at before anything is decoded; each raises ConfigError with one line per fault.
"""

from __future__ import annotations

import importlib.util
import os
import socket
import tempfile
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import fsspec
import torch
from fsspec.registry import known_implementations

from pipeline.checkpoint import open_checkpoint
from pipeline.complaint import ConfigError
from pipeline.config import Config
from pipeline.evaluate import Loaded
from pipeline.names import ADDRESS
from pipeline.plan import Setting
from pipeline.tasks import Example, TaskSettings, open_task

PATIENCE = 5  # seconds for a connection to a cluster


def check_places(config: Config) -> None:
    """`out` and `store` can be written, or `store` at least reached where results are only read; W&B knows the user."""
    _check_folder("out", config.out)
    if "://" in config.store:
        _check_remote(config.store, write=config.job == "run")
    elif config.job == "run":
        _check_folder("store", config.store)
    if config.wandb.mode == "online":
        _check_login()


def check_settings(settings: Mapping[str, Setting], limit: int, here: bool) -> None:
    """Every setting can decode at least one of its examples. `here`: on this machine, not on a cluster's."""
    faults: dict[str, None] = {}
    seen: set[object] = set()
    for setting in settings.values():
        asked = (setting.model, setting.task, setting.decode.gen_length)
        if asked in seen:
            continue
        seen.add(asked)
        try:
            if here:
                _check_device(setting.model.device)
            _check_prompts(setting, limit)
        except ValueError as error:
            faults[str(error)] = None
    if faults:
        raise ConfigError(faults)


def check_address(address: str) -> None:
    """Something answers at a cluster's address: Ray itself would try for minutes."""
    asked = os.environ.get("RAY_ADDRESS") or address if address == "auto" else address
    found = ADDRESS.fullmatch(asked)
    if not found:  # auto: Ray looks for a cluster on this machine, and tells at once if there is none
        return
    named = f"cluster.address={address!r}" + (f" (RAY_ADDRESS={asked})" if asked != address else "")
    try:
        socket.create_connection((found["host"].strip("[]"), int(found["port"])), PATIENCE).close()
    except (OSError, OverflowError) as error:
        raise ConfigError(
            [f"{named}: nothing answers there ({_reason(error)}); start Ray there, or choose cluster=local"]
        ) from None
    if asked.startswith("ray://") and importlib.util.find_spec("grpc") is None:
        raise ConfigError(
            [
                f"{named}: needs Ray's client; pip install 'ray[client]', or give HOST:PORT of the head (port 6379)"
            ]
        )


def _check_folder(key: str, folder: str) -> None:
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        line = f"{key}={folder}: can't be written ({_reason(error)}); choose another folder with {key}=..."
        raise ConfigError([line]) from None


def _check_remote(root: str, write: bool) -> None:
    """The package for this kind of place is there, its bucket too, and a file can be written."""
    try:
        files, base = fsspec.core.url_to_fs(root)
        _check_bucket(files, base)
        if write:
            probe = f"{base}/{uuid.uuid4().hex}.tmp"
            files.makedirs(base, exist_ok=True)
            files.pipe_file(probe, b"written")  # some services take an empty file for a folder
            files.rm_file(probe)
    except ConfigError:
        raise
    except ImportError as error:
        raise ConfigError([f"store={root}: {_package(root, error)}"]) from None
    except Exception as error:  # the client of every service has errors of its own
        if "not known" in str(error):
            line = "unknown protocol; one of s3, gs, abfs, file or another that fsspec knows"
        else:
            line = f"can't be {'written' if write else 'read'} ({_reason(error)}); check its name and your access to it"
        raise ConfigError([f"store={root}: {line}"]) from None


def _check_bucket(files: Any, base: str) -> None:
    """Looked for before anything is written, for a client that may would make the bucket that a typing slip names."""
    bucket = base.split("/")[0]
    if not bucket or ":" in bucket:  # a path on a disk, a page of the web
        return
    try:
        files.ls(bucket, detail=False)
    except FileNotFoundError:
        line = (
            f"store={files.unstrip_protocol(base)}: there is no bucket {bucket!r}; make it, or choose another"
        )
        raise ConfigError([line]) from None
    except PermissionError:
        pass  # who may not list may still be let write


def _package(root: str, error: ImportError) -> str:
    protocol = root.split("://")[0].split("::")[-1]
    package = known_implementations.get(protocol, {}).get("class", "").split(".")[0]
    if package in ("", "fsspec"):
        return f"a package is missing ({_reason(error)}); install it"
    return f"needs the package {package} on every machine; pip install {package}"


def _check_login() -> None:
    from pipeline.report.tracker import check_login  # W&B takes a second to import

    try:
        check_login()
    except ValueError as error:
        raise ConfigError([str(error)]) from None
    except Exception as error:  # W&B's errors: a key of the wrong form, no network
        line = (
            f"wandb.mode=online: can't log in ({_reason(error)}); run `wandb login`, or choose wandb=offline"
        )
        raise ConfigError([line]) from None


def _check_device(device: str) -> None:
    if device == "cuda" and not torch.cuda.is_available():
        raise ValueError("model.device='cuda': torch finds no GPU here; choose model.device=auto or cpu")


def _check_prompts(setting: Setting, limit: int) -> None:
    """At least one of the examples becomes a prompt that leaves room for an answer. Stops at the first that does."""
    checkpoint = open_checkpoint(setting.model.path, setting.model.revision)
    model, length = setting.model, setting.decode.gen_length
    if model.prompt == "chat" and checkpoint.tokenizer.chat_template is None:
        raise ValueError(
            f"model.prompt='chat': the tokenizer of {model.path} has no chat template; choose model.prompt=raw"
        )
    longest = checkpoint.described.max_length
    if length >= longest:
        raise ValueError(
            f"gen_length={length}: the model takes {longest} tokens, prompt and answer together; lower it"
        )
    encode: Callable[..., list[int]] = Loaded(None, checkpoint.tokenizer, model.prompt).encode
    sizes, faults = [], []
    for example in _examples(setting.task, limit):
        try:
            sizes.append(len(encode(example, setting.task.shot_style)))
        except Exception as error:  # a template or a tokenizer may raise anything
            faults.append(_reason(error))
        else:
            if sizes[-1] + length <= longest:
                return
    if sizes:
        raise ValueError(
            f"gen_length={length}: with the shortest prompt, of {min(sizes)} tokens, it exceeds the {longest} that "
            "the model takes; lower it, or task.shots"
        )
    raise ValueError(
        f"model.prompt={model.prompt!r}: no example becomes a prompt ({faults[0]}); choose the other form"
    )


def _examples(task: TaskSettings, limit: int) -> list[Example]:
    """Raises ValueError where there are fewer, or where a row is not as its task needs it."""
    try:
        return open_task(task).examples(task.split, task.seed, limit)
    except ValueError:
        raise
    except Exception as error:  # a row may be of any form
        raise ValueError(
            f"task.path={task.path!r}: a row can't be made a question of {task.name} "
            f"({type(error).__name__}: {_reason(error)}); give the rows of this task"
        ) from None


def _reason(error: Exception) -> str:
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    lines = text.strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__
