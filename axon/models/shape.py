"""The shape of a network: what decides how long a pass over it takes, and how much memory a row."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class NetworkShape:
    """Sizes and numbers of its parts."""

    layers: int
    hidden: int
    heads: int
    key_heads: int
    head: int  # the size of one
    feed_forward: int  # its width; of experts, of those that a position goes through together
    vocabulary: int
    block_causal: bool

    def flops(self, linear: int, positions: float, pairs: float, logits: float) -> float:
        """Floating-point operations, two per multiply-add.

        `linear` weights below lm_head are multiplied with each of the positions computed; attention is of `pairs` of
        such a position and a column that it sees; lm_head is applied to so many positions, `logits`. Norms, softmax
        and what a decoder or AXON computes beside the network are not included.
        """
        return (
            2.0 * linear * positions
            + 4.0 * self.layers * self.heads * self.head * pairs
            + 2.0 * self.hidden * self.vocabulary * logits
        )
