"""What the code of a setting's own rules was when a record was made: of its decoder, gate, policy and task.

A version that somebody forgot to raise leaves results of other code under the setting's id, and nobody would be told.
"""

from __future__ import annotations

import inspect
from typing import Any

from axon.code_digest import digest
from axon.gates import GATES
from axon.policies import POLICIES
from pipeline.planning.setting import Setting
from pipeline.tasks import get_task


def code_of(setting: Setting) -> str:
    """A digest of each part's code: `decoder=1f2e3d4c task=5a6b7c8d`."""
    return " ".join(f"{part}={digest(rule)}" for part, rule in rules_of(setting).items())


def rules_of(setting: Setting) -> dict[str, Any]:
    """By part, what `inspect` finds the code of.

    That is the file of a decoder, of a task or of a package's rule; AXON's rules that are here share one.
    """
    axon = setting.decode.axon
    task = get_task(setting.task.name, setting.task.form)
    rules: dict[str, Any] = {"decoder": inspect.getmodule(type(setting.decode.decoder))}
    if setting.uses_axon:
        gate, policy = GATES.get(axon.gate), POLICIES.get(axon.policy)
        rules["gate"] = gate.fires if gate else inspect.getmodule(type(axon.own[axon.gate]))
        rules["policy"] = type(policy) if policy else inspect.getmodule(type(axon.own[axon.policy]))
    return rules | {"task": inspect.getmodule(type(task))}
