"""Checks, before anything is decoded, that a job can write to `out`, a folder, and `store`, any fsspec address.

Each raises ConfigError, one line.
"""

from __future__ import annotations

import tempfile
import uuid
from pathlib import Path
from typing import Any

import fsspec
from fsspec.registry import known_implementations

from pipeline.errors import ConfigError, reason
from pipeline.inputs.config import Config
from pipeline.storage.folders import barred_from

SHIPPED = (
    "/runtime_resources/working_dir_files/"  # of `ray job submit --working-dir` (ray/_private/runtime_env)
)


def check_places(config: Config) -> None:
    """`out` and `store` can be written; for a job that only reads results, `store` can be reached."""
    check_folder("out", config.out)
    if config.job == "time":  # it doesn't use the store
        return
    if "://" in config.store:
        _check_remote(config.store, write=config.job == "run")
    elif config.job == "run":
        check_folder("store", config.store)


def check_folder(key: str, folder: str) -> None:
    if SHIPPED in str(Path(folder).resolve()):
        rule = "lies in the copy of the repository that Ray has made for this job, and removes after it"
        raise ConfigError([f"{key}={folder}: {rule}; give {key}=... as a full path"])
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        why = _in_the_way(error, Path(folder)) or reason(error)
        line = f"{key}={folder}: can't be written ({why}); choose another folder with {key}=..."
        raise ConfigError([line]) from None


def _in_the_way(error: OSError, folder: Path) -> str | None:
    """What stands where the folder is to be made, or bars from it; None where the error says enough."""
    if isinstance(error, PermissionError):
        return barred_from(folder)
    if not isinstance(error, FileExistsError):
        return None
    place = Path(error.filename)  # the folder, or one above it
    return f"{place} is {'no folder' if place.exists() else 'a link to what does not exist'}"


def _check_remote(root: str, write: bool) -> None:
    """The package for the protocol is installed, the bucket exists, and a file can be written."""
    check_protocol(root)
    try:
        files, base = fsspec.core.url_to_fs(root)
        check_bucket(root, files, base, "make it, or choose another")
        if write:
            probe = f"{base}/{uuid.uuid4().hex}.tmp"
            files.makedirs(base, exist_ok=True)
            files.pipe_file(probe, b"written")  # some services treat an empty file as a folder
            files.rm_file(probe)
    except ConfigError:
        raise
    except Exception as error:  # each service's client has its own exceptions
        done = "written" if write else "read"
        line = f"store={root}: can't be {done} ({reason(error)}); check its name and your access to it"
        raise ConfigError([line]) from None


def check_protocol(root: str) -> None:
    """The package for the address's protocol is installed."""
    protocol = root.split("://")[0].split("::")[-1]
    try:
        fsspec.get_filesystem_class(protocol)
    except ImportError as error:
        package = known_implementations[protocol]["class"].split(".")[0]
        rule = f"needs the package {package} on every machine; pip install {package}"
        if package == "fsspec":  # its own code for the protocol needs another package, which the error names
            rule = f"lacks a package ({reason(error)}); install it on every machine"
    except ValueError:
        rule = f"unknown protocol {protocol!r}; one of s3, gs, abfs, file or another that fsspec knows"
    else:
        return
    raise ConfigError([f"store={root}: {rule}"])


def check_bucket(root: str, files: Any, base: str, remedy: str) -> None:
    """Checked before anything is written: a client with the right to would create the bucket that a typo names."""
    bucket = base.split("/")[0]
    if not bucket or ":" in bucket:  # a path on a disk or a URL
        return
    try:
        files.ls(bucket, detail=False)
    except FileNotFoundError:
        line = f"store={root}: there is no bucket {bucket!r}; {remedy}"
        raise ConfigError([line]) from None
    except PermissionError:
        pass  # without the right to list there may still be the right to write
