"""What the code of a setting's own rules was when a record was made: of its decoder, gate, policy and task.

A version that somebody forgot to raise leaves results of other code under the setting's id, and nobody would be told.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
from functools import cache
from textwrap import dedent
from typing import Any

from axon.gates import GATES
from axon.policies import POLICIES
from pipeline.planning.setting import Setting
from pipeline.tasks import get_task

DIGITS = 8


def code_of(setting: Setting) -> str:
    """A digest of each part's code: `decoder=1f2e3d4c task=5a6b7c8d`."""
    return " ".join(f"{part}={digest(rule)}" for part, rule in rules_of(setting).items())


def rules_of(setting: Setting) -> dict[str, Any]:
    """By part, what `inspect` finds the code of: the file of a decoder or a task, and AXON's rules, which share one."""
    axon = setting.decode.axon
    task = get_task(setting.task.name, setting.task.form)
    rules: dict[str, Any] = {"decoder": inspect.getmodule(type(setting.decode.decoder))}
    if gate := GATES[axon.gate]:
        rules |= {"gate": gate.fires, "policy": type(POLICIES[axon.policy])}
    return rules | {"task": inspect.getmodule(type(task))}


@cache
def digest(rule: Any) -> str:
    """Of what it does: comments, docstrings and layout are no part of it. Where Python has no source, of nothing."""
    try:
        tree = ast.parse(dedent(inspect.getsource(rule)))
    except OSError:
        tree = ast.Module([], [])
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
            and ast.get_docstring(node) is not None
        ):
            node.body[:1] = [ast.Pass()]
    return hashlib.sha256(ast.unparse(tree).encode()).hexdigest()[:DIGITS]
