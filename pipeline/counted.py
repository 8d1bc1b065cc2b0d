"""How counted things are written. Not in report/words/phrases.py, which imports pandas: not every job can wait."""


def counted(count: int, noun: str) -> str:
    """`1 example`, `2,000 examples`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
