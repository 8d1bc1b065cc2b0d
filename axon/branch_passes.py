"""Passes over several canvases of each row: the row as it is, and branches with one guess more each.

The branch that leaves the model surest of what is still masked is kept, with its guess and all that its pass says
(LoPA, arXiv 2512.16229; zhijie-group/LoPA: scale_diffucoder_d2f/model.py). A guess is the token that the step before
found most likely at a position it did not reveal.

Shapes: B rows, C branches of a row, R branches of all rows, K block length, W canvas width, V vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from axon.attention import Capture
from axon.batch import Batch
from axon.elementwise import where_else
from axon.guesses import Ahead, Guesses
from axon.head import Head
from axon.models.layout import Layout
from axon.models.model import MaskedDiffusionModel
from axon.passes import Pass, canvas_layout
from axon.rows import places_on
from axon.settings import DecodeSettings
from axon.state import StepState


@dataclass(frozen=True)
class _Branches:
    """Those of a pass, for as long as the rows that have several are the same."""

    blocks: list[int]
    several: list[bool]  # the rows that have C; the others, in the first step of a block, have but one
    rows_R: Tensor
    guess_R: Tensor  # the rank of its guess; -1: none
    place_BC: Tensor  # of each row's branches among the R, the one without a guess last
    layout: Layout  # of the R
    columns_RK: Tensor
    read_RK: Tensor | None  # the columns whose final states somebody reads; None: any
    computed_B: Tensor  # positions, and pairs of such a position and a column
    pairs_B: Tensor
    more_B: Tensor  # logits beside those of one branch


class BranchPasses:
    """Every pass computes the whole canvas of each branch; `stored` says of which block a row's guesses are."""

    def __init__(self, model: MaskedDiffusionModel, batch: Batch, settings: DecodeSettings) -> None:
        self._model = model
        self._batch = batch
        self._head = Head(model, settings.end_of_text)
        self._layout = canvas_layout(model, batch, settings)
        self._decoder = settings.decoder
        self._last: _Branches | None = None

    def next(self, blocks: list[int], layers: tuple[int, ...]) -> Pass:
        """See `Passes`."""
        branches, guesses = self._branches(blocks), self._guesses()
        open_RK, guess_RK, canvas_RW = self._canvases(blocks, branches, guesses)
        capture = Capture(layers, branches.layout.real_BW)
        hidden_RWD = self._model(
            canvas_RW, branches.layout, capture if layers else None, read_BQ=branches.read_RK
        )
        self._add_counts(branches)
        places_RK = torch.arange(len(guess_RK), device=guess_RK.device)[:, None].expand_as(guess_RK)
        logits_RKV = self._head.logits(hidden_RWD, places_RK, branches.columns_RK, branches.layout)
        best_B = self._best(branches, open_RK, guess_RK, logits_RKV)
        happens_BK = guess_RK[best_B]
        self._batch.counts.add_marked("ahead", happens_BK)
        return Pass(
            self._layout,
            hidden_RWD[best_B],
            capture.of_rows(best_B),
            logits_BKV=logits_RKV[best_B],
            ahead=Ahead(happens_BK, guesses.token_BK, guesses.confidence_BK),
        )

    def _guesses(self) -> Guesses:
        """Of the step before. Raises AssertionError where the decoder keeps none."""
        guesses = self._batch.decoder_state
        if not isinstance(guesses, Guesses):
            name, kind = self._decoder.name, type(guesses).__name__
            raise AssertionError(
                f"decoder {name}: has several branches, and its state is a {kind}; let new_state return Guesses"
            )
        return guesses

    def _canvases(
        self, blocks: list[int], branches: _Branches, guesses: Guesses
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Of each branch what may be revealed but for its guess, where that lies, (R, K) bool each, and its canvas."""
        batch, rows_R = self._batch, branches.rows_R
        places_BK = batch.places_BK(blocks)
        written_BK = batch.tokens_BG.gather(1, places_BK)
        open_BK = self._model.open(batch.masked(written_BK, places_BK))
        # Of a single position no guess is made: the step would have nothing to reveal.
        several_B1 = open_BK.sum(1, keepdim=True) > 1
        rank_BK = StepState.rank(guesses.confidence_BK, open_BK)
        rank_BK = where_else(open_BK & several_B1, rank_BK, len(batch.block_K))
        guess_RK = rank_BK[rows_R] == branches.guess_R[:, None]
        block_RK = torch.where(guess_RK, guesses.token_BK[rows_R], written_BK[rows_R])
        canvas_RW = batch.canvas_BW[:, : self._layout.seen][rows_R]
        return open_BK[rows_R], guess_RK, canvas_RW.scatter_(1, branches.columns_RK, block_RK)

    def _best(self, branches: _Branches, open_RK: Tensor, guess_RK: Tensor, logits_RKV: Tensor) -> Tensor:
        """Of each row's branches the surest of what may still be revealed, on a tie the first: its place in R, (B,)."""
        p_max_RK, left_RK = self._head.likeliest(logits_RKV)[1], open_RK & ~guess_RK
        sure_R = (p_max_RK * left_RK).sum(1) / left_RK.sum(1)
        without_R = (branches.guess_R >= 0) & ~guess_RK.any(1)  # nothing was left to guess
        sure_BC = sure_R.masked_fill(without_R, -1.0)[branches.place_BC]
        return branches.place_BC.gather(1, sure_BC.argmax(1, keepdim=True))[:, 0]

    def _add_counts(self, branches: _Branches) -> None:
        counts = self._batch.counts
        counts.add_unchanged("computed_positions", branches.computed_B)
        counts.add_unchanged("attention_pairs", branches.pairs_B)
        counts.add_unchanged("logit_positions", branches.more_B)

    def _branches(self, blocks: list[int]) -> _Branches:
        """Of this pass; after it the batch has guesses for these blocks."""
        stored = self._batch.stored
        several = [before == block for before, block in zip(stored, blocks, strict=True)]
        stored[:] = blocks
        last = self._last
        if last is None or (last.blocks, last.several) != (blocks, several):
            self._last = last = self._made(list(blocks), several)
        return last

    def _made(self, blocks: list[int], several: list[bool]) -> _Branches:
        layout, batch, device = self._layout, self._batch, self._batch.canvas_BW.device
        own = [[*range(self._decoder.branches - 1), -1] if more else [-1] for more in several]
        starts = [sum(map(len, own[:row])) for row in range(len(own))]
        places = [
            [start + min(branch, len(guesses) - 1) for branch in range(self._decoder.branches)]
            for start, guesses in zip(starts, own, strict=True)
        ]
        rows_R = places_on([row for row, guesses in enumerate(own) for _ in guesses], device)
        count_B = places_on([len(guesses) for guesses in own], device)
        columns_RK = batch.columns_BK(blocks)[rows_R]
        of_branches = layout.of_rows(rows_R)
        read_RK: Tensor | None = None
        if self._decoder.reads == "block":
            read_RK = self._model.read_columns(columns_RK, of_branches.starts_B[:, None])
        return _Branches(
            blocks,
            several,
            rows_R,
            places_on([guess for guesses in own for guess in guesses], device),
            places_on([place for row in places for place in row], device).view(len(own), -1),
            of_branches,
            columns_RK,
            read_RK,
            count_B * layout.width_B,
            count_B * layout.width_B**2,
            (count_B - 1) * columns_RK.shape[1],
        )
