"""How busy the machine is: figures taken beside other work mean less."""

from __future__ import annotations

import os


def load_line() -> str:
    """Such as "load 2.1 on 2 cores"."""
    return f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
