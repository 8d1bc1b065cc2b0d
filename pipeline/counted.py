"""How counted things are written. Not in report/words/phrases.py, which imports pandas: not every job can wait."""


def counted(count: int, noun: str) -> str:
    """`1 example`, `2,000 examples`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def parameters_text(count: int) -> str:
    """As networks' sizes are told: `8.02 G parameters`, `596 M parameters`, `1.9 M parameters`, `8,320 parameters`."""
    if count < 1_000_000:
        return counted(count, "parameter")
    if count < 999_500_000:
        return f"{count / 1e6:.{0 if count >= 99_950_000 else 1}f} M parameters"
    return f"{count / 1e9:.2f} G parameters"
