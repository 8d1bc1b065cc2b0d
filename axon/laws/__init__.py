"""The laws that every decoder keeps, with every gate and setting. Each raises AssertionError where it is broken.

    python -m axon.laws NAME [KEY=VALUE ...]

tries them on a decoder, a gate or a policy, an installed package's as well (docs/extending.md). The tests try them on
all that are here.
"""
