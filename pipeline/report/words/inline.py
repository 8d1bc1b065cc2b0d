"""Texts and data within a page."""

import json
from html import escape
from typing import Any


def unbroken(text: str) -> str:
    """Escaped; no line of the page begins with a percent sign."""
    return escape(text).replace(" %", "&nbsp;%")


def inline_json(value: Any) -> str:
    """Safe inside a script element, whatever its texts contain."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
