"""Where the blocks of a row lie on its canvas.

A row is a prefix of its prompt and a generated area of whole blocks. Under alignment `prompt` the prefix is the prompt.
Under `absolute` blocks lie at multiples of the block length from position 0, so that the prompt's remainder opens the
area and the end of the area is rounded up to a whole block.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from axon.settings import BlockAlignment


@dataclass(frozen=True)
class RowBlocks:
    """The canvas of one row, in tokens."""

    prefix: int  # of the prompt, before the generated area
    given: int  # of the prompt, at the start of the area: fewer than a block
    count: int  # blocks of the area, which hold at least `given` + gen_length
    block_length: int

    @property
    def area(self) -> int:
        return self.count * self.block_length

    @property
    def canvas(self) -> int:
        return self.prefix + self.area


def row_blocks(
    prompt_length: int, gen_length: int, block_length: int, alignment: BlockAlignment
) -> RowBlocks:
    """The canvas of a prompt of that many tokens and its answer: `gen_length`, or to fill a block a few more."""
    given = prompt_length % block_length if alignment == "absolute" else 0
    count = -(-(given + gen_length) // block_length)
    return RowBlocks(prompt_length - given, given, count, block_length)


def widest_area(gen_length: int, block_length: int, alignment: BlockAlignment) -> int:
    """The generated area that holds that of every prompt, however long."""
    return row_blocks(block_length - 1, gen_length, block_length, alignment).area
