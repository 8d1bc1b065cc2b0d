"""Data within a page, for its scripts."""

import json
from typing import Any


def inline_json(value: Any) -> str:
    """Safe inside a script element, whatever its texts contain."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
