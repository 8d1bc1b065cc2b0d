"""The base decoders by name. A decoder joins by its place in this union; see base.py."""

from typing import get_args

from axon.decoders.base import Decoder
from axon.decoders.clad import Clad
from axon.decoders.confidence import Confidence
from axon.decoders.credit import Credit
from axon.decoders.dapd import Dapd
from axon.decoders.dawn import Dawn
from axon.decoders.dsb import Dsb
from axon.decoders.dus import Dus
from axon.decoders.entropy_bounded import EntropyBounded
from axon.decoders.entropy_threshold import EntropyThreshold
from axon.decoders.factor import Factor
from axon.decoders.fixed_steps import FixedSteps
from axon.decoders.hierarchy import Hierarchy
from axon.decoders.hierarchy_remasking import HierarchyRemasking
from axon.decoders.joint_threshold import JointThreshold
from axon.decoders.klass import Klass
from axon.decoders.left_to_right import LeftToRight
from axon.decoders.local_leap import LocalLeap
from axon.decoders.lopa import Lopa
from axon.decoders.pc_sampler import PcSampler
from axon.decoders.rcr import Rcr
from axon.decoders.slow_fast import SlowFast
from axon.decoders.wino import Wino

__all__ = [
    "DECODERS",
    "Clad",
    "Confidence",
    "Credit",
    "Dapd",
    "Dawn",
    "Decoder",
    "DecoderSettings",
    "Dsb",
    "Dus",
    "EntropyBounded",
    "EntropyThreshold",
    "Factor",
    "FixedSteps",
    "Hierarchy",
    "HierarchyRemasking",
    "JointThreshold",
    "Klass",
    "LeftToRight",
    "LocalLeap",
    "Lopa",
    "PcSampler",
    "Rcr",
    "SlowFast",
    "Wino",
]

# One class each, told apart by `name`.
DecoderSettings = (
    FixedSteps
    | Confidence
    | Factor
    | LocalLeap
    | Hierarchy
    | HierarchyRemasking
    | Klass
    | Dawn
    | Clad
    | Dapd
    | EntropyBounded
    | EntropyThreshold
    | Credit
    | SlowFast
    | Lopa
    | Wino
    | Rcr
    | Dsb
    | Dus
    | PcSampler
    | JointThreshold
    | LeftToRight
)

DECODERS: dict[str, type[DecoderSettings]] = {kind.name: kind for kind in get_args(DecoderSettings)}
