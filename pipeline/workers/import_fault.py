"""A worker that can't import a file of the repository, or a package's decoder or rule, as Ray tells it.

On that machine no other try ends better.
"""

from __future__ import annotations

import re
from pathlib import Path

from axon.installed_parts import installed_kinds
from axon.own_code import ROOT, of_ours

TOLD = re.compile(r"^RuntimeError: (\S+\.py:\d+: .+; correct .+)$", re.MULTILINE)  # by trial.py
LACKING = re.compile(r"ModuleNotFoundError: No module named '([\w.]+)'")
FRAME = re.compile(r'^ *File "([^"]+)", line (\d+)(?:, in (\S+))?$', re.MULTILINE)
ERROR = re.compile(r"^\w+: .+$")


def import_fault(error: str) -> str | None:
    """A line such as `FILE:LINE: what; remedy`; None for any other end. `error`: the text of Ray's error."""
    if told := TOLD.search(error):
        return told[1]
    if lacking := LACKING.search(error):
        for part, name, kind in installed_kinds():
            if f"{kind.__module__}.".startswith(f"{lacking[1]}."):
                what = f"the package of {kind.__module__} isn't installed where the worker runs"
                return f"{part.key}={name!r}: {what}; install it on every machine"
    ours = [frame for frame in FRAME.findall(error) if of_ours(frame[0])]
    said = [line for line in error.splitlines() if ERROR.match(line)]
    if not said or not any(name == "<module>" for _, _, name in ours):
        return None
    file, line, _ = ours[-1]
    return f"{Path(file).relative_to(ROOT)}:{line}: {said[-1][:200]}; correct the file, or what it uses in a worker"
