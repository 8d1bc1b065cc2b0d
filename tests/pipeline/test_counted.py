"""How counted things are written."""

import pytest

from pipeline.counted import parameters_text


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (1, "1 parameter"),
        (8_320, "8,320 parameters"),
        (999_999, "999,999 parameters"),
        (1_887_744, "1.9 M parameters"),
        (99_949_999, "99.9 M parameters"),
        (99_950_000, "100 M parameters"),
        (596_049_920, "596 M parameters"),
        (999_499_999, "999 M parameters"),
        (999_500_000, "1.00 G parameters"),
        (8_015_581_184, "8.02 G parameters"),
    ],
)
def test_a_size_is_told_in_the_unit_that_shows_it(count: int, expected: str) -> None:
    assert parameters_text(count) == expected
