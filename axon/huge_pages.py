"""Large tensors on huge pages, which torch takes on Linux where its environment says so."""

from __future__ import annotations

import os

# Read by torch as it makes its first tensor (c10/core/impl/alloc_cpu.cpp); it concerns tensors from 2 MiB on.
VARIABLE = "THP_MEM_ALLOC_ENABLE"


def huge_pages() -> None:
    """Let torch ask the system for huge pages, unless the environment says otherwise or torch has tensors already.

    A system without them (/sys/kernel/mm/transparent_hugepage/enabled: never) isn't asked.
    """
    os.environ.setdefault(VARIABLE, "1")
