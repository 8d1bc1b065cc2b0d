"""How a share is written. Apart from labels.py, as the display has no time to import pandas."""


def percent(share: float, digits: int = 0) -> str:
    """`12.8 %`, for 0.128 and one digit."""
    return f"{share * 100:.{digits}f} %"
