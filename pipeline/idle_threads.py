"""How long numpy's threads wait for the next product of matrices, with a processor that others could use."""

from __future__ import annotations

import os

# Read by OpenBLAS as numpy is imported (OpenMathLib/OpenBLAS: driver/others/blas_server.c). Its own is 28.
VARIABLE, EXPONENT = "OPENBLAS_THREAD_TIMEOUT", "20"


def idle_threads() -> None:
    """2^20 ticks, not 2^28, unless the environment says otherwise: a third of a report's processor time was waiting."""
    os.environ.setdefault(VARIABLE, EXPONENT)
