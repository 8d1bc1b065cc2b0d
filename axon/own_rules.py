"""Gates and budget policies with settings of their own, as a package of the user's brings them. docs/extending.md.

Each is a frozen dataclass: its fields are its settings, which `AxonSettings.own` holds under the rule's name. What its
module does is part of an identity. AXON's settings reach it as `settings`, beside its own.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from axon.gates import Gate, GateState
from axon.policies import Fixed
from axon.python_values import PythonValues
from axon.reads import Reads

if TYPE_CHECKING:
    from torch import Tensor

    from axon.settings import AxonSettings


@dataclass(frozen=True, kw_only=True)
class OwnRule(metaclass=PythonValues):
    """What a gate and a policy have in common."""

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    # Raised when a change elsewhere, in what its module imports, can change a token.
    version: ClassVar[int] = 1


@dataclass(frozen=True, kw_only=True)
class OwnGate(OwnRule):
    """When AXON intervenes. What its class does not declare is not computed before it fires."""

    needs_attention: ClassVar[bool] = False
    needs_last_progress: ClassVar[bool] = False
    reads: ClassVar[Reads] = "block"
    certain: ClassVar[bool] = False  # it fires in every row
    settings_read: ClassVar[tuple[str, ...]] = ()  # of AXON's, that decide when it fires

    @abstractmethod
    def fires(self, state: GateState, settings: AxonSettings) -> Tensor:
        """In which rows, (R,) bool. It must treat every row by itself."""

    def declared(self) -> Gate:
        """As the gates here are."""
        return Gate(
            self.fires,
            needs_attention=self.needs_attention,
            settings_read=self.settings_read,
            reads=self.reads,
            certain=self.certain,
            needs_last_progress=self.needs_last_progress,
        )


@dataclass(frozen=True, kw_only=True)
class OwnPolicy(OwnRule, Fixed):
    """How many anchors, and which; `Fixed` says what can be overridden. Beside another policy: (OwnPolicy, Cover)."""


class OwnRules(dict[str, OwnRule]):
    """Rules by name, hashable, as settings are."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self.items()))
