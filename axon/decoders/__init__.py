"""The base decoders by name. A decoder joins by its place in this union; see base.py."""

from typing import get_args

from axon.decoders.base import Decoder
from axon.decoders.confidence import Confidence
from axon.decoders.credit import Credit
from axon.decoders.dawn import Dawn
from axon.decoders.entropy_bounded import EntropyBounded
from axon.decoders.entropy_threshold import EntropyThreshold
from axon.decoders.factor import Factor
from axon.decoders.fixed_steps import FixedSteps
from axon.decoders.hierarchy import Hierarchy
from axon.decoders.joint_threshold import JointThreshold
from axon.decoders.klass import Klass
from axon.decoders.left_to_right import LeftToRight
from axon.decoders.local_leap import LocalLeap
from axon.decoders.slow_fast import SlowFast

__all__ = [
    "DECODERS",
    "Confidence",
    "Credit",
    "Dawn",
    "Decoder",
    "DecoderSettings",
    "EntropyBounded",
    "EntropyThreshold",
    "Factor",
    "FixedSteps",
    "Hierarchy",
    "JointThreshold",
    "Klass",
    "LeftToRight",
    "LocalLeap",
    "SlowFast",
]

# One class each, told apart by `name`.
DecoderSettings = (
    FixedSteps
    | Confidence
    | Factor
    | LocalLeap
    | Hierarchy
    | Klass
    | Dawn
    | EntropyBounded
    | EntropyThreshold
    | Credit
    | SlowFast
    | JointThreshold
    | LeftToRight
)

DECODERS: dict[str, type[DecoderSettings]] = {kind.name: kind for kind in get_args(DecoderSettings)}
