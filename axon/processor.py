"""Who made the processor: libraries choose their routines by that, and some are slow on others' than their maker's."""

from __future__ import annotations

import re
from pathlib import Path

TOLD = Path("/proc/cpuinfo")  # Linux alone has it
AMD, INTEL = "AuthenticAMD", "GenuineIntel"


def maker_and_family() -> tuple[str, int]:
    """The maker's name and its number of the family, as the system tells; "" and 0 where it doesn't."""
    told = TOLD.read_text() if TOLD.is_file() else ""
    maker = re.search(r"^vendor_id\s*: (\S+)$", told, re.MULTILINE)
    family = re.search(r"^cpu family\s*: (\d+)$", told, re.MULTILINE)
    return (maker[1], int(family[1])) if maker and family else ("", 0)
