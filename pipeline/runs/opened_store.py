"""A store read as if it were a run: for comparisons where the folders of the runs that filled it are gone."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import fsspec

from pipeline.environment import this_environment
from pipeline.errors import ConfigError, reason
from pipeline.inputs.dotted import flatten
from pipeline.inputs.places import check_bucket, check_protocol
from pipeline.inputs.word_path import read_path
from pipeline.planning.setting import Setting
from pipeline.runs.identified import identified_setting, with_knobs
from pipeline.runs.opened import OpenedRun, Origin, read_values
from pipeline.runs.run import FORMAT, Run
from pipeline.storage.inventory import Inventory, read_inventory
from pipeline.storage.store import Store

UNKNOWN = (
    "A store alone: its settings are grouped by decoder, gate and policy, and a model is called by the hash of its "
    "content. Which sweeps asked for them, how many examples each was to have, which were stopped early, and what was "
    "expected of them is not known."
)
PROJECT = "axon"  # in W&B, as in conf/wandb


class OpenedStore(OpenedRun):
    """`run`: all that the store holds, or some of it, with what is not known left empty."""

    def only(self, setting_ids: Collection[str]) -> Self:
        """Knobs are what differs between those that are left."""
        part = super().only(setting_ids)
        part.run = replace(part.run, settings=tuple(with_knobs(part.run.settings)))
        return part

    def values(self, setting: Setting) -> dict[str, Any]:
        """Those that its identity says, and no name of a run or a sweep."""
        told = {
            "setting_id": setting.id,
            "group": setting.group,
            "model": setting.model_name,
            "task": setting.task.name,
            "store": self.origin.name,
        }
        if not setting.foreign:
            told["decoder"] = setting.decode.decoder.name
        decode = {} if setting.foreign else {**asdict(setting.decode), "seed": setting.seed}
        known = flatten({**setting.identity, **decode})
        return {**told, **read_values(setting, known), **told}


def open_store(address: str) -> tuple[OpenedStore, list[str]]:
    """The store with all its settings, and a line for each that can't be read.

    Raises ConfigError, one line, where there is no store, or none of its settings can be read.
    """
    if "://" in address:
        check_protocol(address)
    root = Store(address if "://" in address else str(read_path("store", address))).root
    try:
        found = read_inventory(root)
    except Exception as error:  # the client of every service has errors of its own
        line = f"store={address}: can't be read ({reason(error)}); check its address and your access to it"
        raise ConfigError([line]) from None
    settings, unread = _settings(found)
    if not settings:
        if unread:
            raise ConfigError(
                [f"store={address}: none of its {len(unread)} settings can be read; {unread[0]}"]
            )
        remedy = f"give a sweep's store, such as {_below(address, root)}"
        raise ConfigError([f"store={address}: {_lacks(address, root)}; {remedy}"])
    origin = Origin(address, f"store={address}", "give another, or run the sweep again", (UNKNOWN,))
    return OpenedStore(Path(root), _run(address, root, with_knobs(settings), found), origin), unread


def _lacks(address: str, root: str) -> str:
    """What is there in place of results. Raises ConfigError where there is no such bucket."""
    try:
        files, base = fsspec.core.url_to_fs(root)
        check_bucket(address, files, base, "correct its name, or check whose it is")
        if files.isdir(base):
            return "holds no results"
        if files.exists(base):
            return "is a file"
    except OSError:  # whoever may read what it holds need not have the right to ask what it is
        return "holds no results"
    return "nothing lies at this address" if "://" in address else "there is no such folder"


def _below(address: str, root: str) -> str:
    """The store in the folder that was given in its place, where there is one."""
    with suppress(OSError):  # it can't be read
        if "://" not in address and read_inventory(f"{root}/store").examples:
            return f"{address.rstrip('/')}/store"
    return "outputs/store"


def _settings(found: Inventory) -> tuple[list[Setting], list[str]]:
    settings, unread = [], list(found.unread)
    for sid, identity in found.identities.items():
        try:
            settings.append(identified_setting(sid, identity))
        except ValueError as error:
            unread.append(f"setting {sid}: {error}")
    # Base decoders before AXON, so that what is compared with them follows.
    settings.sort(key=lambda own: (own.task.name, own.model_name, own.foreign, own.group, own.id))
    return settings, unread


def _run(name: str, root: str, settings: list[Setting], found: Inventory) -> Run:
    return Run(
        format=FORMAT,
        name=name,
        title=f"the store {name}",
        command="",
        status="done",
        error=None,
        failures={},
        config={"wandb": {"project": PROJECT}},
        space=(),
        settings=tuple(settings),
        asked=len(settings),
        limit=max(found.examples[setting.id] for setting in settings),
        examples={setting.id: found.examples[setting.id] for setting in settings},
        store=root,
        environment=this_environment(),  # of this command, which decodes nothing: that of the decodes is in the records
        started=datetime.now(UTC),
        finished=None,
        seconds=None,
    )
