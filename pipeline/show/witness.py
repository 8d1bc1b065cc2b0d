"""Writes down what each step of a decode of one row saw."""

from __future__ import annotations

from torch import Tensor

from axon.batch import Batch
from axon.gates import GateState
from axon.policies import Support
from axon.settings import AxonSettings
from axon.state import StepState
from pipeline.show.frames import Anchor, GateSeen, Seen
from pipeline.show.gate_values import comparisons


class Witness:
    """An `axon.watch.Watcher` of a batch of one row: `seen` has an entry a step afterwards."""

    def __init__(self, settings: AxonSettings) -> None:
        self.seen: list[Seen] = []
        self._settings = settings
        self._gate: GateSeen | None = None
        self._anchors: list[tuple[int, list[float]]] = []  # place in the block, support of each place there

    def asked(self, rows_R: Tensor | None, state: GateState, fires_R: Tensor) -> None:
        self._gate = GateSeen(self._settings.gate, bool(fires_R.item()), comparisons(state, self._settings))

    def chose(
        self, rows_F: Tensor | None, support: Support, chosen_FK: Tensor, fires_F: Tensor | None
    ) -> None:
        if fires_F is None or bool(fires_F.item()):
            places = chosen_FK[0].nonzero()[:, 0].tolist()
            places.sort(key=lambda place: -float(support.confidence_FK[0, place]))
            self._anchors = [(place, support.weights_FKK[0, :, place].tolist()) for place in places]

    def stepped(self, batch: Batch, state: StepState, proposal_BK: Tensor) -> None:
        given = batch.blocks[0].given
        first = int(state.places_BK[0, 0]) - given
        length = state.places_BK.shape[1]
        places = state.masked_BK[0].nonzero()[:, 0].tolist()
        confidence, tokens = state.confidence_BK[0].tolist(), state.token_BK[0].tolist()
        self.seen.append(
            Seen(
                block=(max(0, first), first + length),
                confidence={first + place: confidence[place] for place in places},
                guesses={first + place: tokens[place] for place in places},
                proposal=tuple(first + place for place in proposal_BK[0].nonzero()[:, 0].tolist()),
                gate=self._gate,
                anchors=tuple(self._anchor(first, place, weights) for place, weights in self._anchors),
            )
        )
        self._gate, self._anchors = None, []

    @staticmethod
    def _anchor(first: int, place: int, weights: list[float]) -> Anchor:
        supported = [(first + other, weight) for other, weight in enumerate(weights) if weight > 0]
        return Anchor(first + place, tuple(sorted(supported, key=lambda one: -one[1])))
