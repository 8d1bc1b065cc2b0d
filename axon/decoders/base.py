"""What all base decoders have in common. docs/method.md, section 2.

A decoder is a frozen dataclass: its settings are its fields, `propose` is its rule, and its class says what the rule
uses. The sampler computes only what is declared; a rule that uses more raises Undeclared. To add one: a file with
the class, its name in the registry (__init__.py), and conf/decoder/<name>.yaml.

Shapes: B rows, K block length.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from axon.checks import methods_of
from axon.proposal import REMASK_STEPS, Proposal
from axon.python_values import PythonValues
from axon.reads import Reads

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from axon.state import Plain, StepState


@dataclass
class Stateless:
    """The state of a decoder that remembers nothing from step to step."""


@dataclass(frozen=True, kw_only=True)
class Decoder(metaclass=PythonValues):
    """A rule for the positions to change in a step, before AXON intervenes."""

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    # Raised when a change to the rule can change a token: results stored under the old number then stay apart.
    version: ClassVar[int] = 1
    reads: ClassVar[Reads] = "block"
    needs_attention: ClassVar[bool] = False
    reads_later_blocks: ClassVar[bool] = False  # it follows what the model believes of them
    leeway_of: ClassVar[str | None] = (
        None  # the field of which its proposals say where it decides (axon/leeway.py)
    )
    revises: ClassVar[bool] = False  # it may remask or replace tokens that it has revealed
    needs_shadow: ClassVar[bool] = (
        False  # it reads what tokens are without themselves (axon/shadow_passes.py)
    )

    name: str

    @property
    def branches(self) -> int:
        """Canvases that a pass computes of each row: with more than one its state is `Guesses`, and a guess more in
        all of them but one (axon/branch_passes.py).
        """
        return 1

    @property
    def wider(self) -> str:
        """What a step computes where that is more than the canvas, in words; NFE counts it as one step all the same."""
        return "a shadow of the block beside the canvas" if self.needs_shadow else ""

    @property
    def needs_seeds(self) -> bool:
        """Whether it draws random numbers at temperature 0 too."""
        return False

    @property
    def seeks_sinks(self) -> bool:
        """Whether it asks for the attention that columns receive, in which sinks are sought."""
        return self.needs_attention and self.reads == "sequence"

    @property
    def reads_confidence(self) -> bool:
        """Whether confidence decides what is revealed."""
        return True

    @property
    def post_steps(self) -> int:
        """How many steps a block may take after it is full, at most.

        Each of them is a step as any other, in which nothing can be revealed and AXON has nothing to choose. The block
        ends with the first one that changes nothing. 0: it ends as soon as it is full.
        """
        return 0

    @property
    def boosts(self) -> bool:
        """Whether it has beliefs made of other logits than the model's."""
        return type(self).boosted is not Decoder.boosted

    def check(self, gen_length: int, block_length: int) -> None:
        """Raise ValueError where the settings do not fit these lengths."""
        return  # most fit all

    def identity(self) -> dict[str, Any]:
        """Its settings as plain data, a file by what it holds: two that are equal decode alike.

        Raises ValueError, one line, for a file that can't be read.
        """
        return asdict(self)

    def most_steps(self, gen_length: int, block_length: int, delays: int, all_open: bool) -> int:
        """Steps that a block can take if AXON replaces what is revealed in `delays` of them.

        `all_open`: whatever is masked in the block can be revealed in every step.

        Each of them reveals a position, for which others may have been masked again, or is one of `post_steps`.
        """
        return block_length * (REMASK_STEPS + 1 if self.revises else 1) + self.post_steps

    def new_state(
        self, rows: int, gen_length: int, block_length: int, vocab_size: int, device: torch.device
    ) -> object:
        """What it remembers of fresh rows: a dataclass of tensors whose first axis is the rows (see axon/rows.py)."""
        return Stateless()

    def boosted(self, plain: Plain) -> Tensor:
        """The logits (B, K, V) of the current block that beliefs are made of, once in each step, before `propose`.

        What reads the model's beliefs on the block reads these: the token that is drawn or likeliest, confidence and
        p*, `log_probs`, and AXON. Beliefs beyond the block (`Context`) stay the model's. It treats every row by itself,
        and may change `plain.logits_BKV` in place.
        """
        return plain.logits_BKV

    @abstractmethod
    def propose(self, state: StepState) -> Proposal:
        """The rule. It must treat every row by itself, and may find nothing to reveal."""


METHODS = methods_of(Decoder)
