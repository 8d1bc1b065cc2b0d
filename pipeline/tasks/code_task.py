"""What tasks share whose answers are programs: the sandbox, and what its word is worth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pipeline.sandbox import Require, Sandbox, shared_sandbox
from pipeline.tasks.task import Score


@dataclass(frozen=True)
class CodeTask:
    """Scores by running. Where the sandbox itself fails, its methods raise RuntimeError: the answer is unscored."""

    require: Require = "isolated"

    @property
    def sandbox(self) -> Sandbox:
        """The sandbox of this process. Raises ConfigError where the machine lacks what is required."""
        return shared_sandbox(self.require)

    def passes(self, program: str | None, tests: str) -> bool:
        """Whether the tests are passed; no program passes none."""
        return program is not None and self.sandbox.run(program, tests).passed

    def outputs(self, program: str, inputs: list[list[Any]]) -> list[Any] | None:
        """What the program's function `f` returns for each input; None where it fails or runs too long."""
        return self.sandbox.outcomes(program, inputs)

    def judged(self, program: str | None, as_written: str, tests: str) -> Score:
        """The score of the program that was found; `harness`: of the answer as lm-eval would run it, unrepaired."""
        value = self.passes(program, tests)
        harness = value if as_written == program else self.passes(as_written, tests)
        return Score(float(value), program, {"harness": float(harness)}, self.sandbox.level)
